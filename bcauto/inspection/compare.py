"""What is seen when pictures are compared by their features."""

from __future__ import annotations

from dataclasses import dataclass

from bcauto.inspection.collection import Collection
from bcauto.inspection.copies import Copies
from bcauto.inspection.features import Extractor, standard_of
from bcauto.inspection.label_errors import LabelErrors, find_label_errors
from bcauto.inspection.layout import Layout, components_of, lay_out
from bcauto.inspection.outliers import Outliers, class_mean_outliers, mahalanobis_outliers
from bcauto.inspection.similar import Named, Similar, find_similar
from bcauto.inspection.steps import Steps
from bcauto.inspection.ways import Way, find_by_ways

__all__ = ["Compared", "compare"]


@dataclass(frozen=True, eq=False)
class Compared:
    """What features show; numbers of pictures are places in the collection.

    Attributes:
        features: whose features they are, in words.
        layout: the map.
        mahalanobis: outliers by that distance from the mean of all pictures.
        class_mean: outliers by their distance from the middle of their class.
        ways: copies as each of several ways finds them.
        label_errors: likely ones.
        similar: to the picture that was named; None without one.
    """

    features: str
    layout: Layout
    mahalanobis: Outliers
    class_mean: Outliers
    ways: tuple[Way, ...]
    label_errors: LabelErrors
    similar: Similar | None


def compare(
    collection: Collection,
    copies: Copies,
    extractor: Extractor,
    named: Named | None,
    seed: int,
    steps: Steps,
) -> Compared:
    """Return what features show; each content has its features taken once.

    Args:
        collection: the pictures.
        copies: the exact copies among them.
        extractor: what gives features.
        named: a picture to find others like it.
        seed: of what is random.
        steps: is told of each step.
    """
    labels = collection.labels
    steps.begin("features")
    extract = extractor.start(collection.image_size)
    raw = extract(collection.images[copies.distinct])
    standard = standard_of(raw)
    features = standard(raw)[copies.place]
    steps.begin("map")
    components, explained = components_of(features, copies)
    layout = lay_out(components, explained, seed)
    steps.begin("outliers")
    mahalanobis = mahalanobis_outliers(components, copies.distinct)
    class_mean = class_mean_outliers(components, labels, copies.distinct)
    steps.begin("other ways to copies")
    ways = find_by_ways(collection.images, copies.place, features, components, layout)
    steps.begin("label errors")
    errors = find_label_errors(features, labels, copies.genuine, seed)
    similar = None
    if named:
        own = None if named.picture is None else standard(extract(named.picture))[0]
        similar = find_similar(named, features, own)
    return Compared(extractor.label, layout, mahalanobis, class_mean, ways, errors, similar)
