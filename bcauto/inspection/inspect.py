"""The whole look at a data set: ``inspect`` is the way in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bcauto.data.labelled import ImageSet
from bcauto.data.reading import read
from bcauto.data.rules import USUAL, ReadingRules
from bcauto.errors import BadInput
from bcauto.inspection.collection import Collection, collect
from bcauto.inspection.compare import Compared, compare
from bcauto.inspection.copies import Copies, NearCopies, find_copies, find_near_copies
from bcauto.inspection.features import check_weights_folder, find_extractor
from bcauto.inspection.similar import check_named, read_named
from bcauto.inspection.statistics import ClassStatistics, class_statistics
from bcauto.inspection.steps import Steps

__all__ = ["Inspection", "Request", "inspect"]

_LEAST = 3  # pictures that are no exact copies


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
    """What was seen in a data set; numbers of pictures are places in ``collection``.

    Attributes:
        path: of the data.
        read: the data as read.
        collection: its pictures in one order.
        classes: counts and means of each class.
        copies: exact copies.
        near: near copies.
        compared: what features show: a map, outliers, likely label errors.
        seconds: what each step took.
    """

    path: Path
    read: ImageSet = field(repr=False)
    collection: Collection = field(repr=False)
    classes: tuple[ClassStatistics, ...]
    copies: Copies
    near: NearCopies
    compared: Compared
    seconds: dict[str, float]


def inspect(path: Path, request: Request = Request()) -> Inspection:
    """Return what is seen in a data set: counts, copies, a map, outliers, likely label errors.

    Args:
        path: a file or folder for ``bcauto.data.reading.read``.
        request: how to look at it.

    Raises:
        BadInput: the data set breaks a rule, or the request does.
    """
    request.check()
    seed, steps = request.seed, Steps()
    steps.begin("reading")
    as_read = read(path, request.image_size, request.rules)
    collection = collect(path, as_read)
    extractor = find_extractor(request.weights, request.backbone, collection.image_size)
    named = None
    if request.like is not None:
        named = read_named(request.like, request.above, collection, request.rules)
    steps.begin("copies")
    copies = find_copies(collection)
    if len(copies.distinct) < _LEAST:
        rule = f"{path}: needs at least {_LEAST} different pictures to compare"
        raise BadInput(f"{rule}, got {len(copies.distinct)} among {len(collection)}")
    classes = class_statistics(collection, copies)
    steps.begin("near copies")
    near = find_near_copies(collection, copies.genuine, seed)
    compared = compare(collection, copies, extractor, named, seed, steps)
    steps.end()
    return Inspection(path, as_read, collection, classes, copies, near, compared, steps.seconds)
