"""What ``bcauto inspect`` takes, which copies each way finds, what a list of label errors is worth.

    python benchmarks/inspection.py --data FILE --weights DIR [--backbone MobileNet-0.75]

First a whole inspection is timed, in seconds and CPU seconds, without the import of Python's own
modules. Then copies are looked for by each way, with the features of every picture taken anew: in
the data as it is, and with every copy changed by JPEG (quality 70 to 95) and white noise (2 grey
levels). What is right is what equal pixels say of the data as it is. Recall is the share of copies
that are found; precision the share of what is found that are copies. Last, labels of the cleaned
pictures are changed at random, and looked for.

Ends with exit code 1 where the inspection takes more than 60 CPU seconds, or a way misses a copy of
an intruder or a duplicate in the data as it is.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bcauto.inspection.collection import Collection
from bcauto.inspection.copies import Copies, Group, find_copies, find_near_copies
from bcauto.inspection.features import find_extractor, standard_of
from bcauto.inspection.inspect import Inspection, Request, inspect
from bcauto.inspection.label_errors import find_label_errors
from bcauto.inspection.layout import components_of, lay_out
from bcauto.inspection.outliers import Outliers, class_mean_outliers, mahalanobis_outliers
from bcauto.inspection.ways import Way, find_by_ways

ASKED = 60.0  # CPU seconds
Numbers = set[int]


def main() -> None:
    """Run all three parts and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--backbone")
    given = parser.parse_args()
    request = Request(weights=given.weights, backbone=given.backbone)
    found, cpu = timed(given.data, request)
    collection, copies = found.collection, found.copies
    truth = Truth(copies)
    missed = print_ways("as it is", collection, request, truth)
    print_ways("every copy changed", changed(collection, copies), request, truth)
    print_label_errors(collection, copies, request)
    passed = cpu <= ASKED and not missed
    print(f"{'as asked' if passed else 'a miss'}: {cpu:.1f} of {ASKED:.0f} CPU seconds")
    sys.exit(0 if passed else 1)


def timed(path: Path, request: Request) -> tuple[Inspection, float]:
    """Return a whole inspection, and the CPU seconds that it took."""
    began, spent = time.perf_counter(), time.process_time()
    found = inspect(path, request)
    seconds, cpu = time.perf_counter() - began, time.process_time() - spent
    steps = ", ".join(f"{name} {took:.1f}" for name, took in found.seconds.items())
    pictures = len(found.collection)
    print(f"{pictures} pictures, {found.compared.features}: {seconds:.1f} s, {cpu:.1f} s of CPU")
    print(f"  {steps}")
    return found, cpu


class Truth:
    """What equal pixels say."""

    def __init__(self, copies: Copies) -> None:
        self.copies = copies
        self.intruders: Numbers = {*np.flatnonzero(copies.intruding).tolist()}
        self.duplicates: Numbers = {*copies.spare.tolist()}

    def judge(self, crowds: Iterable[Group], pairs: Iterable[Group]) -> tuple[str, bool]:
        """Return precision and recall of intruders' copies and duplicates, and if all are found."""
        crowded = {number for group in crowds for number in group}
        spare = {number for group in pairs for number in group[1:]}
        shown = [
            f"{share(found & known, found)}  {share(found & known, known)}"
            for found, known in ((crowded, self.intruders), (spare, self.duplicates))
        ]
        whole = self.intruders <= crowded and self.duplicates <= spare
        return "   ".join(shown), whole


def share(part: Numbers, whole: Numbers) -> str:
    """Return how much a part is, with its counts."""
    ratio = f"{len(part) / len(whole):.3f}" if whole else "    -"
    return f"{ratio} {f'({len(part)}/{len(whole)})':9}"


