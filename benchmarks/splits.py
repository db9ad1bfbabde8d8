"""Whether sets of many variants of few pictures are split without leaks, with a tenth to validate.

    python benchmarks/splits.py [--sets 200] [--seed 0]

Makes data sets of 28 px, each of 2 to 8 classes of 2 to 500 pictures: 1 to 40 variants (turned,
mirrored, brighter or darker) of each of some originals, and of half of the sets also patients of
several originals. Each is written to an npz file and read, cleaned and split as a search would.
Prints how many were split; of these, in how many a variant of a picture, or a picture of a patient,
is on the other side; and in how many the share that validates is not .08 to .12 though one of 2,000
random choices of whole groups has one that is. It also prints how many were refused, and whether
the class that is named then has all its pictures in one group.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from bcauto.data.dataset import load
from bcauto.data.fingerprints import PictureFingerprints
from bcauto.errors import BadInput

_SIDE = 28  # px
_LEAST, _MOST = 0.08, 0.12  # of the pictures validate, where their groups allow
_TRIES = 2000  # random choices of groups, to see whether they allow


@dataclass(frozen=True)
class Made:
    """A data set, and the truth about it.

    Attributes:
        images: (n, 28, 28, 3) uint8.
        labels: (n,) of its classes.
        originals: (n,) the original that each picture is a variant of.
        patients: (n,) the patient of each; None without patients.
    """

    images: np.ndarray
    labels: np.ndarray
    originals: np.ndarray
    patients: np.ndarray | None

    @property
    def whole(self) -> np.ndarray:
        """What no split may part: the patient of each picture, or else its original."""
        return self.originals if self.patients is None else self.patients


def make(rng: np.random.Generator) -> Made:
    """Make a data set."""
    images, labels, originals, patients = [], [], [], []
    most_variants = int(rng.integers(1, 41))
    with_patients, across_classes, alone = rng.random(3) < (0.5, 0.5, 0.05)
    for label in range(int(rng.integers(2, 9))):
        left = int(np.exp(rng.uniform(np.log(2), np.log(500))))
        counts = []
        while left > 0:
            most = left if counts or alone else max(1, left - 1)  # two originals or more
            counts.append(int(rng.integers(1, min(most, most_variants) + 1)))
            left -= counts[-1]
        of_class = max(2, len(counts) // 3)  # patients
        for number, count in enumerate(counts):
            picture = original(rng)
            images += [variant(picture, rng) if at else picture for at in range(count)]
            labels += [label] * count
            originals += [len(set(originals))] * count
            patients += [f"{'' if across_classes else label}-{number % of_class}"] * count
    groups = np.array(patients) if with_patients else None
    return Made(np.stack(images), np.array(labels), np.array(originals), groups)


def original(rng: np.random.Generator) -> np.ndarray:
    """Return a smooth random texture around a colour."""
    noise = cv2.GaussianBlur(
        rng.normal(0, 1, (_SIDE, _SIDE, 3)), (0, 0), float(rng.uniform(1.5, 3))
    )
    texture = rng.uniform(60, 200, 3) + rng.uniform(25, 45) * noise / noise.std()
    return texture.clip(0, 255).astype(np.uint8)


def variant(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the picture turned by quarters, perhaps mirrored, and a little brighter or darker."""
    turned = np.rot90(picture, int(rng.integers(4)))
    turned = turned[:, ::-1] if rng.integers(2) else turned
    return (turned * rng.uniform(0.92, 1.08) + rng.uniform(-6, 6)).clip(0, 255).astype(np.uint8)


def allows(made: Made, rng: np.random.Generator) -> bool:
    """Return whether a random choice of whole groups gives each class both sides, and a tenth."""
    _, of_image = np.unique(made.whole, return_inverse=True)
    counts = np.zeros((of_image.max() + 1, made.labels.max() + 1), int)
    np.add.at(counts, (of_image, made.labels), 1)
    for rate in rng.uniform(0.02, 0.3, _TRIES):
        taken = counts[rng.random(len(counts)) < rate].sum(axis=0)
        share = taken.sum() / len(made.labels)
        if _LEAST <= share <= _MOST and (taken > 0).all() and (taken < counts.sum(axis=0)).all():
            return True
    return False


def outcome(made: Made, file: Path, rng: np.random.Generator) -> str:
    """Return what became of a data set in words."""
    arrays = {"images": made.images, "labels": made.labels}
    if made.patients is not None:
        arrays["groups"] = made.patients
    np.savez(file, **arrays)
    try:
        data = load(file, None, int(rng.integers(2**31)))
    except BadInput as error:
        single = [
            label
            for label in np.unique(made.labels)
            if np.unique(made.whole[made.labels == label]).size == 1
        ]
        named = any(
            f"of '{label}'" in str(error) or f"of {label}" in str(error) for label in single
        )
        return "refused: a named class lies in one group" if named else f"WRONGLY REFUSED: {error}"
    parts = PictureFingerprints.of(data).find(made.images)
    sides = {"train": set(), "val": set()}
    for whole, part in zip(made.whole.tolist(), parts, strict=True):
        if part in sides:
            sides[part].add(whole)
    if sides["train"] & sides["val"]:
        return "A GROUP IS ON BOTH SIDES"
    share = len(data.val) / (len(data.val) + len(data.train))
    if _LEAST <= share <= _MOST:
        return "split, .08 to .12 validate"
    if allows(made, rng):
        return f"SHARE {share:.3f} THOUGH GROUPS ALLOW BETTER"
    return "split, the share is off as groups are too large"


def main() -> None:
    """Make the sets, and count what became of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    logging.disable()
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(given.sets):
            rng = np.random.default_rng([given.seed, number])
            made = make(rng)
            result = outcome(made, Path(folder) / "data.npz", rng)
            found[result] += 1
            if result.isupper() or result[0:4].isupper():
                kind = "patients" if made.patients is not None else "no patients"
                print(f"set {number} ({len(made.labels)} pictures, {kind}): {result}", flush=True)
    for result, count in found.most_common():
        print(f"{count:4} {result}")


if __name__ == "__main__":
    main()
