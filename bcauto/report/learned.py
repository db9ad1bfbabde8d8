"""What did it learn from? Classes, cleaning, the split, augmentation and the proxy, in pictures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from plotly import graph_objects as go

from bcauto.augment.engine import Augmenter
from bcauto.page.figure_json import labels
from bcauto.page.parts import (
    Block,
    Column,
    Facts,
    Figure,
    Heading,
    Picture,
    Pictures,
    Section,
    Table,
    Text,
)
from bcauto.page.thumbnail import thumbnail
from bcauto.proxy.corruptions import CorruptionAtSeverity
from bcauto.proxy.proxy import Integers
from bcauto.report.missing import Missing
from bcauto.report.pictures import StudyPictures
from bcauto.report.subject import Subject
from bcauto.seeds import generator

__all__ = ["learned"]

_FEW = 12  # classes, up to which each has a row of pictures
_OF_A_CLASS = 8  # pictures in such a row
_MOST_CLASSES = 100  # with a picture
_DROPPED = 12  # pictures of a kind
_AUGMENTED = (3, 7)  # pictures, and epochs of each
_SIDE = 72  # px of small pictures


def learned(subject: Subject) -> Section:
    """Return the section."""
    return Section("data", "What did it learn from?", tuple(_blocks(subject)))


def _blocks(subject: Subject) -> Iterator[Block]:
    pictures = subject.pictures
    yield _facts(subject)
    if isinstance(pictures, Missing):
        yield Text(f"Its pictures are not shown: {pictures.reason}.", "note")
        return
    names = subject.class_names
    yield Heading("Classes, before and after cleaning")
    yield _counts(pictures, names)
    yield _split(pictures, names)
    yield Heading("What was dropped")
    yield from _dropped(pictures, names)
    yield Heading("Pictures of each class")
    yield from _samples(pictures, names)
    yield Heading("The winner's augmentation")
    yield from _augmented(subject, pictures)
    yield Heading("The corruptions that models are scored on")
    yield from _corruptions(subject, pictures)


def _facts(subject: Subject) -> Facts:
    data, settings = subject.opened.record.data, subject.opened.record.settings
    height, width = data.image_size
    titles = {
        "read": "pictures read",
        "kept": "kept",
        "duplicates": "exact duplicates dropped",
        "intruder_copies": "copies of intruders dropped",
        "leaked": "near duplicates dropped",
    }
    counts = {title: data.cleaning[key] for key, title in titles.items() if key in data.cleaning}
    facts = {
        "data": subject.source,
        **{title: f"{count:,}" for title, count in counts.items()},
        "to train on": f"{data.train:,}",
        "to validate": f"{data.val:,}",
        "size": f"{height} x {width} px",
        "classes": str(len(data.class_names)),
        "groups": settings.groups or "none",
    }
    return Facts(facts)


def _counts(pictures: StudyPictures, names: tuple[str, ...]) -> Figure:
    kept = np.isin(pictures.fate, ("train", "val"))
    before = np.bincount(pictures.labels, minlength=len(names)).tolist()
    after = np.bincount(pictures.labels[kept], minlength=len(names)).tolist()
    shown, figure = labels(names), go.Figure()
    for title, counts in (("as read", before), ("after cleaning", after)):
        figure.add_bar(y=shown, x=counts, name=title, orientation="h", hovertemplate="%{y}: %{x}")
    figure.update_layout(barmode="group")
    figure.update_xaxes(title="pictures")
    figure.update_yaxes(type="category", autorange="reversed")
    rarest, commonest = int(np.argmin(after)), int(np.argmax(after))
    return Figure(
        "class-counts",
        figure,
        f"Pictures of each class. After cleaning {names[commonest]} is the commonest with "
        f"{after[commonest]}, {names[rarest]} the rarest with {after[rarest]}.",
        f"Bars of pictures by class, from {after[rarest]} to {after[commonest]} after cleaning.",
        height=120 + 34 * len(names),
    )


def _split(pictures: StudyPictures, names: tuple[str, ...]) -> Table:
    fates = ("train", "val", "duplicate", "intruder", "left out")
    counts = {
        fate: np.bincount(pictures.labels[pictures.fate == fate], minlength=len(names)).tolist()
        for fate in fates
    }
    rows = tuple(
        (name, sum(of_class), *of_class)
        for name, *of_class in zip(names, *counts.values(), strict=True)
    )
    titles = ("read", "to train on", "to validate", "duplicates", "intruders", "left out")
    return Table(
        "The split by class. Left out: too near to a picture that models are scored on",
        (Column("class"), *(Column(title, numeric=True) for title in titles)),
        rows,
    )


def _dropped(pictures: StudyPictures, names: tuple[str, ...]) -> Iterator[Block]:
    intruders = _distinct(pictures, pictures.places("intruder"))
    duplicates = _distinct(pictures, pictures.places("duplicate"))
    if not (intruders or duplicates):
        yield Text("Nothing: no picture occurs twice, and none is an intruder.")
    if intruders:
        yield Pictures(
            "Intruders: pictures that occur under several classes, or far more often than is "
            "usual. All their copies were dropped.",
            tuple(_dropped_picture(pictures, at, names) for at in intruders[:_DROPPED]),
        )
    if duplicates:
        yield Pictures(
            f"Pictures that occur more than once, {len(duplicates)} in all; one copy stays.",
            tuple(_dropped_picture(pictures, at, names) for at in duplicates[:_DROPPED]),
        )


def _distinct(pictures: StudyPictures, places: np.ndarray) -> list[int]:
    """Return the first of each kind of equal pictures among those at some places."""
    found: list[int] = np.unique(pictures.same[places]).tolist()
    return found


def _dropped_picture(pictures: StudyPictures, at: int, names: tuple[str, ...]) -> Picture:
    copies = np.flatnonzero(pictures.same == at)
    classes = [names[each] for each in np.unique(pictures.labels[copies])]
    told = f"{len(copies)} times, as {', '.join(classes[:3])}{' ...' if len(classes) > 3 else ''}"
    return Picture(thumbnail(pictures.images[at]), f"a picture that occurs {told}", told)


def _samples(pictures: StudyPictures, names: tuple[str, ...]) -> Iterator[Block]:
    trained = pictures.places("train")
    by_class = [trained[pictures.labels[trained] == at] for at in range(len(names))]
    if len(names) <= _FEW:
        for name, places in zip(names, by_class, strict=True):
            shown = places[
                np.linspace(0, len(places) - 1, min(_OF_A_CLASS, len(places))).astype(int)
            ]
            tiles = (Picture(thumbnail(pictures.images[at], _SIDE), name) for at in shown)
            yield Pictures(f"{name}: {len(places)} to train on", tuple(tiles), _SIDE, one_row=True)
        return
    few = [(name, places) for name, places in zip(names, by_class, strict=True) if len(places)]
    tiles = (
        Picture(thumbnail(pictures.images[places[0]], _SIDE), f"a picture of {name}", name)
        for name, places in few[:_MOST_CLASSES]
    )
    yield Pictures(f"One picture of each of {min(len(few), _MOST_CLASSES)} classes", tuple(tiles))


def _spread(length: int, count: int) -> Integers:
    """Return up to ``count`` indices below ``length``, evenly spread."""
    return np.linspace(0, length - 1, min(count, length)).astype(np.int64)


def _augmented(subject: Subject, pictures: StudyPictures) -> Iterator[Block]:
    won = subject.board.winner
    if won is None:
        yield Text("There is no winner yet.", "note")
        return
    policy, seed = won.recipe.augment, subject.opened.record.settings.seed
    count, epochs = _AUGMENTED
    trained = pictures.places("train")
    images = pictures.images[trained]
    shown = _spread(len(images), count)
    by_epoch = [
        Augmenter(policy, seed).augment_and_mix(images, shown, epoch)[0] for epoch in range(epochs)
    ]
    for place, at in enumerate(shown):
        name = subject.class_names[pictures.labels[trained[at]]]
        first = Picture(thumbnail(images[at], _SIDE), f"a picture of {name} as it is", "as it is")
        others = (
            Picture(thumbnail(batch[place], _SIDE), f"the same in epoch {epoch}", f"epoch {epoch}")
            for epoch, batch in enumerate(by_epoch, 1)
        )
        yield Pictures(
            f"{name}, as training sees it from epoch to epoch",
            (first, *others),
            _SIDE,
            one_row=True,
        )


def _corruptions(subject: Subject, pictures: StudyPictures) -> Iterator[Block]:
    proxy = subject.proxy
    if isinstance(proxy, Missing):
        yield Text(f"They are not shown: {proxy.reason}.", "note")
        return
    image = pictures.val.images[0]
    name = subject.class_names[pictures.val.labels[0]]
    families: dict[str, list[CorruptionAtSeverity]] = {}
    for each in proxy.corruptions:
        families.setdefault(each.family, []).append(each)
    own = families.pop("own", None)
    for family, corruptions in families.items():
        held_out = ", held out" if family in proxy.held_out else ""
        tiles = (_corrupted(image, each) for each in corruptions)
        original = Picture(thumbnail(image, _SIDE), f"a picture of {name} as it is", "as it is")
        yield Pictures(
            f"{family}{held_out}: one validation picture beside its corruptions by severity",
            (original, *tiles),
            _SIDE,
            one_row=True,
        )
    if own:
        yield Text(f"Besides, {len(own)} parts of the user's own pictures count as corruptions.")


def _corrupted(image: np.ndarray, each: CorruptionAtSeverity) -> Picture:
    told = f"{each.corruption.replace('_', ' ')} {each.severity}"
    corrupted = each.corrupt(image, generator(0, "report", each.corruption))
    return Picture(thumbnail(corrupted, _SIDE), f"the same after {told}", told)