def print_ways(title: str, collection: Collection, request: Request, truth: Truth) -> list[str]:
    """Print what each way finds; return the ways that miss a copy."""
    extractor = find_extractor(request.weights, request.backbone, collection.image_size)
    raw = extractor.start(collection.image_size)(collection.images)
    copies = find_copies(collection)
    features = standard_of(raw[copies.distinct])(raw)
    components, explained = components_of(features, copies)
    layout = lay_out(components, explained, request.seed)
    ways = [*find_by_ways(collection.images, copies.place, features, components, layout)]
    ways.append(near_duplicates(collection, copies))
    print(f"\n{title}{'':{32 - len(title)}}intruders' copies            duplicates")
    print(f"{'way':24}{'precision':17}{'recall':20}{'precision':17}{'recall':17}seconds")
    missed = []
    for way in ways:
        shown, whole = truth.judge(way.crowds, way.pairs)
        print(f"{way.name:24}{shown}  {way.seconds:.1f}")
        if not whole:
            missed.append(way.name)
    every, labels = np.arange(len(collection)), collection.labels
    print("ranked by distance, the share of intruders' copies among as many first places:")
    for how, among in {
        "each copy counts": every,
        "each content counts once": truth.copies.distinct,
    }.items():
        print_rank(f"Mahalanobis, {how}", mahalanobis_outliers(components, among), truth)
        print_rank(f"class mean, {how}", class_mean_outliers(components, labels, among), truth)
    return missed


def near_duplicates(collection: Collection, copies: Copies) -> Way:
    """Return bcauto's own search for near duplicates as a way, all pictures among them."""
    began = time.perf_counter()
    groups = find_near_copies(collection, copies.distinct, 0).groups
    of_content = {number: [number] for number in copies.distinct.tolist()}
    for number, place in enumerate(copies.place.tolist()):
        if number not in of_content:
            of_content[int(copies.distinct[place])].append(number)
    linked = {number for group in groups for number in group}
    whole = [tuple(sorted(each for one in group for each in of_content[one])) for group in groups]
    whole += [(*same,) for one, same in of_content.items() if len(same) > 1 and one not in linked]
    return Way("near duplicates", "", tuple(whole), time.perf_counter() - began)


def print_rank(title: str, outliers: Outliers, truth: Truth) -> None:
    """Print how many of the first places intruders have, and which place the last of them has."""
    hits = np.isin(outliers.numbers, [*truth.intruders])
    count = int(hits.sum())
    last = int(np.flatnonzero(hits)[-1]) + 1 if count else 0
    print(f"  {title:42}{hits[:count].sum()} of {count}; the last is number {last}")


def changed(collection: Collection, copies: Copies) -> Collection:
    """Return the pictures with JPEG and noise in every copy, so that no two are equal."""
    rng = np.random.default_rng(0)
    images = collection.images.copy()
    for number in sorted({*np.flatnonzero(copies.intruding).tolist(), *copies.spare.tolist()}):
        noisy = images[number] + rng.normal(0, 2, images[number].shape)
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(70, 96))]
        _, data = cv2.imencode(".jpg", noisy.clip(0, 255).astype(np.uint8), quality)
        images[number] = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return replace(collection, images=images)


def print_label_errors(collection: Collection, copies: Copies, request: Request) -> None:
    """Print precision and recall for labels changed to any class, and to the likeliest one."""
    extractor = find_extractor(request.weights, request.backbone, collection.image_size)
    raw = extractor.start(collection.image_size)(collection.images[copies.genuine])
    features, labels = standard_of(raw)(raw), collection.labels[copies.genuine]
    every = np.arange(len(labels))
    found = find_label_errors(features, labels, every, 0)
    before = {each.number for each in found.errors}
    print(f"\nlabels of {len(labels)} pictures; the model agrees with {found.accuracy:.3f}")
    print(f"as they are: {len(before)} listed")
    for part in (0.01, 0.05, 0.1, 0.2):
        noisy, flipped = flip(labels, part)
        errors = find_label_errors(features, noisy, every, 0).errors
        listed = [each.number for each in errors]
        hits = [number in flipped for number in listed]
        first = sum(hits[: len(flipped)])
        right = sum(
            each.suggested == labels[each.number] for each in errors if each.number in flipped
        )
        print(
            f"{part:.0%} changed: {len(listed)} listed, precision {np.mean(hits):.3f}, recall "
            f"{sum(hits) / len(flipped):.3f}; of the first {len(flipped)} places {first} are "
            f"changed ones; the true label is suggested for {right} of {sum(hits)}"
        )


def flip(labels: NDArray[np.int64], part: float) -> tuple[NDArray[np.int64], Numbers]:
    """Return labels of which a part is another, and the numbers of these."""
    rng = np.random.default_rng(1)
    classes = int(labels.max()) + 1
    at = rng.permutation(len(labels))[: round(part * len(labels))]
    noisy = labels.copy()
    noisy[at] = (labels[at] + rng.integers(1, classes, len(at))) % classes
    return noisy, {*at.tolist()}


if __name__ == "__main__":
    main()
