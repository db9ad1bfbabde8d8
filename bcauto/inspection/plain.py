"""An inspection as plain values, as ``bcauto inspect --json`` prints them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bcauto.inspection.collection import Collection
from bcauto.inspection.copies import Copies
from bcauto.inspection.inspect import Inspection
from bcauto.inspection.label_errors import LabelErrors
from bcauto.inspection.layout import Layout
from bcauto.inspection.outliers import Outliers
from bcauto.inspection.similar import Similar
from bcauto.inspection.statistics import count_sizes
from bcauto.inspection.ways import Way

__all__ = ["as_plain"]

_OUTLIERS = 100  # of each kind that are listed, and all that are far
_SIMILAR = 100  # pictures that are listed, and all above the threshold
_DIGITS = 4


def as_plain(inspection: Inspection) -> dict[str, Any]:
    """Return all that was seen as values that JSON can hold; pictures are numbers."""
    collection, copies, compared = inspection.collection, inspection.copies, inspection.compared
    sizes = count_sizes(collection)
    return {
        "data": str(inspection.path),
        "pictures": len(collection),
        "distinct": len(copies.distinct),
        "image_size": [*collection.image_size],
        "sizes": [{"height": h, "width": w, "pictures": count} for h, w, count in sizes],
        "damaged": [*collection.damaged],
        "classes": [_rounded(asdict(each)) for each in inspection.classes],
        "intruders": [
            {"copies": len(group), "classes": _classes(collection, group), "pictures": [*group]}
            for group in copies.intruders
        ],
        "duplicates": [[*group] for group in copies.duplicates],
        "near_duplicates": [[*group] for group in inspection.near.groups],
        "compared_for_near_duplicates": inspection.near.compared,
        "features": compared.features,
        "ways": [_way(way, copies) for way in compared.ways],
        "outliers": {
            "mahalanobis": _outliers(collection, compared.mahalanobis),
            "class_mean": _outliers(collection, compared.class_mean),
        },
        "label_errors": _label_errors(collection, compared.label_errors),
        "like": _similar(collection, compared.similar) if compared.similar else None,
        "map": _map(compared.layout),
        "names": [*collection.names],
        "seconds": _rounded(inspection.seconds),
    }


def _classes(collection: Collection, group: tuple[int, ...]) -> list[str]:
    return [collection.class_names[at] for at in sorted({*collection.labels[[*group]].tolist()})]


def _outliers(collection: Collection, outliers: Outliers) -> dict[str, Any]:
    shown = max(_OUTLIERS, outliers.far)
    rows = zip(outliers.numbers[:shown].tolist(), outliers.distances[:shown].tolist(), strict=True)
    return {
        "far": outliers.far,
        "farthest": [
            {"picture": number, "class": collection.class_of(number), "distance": _round(distance)}
            for number, distance in rows
        ],
    }


def _way(way: Way, copies: Copies) -> dict[str, Any]:
    return {
        "name": way.name,
        "rule": way.rule,
        "crowds": [[*group] for group in way.crowds],
        "pairs": [[*group] for group in way.pairs],
        **asdict(way.beside(copies)),
        "seconds": _round(way.seconds),
    }


def _label_errors(collection: Collection, found: LabelErrors) -> dict[str, Any]:
    worth = found.worth
    names = collection.class_names
    return {
        "reason": found.reason or None,
        "accuracy": _round(found.accuracy),
        "worth": None
        if worth is None
        else {
            **asdict(worth),
            "recall": _round(worth.recall),
            "precision": _round(worth.precision),
        },
        "likely": [
            {
                "picture": each.number,
                "class": names[each.given],
                "suggested": names[each.suggested],
                "probability_given": _round(each.probability_given),
                "probability_suggested": _round(each.probability_suggested),
            }
            for each in found.errors
        ],
    }


def _similar(collection: Collection, similar: Similar) -> dict[str, Any]:
    shown = max(_SIMILAR, similar.count)
    rows = zip(similar.numbers[:shown].tolist(), similar.similarities[:shown].tolist(), strict=True)
    return {
        "named": similar.named.text,
        "above": similar.named.above,
        "count": similar.count,
        "nearest": [
            {"picture": number, "class": collection.class_of(number), "cosine": _round(cosine)}
            for number, cosine in rows
        ],
    }


def _map(layout: Layout) -> dict[str, Any]:
    return {
        "pca": layout.pca.round(_DIGITS).tolist(),
        "explained": [_round(each) for each in layout.explained],
        "tsne": layout.tsne.astype(float).round(_DIGITS).tolist(),
        "tsne_pictures": layout.shown[: len(layout.tsne)].tolist(),
    }


def _round(value: float) -> float:
    return round(value, _DIGITS)


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _round(value) if isinstance(value, float) else value for key, value in values.items()
    }
