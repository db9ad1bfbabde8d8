"""The data without what does not belong in it, and what was taken out for what reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bcauto.data.checks import check_classes
from bcauto.inspection.collection import Collection
from bcauto.inspection.copies import Copies
from bcauto.inspection.inspect import Inspection
from bcauto.inspection.similar import Similar
from bcauto.io.files import atomic_write

__all__ = ["TakenOut", "find_taken_out", "write_cleaned"]


@dataclass(frozen=True)
class TakenOut:
    """Why pictures are left out, by their numbers, in rising order."""

    reasons: dict[int, str]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.reasons)

    def as_dict(self) -> dict[str, Any]:
        """Return the same as plain values."""
        rows = [{"picture": number, "why": why} for number, why in self.reasons.items()]
        return {"count": self.count, "taken_out": rows}


def find_taken_out(inspection: Inspection) -> TakenOut:
    """Return which pictures do not belong in the data: intruders, copies, what is like another.

    Of equal pictures the first stays, but one that the data set validates on before others.
    """
    collection = inspection.collection
    reasons = {
        **_copies(collection, inspection.copies),
        **(_like(inspection.compared.similar) if inspection.compared.similar else {}),
    }
    return TakenOut(dict(sorted(reasons.items())))


def _copies(collection: Collection, copies: Copies) -> dict[int, str]:
    reasons = {}
    for group in copies.duplicates:
        kept, *others = sorted(group, key=lambda number: (number < collection.training, number))
        for number in others:
            reasons[number] = f"exact duplicate of {collection.names[kept]}"
    for group in copies.intruders:
        for number in group:
            reasons[number] = f"intruder: one of {len(group)} copies"
    return reasons


def _like(similar: Similar) -> dict[int, str]:
    """Return a reason for each picture that is like the named one, and for that one."""
    reasons = {
        int(number): f"like {similar.named.text}: cosine {cosine:.3f}"
        for number, cosine in zip(
            similar.numbers[: similar.count], similar.similarities, strict=False
        )
    }
    if similar.named.number is not None:
        reasons[similar.named.number] = "named with --like"
    return reasons


def write_cleaned(path: Path, inspection: Inspection, taken_out: TakenOut) -> None:
    """Write the data without what is taken out as an npz file, whole or not at all.

    It holds ``images`` and ``labels``, or ``train_images`` and so on where the data comes split,
    ``class_names``, ``groups`` where they are known; and of what was taken out ``taken_out``
    (numbers), ``taken_out_names`` and ``taken_out_why``.

    Raises:
        BadInput: a class would have too few pictures left.
    """
    collection, image_set = inspection.collection, inspection.read
    kept = np.ones(len(collection), bool)
    kept[[*taken_out.reasons]] = False
    starts = (0, collection.training)
    places = [
        np.flatnonzero(kept[start : start + len(part)])
        for start, part in zip(starts, image_set.parts, strict=False)
    ]
    train, *val = (part.labels[at] for part, at in zip(image_set.parts, places, strict=True))
    where = "--out, after pictures were taken out"
    check_classes(train, val[0] if val else None, collection.class_names, where)
    arrays: dict[str, Any] = {"class_names": np.array(collection.class_names)}
    prefixes = ("train_", "val_") if val else ("",)
    for prefix, part, at in zip(prefixes, image_set.parts, places, strict=True):
        left = part.take(at)
        arrays |= {f"{prefix}images": left.images, f"{prefix}labels": left.labels}
        if left.groups is not None:
            arrays[f"{prefix}groups"] = left.groups
    numbers = [*taken_out.reasons]
    arrays |= {
        "taken_out": np.array(numbers, np.int64),
        "taken_out_names": np.array([collection.names[at] for at in numbers], np.str_),
        "taken_out_why": np.array([*taken_out.reasons.values()], np.str_),
    }
    with atomic_write(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays)
