"""The whole look at a data set: ``inspect`` is the way in."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bcauto.data.labelled import ImageSet
from bcauto.data.reading import read
from bcauto.data.rules import USUAL, ReadingRules
from bcauto.errors import BadInput
from bcauto.inspection.collection import Collection, collect
from bcauto.inspection.copies import Copies, NearCopies, find_copies, find_near_copies
from bcauto.inspection.features import (
    check_weights_folder,
    find_extractor,
    standard_of,
)
from bcauto.inspection.label_errors import LabelErrors, find_label_errors
from bcauto.inspection.layout import Layout, components_of, lay_out
from bcauto.inspection.outliers import Outliers, class_mean_outliers, mahalanobis_outliers
from bcauto.inspection.similar import Similar, check_named, find_similar, read_named
from bcauto.inspection.statistics import ClassStatistics, class_statistics

__all__ = ["Inspection", "Request", "Tell", "inspect"]

Tell = Callable[[str], None]
"""Is told what is being done."""


@dataclass(frozen=True)
class Request:
    """How a data set is looked at.

    Attributes:
        image_size: side in px to resize pictures to; None for their own.
        rules: how they are read.
        weights: of the backbone whose features are compared; see ``find_extractor``.
        backbone: its label.
        like: the number or the file of a picture to find others like it.
        above: the least cosine of what counts as like it.
        seed: of what is random.
    """

    image_size: int | None = None
    rules: ReadingRules = USUAL
    weights: str | None = None
    backbone: str | None = None
    like: str | None = None
    above: float = 0.8
    seed: int = 0

    def check(self) -> None:
        """Refuse what can be seen to be wrong before the data is read.

        Raises:
            BadInput: of ``like``, ``above`` or ``weights``.
        """
        if not -1 <= self.above <= 1:
            raise BadInput(f"--above must be a cosine from -1 to 1, got {self.above}")
        if self.like is not None:
            check_named(self.like)
        check_weights_folder(self.weights)


@dataclass(frozen=True, eq=False)
class Inspection:
    """What was seen in a data set.

    Numbers of pictures are places in ``collection``.

    Attributes:
        path: of the data.
        read: the data as read.
        collection: its pictures in one order.
        classes: counts and means of each class.
        copies: exact copies.
        near: near copies.
        features: whose features pictures are compared by, in words.
        layout: the map.
        mahalanobis: outliers by that distance from the mean of all pictures.
        class_mean: outliers by their distance from the mean of their class.
        label_errors: likely ones.
        similar: to the picture that was named; None without one.
        seconds: what each step took.
    """

    path: Path
    read: ImageSet = field(repr=False)
    collection: Collection = field(repr=False)
    classes: tuple[ClassStatistics, ...]
    copies: Copies
    near: NearCopies
    features: str
    layout: Layout
    mahalanobis: Outliers
    class_mean: Outliers
    label_errors: LabelErrors
    similar: Similar | None
    seconds: dict[str, float]


class _Steps:
    """Tells of each step, and keeps what it took."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell
        self.seconds: dict[str, float] = {}
        self._began = time.perf_counter()
        self._name = ""

    def begin(self, name: str) -> None:
        """Begin a step, and end the one before."""
        self.end()
        self._name, self._began = name, time.perf_counter()
        self.tell(name)

    def end(self) -> None:
        """End the step that goes on."""
        if self._name:
            self.seconds[self._name] = time.perf_counter() - self._began
        self._name = ""


def inspect(path: Path, request: Request = Request(), tell: Tell = lambda _: None) -> Inspection:
    """Return what is seen in a data set: counts, copies, a map, outliers, likely label errors.

    Args:
        path: a file or folder for ``bcauto.data.reading.read``.
        request: how to look at it.
        tell: is told of each step.

    Raises:
        BadInput: the data set breaks a rule, or the request does.
    """
    request.check()
    steps = _Steps(tell)
    steps.begin("reading")
    as_read = read(path, request.image_size, request.rules)
    collection = collect(path, as_read)
    extractor = find_extractor(request.weights, request.backbone, collection.image_size)
    named = None if request.like is None else read_named(request.like, collection, request.rules)
    steps.begin("copies")
    copies = find_copies(collection)
    classes = class_statistics(collection, copies)
    steps.begin("near copies")
    near = find_near_copies(collection, copies.genuine, request.seed)
    steps.begin("features")
    extract = extractor.start(collection.image_size)
    raw = extract(collection.images[copies.distinct])
    standard = standard_of(raw)
    features = standard(raw)[copies.place]
    steps.begin("map")
    components, explained = components_of(features, copies)
    layout = lay_out(components, explained, request.seed)
    steps.begin("outliers")
    mahalanobis = mahalanobis_outliers(components, copies.distinct)
    class_mean = class_mean_outliers(components, collection.labels, copies.distinct)
    steps.begin("label errors")
    errors = find_label_errors(features, collection.labels, copies.genuine, request.seed)
    similar = None
    if request.like is not None and named is not None:
        similar = find_similar(
            request.like, named, features, lambda images: standard(extract(images)), request.above
        )
    steps.end()
    return Inspection(
        path,
        as_read,
        collection,
        classes,
        copies,
        near,
        extractor.label,
        layout,
        mahalanobis,
        class_mean,
        errors,
        similar,
        steps.seconds,
    )
