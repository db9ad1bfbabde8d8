"""Built-in synthetic blood cells, for a search without data.

The set imitates a real one: eight classes in their natural proportions, with copies of two intruder
pictures that show no cell, and a few exact duplicates, for cleaning to find.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bcauto.data.cleaning import MANY_COPIES
from bcauto.data.synthetic.painting import SIDE, CellKind, Nucleus, finish, paint_cell, paint_smear
from bcauto.errors import BadInput
from bcauto.seeds import generator

__all__ = ["CLASS_NAMES", "Extras", "cell_labels", "cell_picture", "extras", "paint_cells"]

_KINDS = (
    CellKind(
        name="basophil",
        frequency=852,
        radius=(25, 34),
        roughness=0.03,
        cytoplasm=(186, 136, 176),
        granules=(66, 28, 100),
        density=(0.06, 0.11),
        grain=1.1,
        nucleus=Nucleus(
            (92, 56, 126),
            lobes=(2, 3),
            size=(0.4, 0.5),
            reach=(0.3, 0.4),
            gap=(1.2, 1.8),
            bridge=(0.7, 1.0),
        ),
        veil=0.9,
    ),
    CellKind(
        name="eosinophil",
        frequency=2181,
        radius=(28, 37),
        roughness=0.02,
        cytoplasm=(216, 150, 150),
        granules=(200, 96, 80),
        density=(0.06, 0.12),
        grain=0.9,
        nucleus=Nucleus(
            (84, 48, 120),
            lobes=(2, 3),
            size=(0.3, 0.37),
            reach=(0.42, 0.55),
            gap=(1.4, 2.1),
            bridge=(0.15, 0.5),
            stretch=(1.0, 1.3),
        ),
    ),
    CellKind(
        name="erythroblast",
        frequency=1085,
        radius=(17, 25),
        roughness=0.03,
        cytoplasm=(152, 146, 178),
        granules=(130, 124, 168),
        density=(0.0, 0.01),
        grain=0.8,
        nucleus=Nucleus((40, 24, 72), lobes=(1, 1), size=(0.46, 0.66), reach=(0.0, 0.3)),
    ),
    CellKind(
        name="immature granulocyte",
        frequency=2026,
        radius=(30, 39),
        roughness=0.03,
        cytoplasm=(188, 160, 194),
        granules=(128, 72, 140),
        density=(0.01, 0.06),
        grain=0.7,
        nucleus=Nucleus(
            (88, 54, 126),
            lobes=(1, 3),
            size=(0.44, 0.58),
            reach=(0.2, 0.36),
            gap=(0.4, 0.9),
            bridge=(0.9, 1.0),
            stretch=(1.0, 1.25),
        ),
    ),
    CellKind(
        name="lymphocyte",
        frequency=849,
        radius=(19, 28),
        roughness=0.03,
        cytoplasm=(158, 164, 206),
        granules=(140, 130, 186),
        density=(0.0, 0.01),
        grain=0.7,
        nucleus=Nucleus((78, 46, 122), lobes=(1, 1), size=(0.78, 0.92), reach=(0.0, 0.12)),
    ),
    CellKind(
        name="monocyte",
        frequency=993,
        radius=(29, 38),
        roughness=0.05,
        cytoplasm=(152, 150, 192),
        granules=(142, 130, 176),
        density=(0.0, 0.02),
        grain=0.7,
        nucleus=Nucleus(
            (100, 66, 138),
            lobes=(3, 5),
            size=(0.32, 0.42),
            reach=(0.34, 0.46),
            gap=(0.75, 1.1),
            bridge=(0.9, 1.0),
            stretch=(1.0, 1.2),
        ),
        vacuoles=(0, 7),
    ),
    CellKind(
        name="neutrophil",
        frequency=2330,
        radius=(28, 37),
        roughness=0.03,
        cytoplasm=(224, 188, 198),
        granules=(186, 136, 166),
        density=(0.01, 0.06),
        grain=0.7,
        nucleus=Nucleus(
            (80, 44, 116),
            lobes=(3, 5),
            size=(0.2, 0.28),
            reach=(0.42, 0.56),
            gap=(1.0, 1.4),
            bridge=(0.2, 0.7),
            stretch=(1.0, 1.35),
        ),
    ),
    CellKind(
        name="platelet",
        frequency=1643,
        radius=(8, 15),
        roughness=0.09,
        cytoplasm=(176, 146, 190),
        granules=(112, 62, 140),
        density=(0.05, 0.16),
        grain=0.9,
        nucleus=None,
    ),
)

CLASS_NAMES: tuple[str, ...] = tuple(kind.name for kind in _KINDS)
"""The eight classes; a label is an index into this."""

_PLATELET = _KINDS[CLASS_NAMES.index("platelet")]
_MONOCYTE = CLASS_NAMES.index("monocyte")
_GOLDEN_RATIO = (5**0.5 - 1) / 2
_MOST_DUPLICATES = 8

_Picture = NDArray[np.uint8]
_Labels = NDArray[np.int64]
_Oval = tuple[tuple[int, int, int], tuple[int, int], tuple[int, int]]
"""A filled oval of an intruder: its RGB colour, its centre and its half width and half height."""

_DUCK: tuple[_Oval, ...] = (
    ((120, 200, 235), (48, 48), (96, 96)),
    ((250, 205, 40), (52, 62), (32, 20)),
    ((250, 205, 40), (34, 34), (17, 17)),
    ((235, 120, 30), (15, 38), (10, 5)),
    ((20, 20, 20), (30, 29), (3, 3)),
    ((225, 175, 25), (60, 60), (15, 9)),
    ((30, 110, 190), (48, 98), (80, 22)),
)
_SNOWMAN: tuple[_Oval, ...] = (
    ((25, 60, 50), (48, 48), (96, 96)),
    ((245, 250, 255), (48, 72), (26, 22)),
    ((245, 250, 255), (48, 38), (17, 16)),
    ((30, 30, 30), (48, 24), (20, 3)),
    ((30, 30, 30), (48, 15), (12, 11)),
    ((20, 20, 20), (42, 34), (3, 3)),
    ((20, 20, 20), (54, 34), (3, 3)),
    ((240, 120, 20), (55, 41), (9, 2)),
    ((200, 30, 40), (48, 66), (3, 3)),
    ((200, 30, 40), (48, 78), (3, 3)),
)


@dataclass(frozen=True, slots=True)
class Extras:
    """How many pictures ``paint_cells`` adds to the cells, which cleaning should drop."""

    intruders_per_class: int
    monocyte_intruders: int
    duplicates: int

    @property
    def total(self) -> int:
        """All of them."""
        intruders = self.intruders_per_class * len(CLASS_NAMES) + self.monocyte_intruders
        return intruders + self.duplicates


def extras(count: int) -> Extras:
    """Return what ``paint_cells(count)`` adds: intruders, about 8.5 % of ``count``, and duplicates.

    However small ``count`` is, each intruder occurs often enough for cleaning to recognise it.
    """
    return Extras(
        intruders_per_class=max(1, round(0.075 * count / len(CLASS_NAMES))),
        monocyte_intruders=max(MANY_COPIES, round(0.01 * count)),
        duplicates=min(_MOST_DUPLICATES, count),
    )


def paint_cells(count: int = 1320, seed: int = 0) -> tuple[_Picture, _Labels]:
    """Paint ``count`` different cells and, shuffled among them, what ``extras(count)`` counts.

    Returns:
        Images (n, 96, 96, 3) uint8 RGB, and labels (n,) int64, indices into ``CLASS_NAMES``; n is
        ``count + extras(count).total``. The same arguments give the same bytes.

    Raises:
        BadInput: ``count`` is below 1.

    """
    if count < 1:
        raise BadInput(f"the number of cells must be at least 1, got {count}")
    added = extras(count)
    labels = cell_labels(count)
    cells = np.stack([cell_picture(seed, i, int(label)) for i, label in enumerate(labels)])
    intruders, intruder_labels = _intruders(added)
    again = generator(seed, "duplicates").choice(count, added.duplicates, replace=False)
    order = generator(seed, "order").permutation(count + added.total)
    images = np.concatenate([cells, intruders, cells[again]])
    return images[order], np.concatenate([labels, intruder_labels, labels[again]])[order]


def cell_labels(count: int) -> _Labels:
    """Return the labels of the cells in the order of their index, (count,) int64, for any seed.

    The golden-ratio sequence keeps every prefix close to the natural proportions, so that a
    cell's label depends on its index alone.
    """
    frequencies = np.array([kind.frequency for kind in _KINDS])
    bounds = np.cumsum(frequencies) / frequencies.sum()
    places = np.arange(count) * _GOLDEN_RATIO % 1
    return np.searchsorted(bounds, places, side="right").astype(np.int64)


def cell_picture(seed: int, index: int, label: int) -> _Picture:
    """Paint cell ``index``, (96, 96, 3) uint8 RGB; it depends on the three arguments only."""
    rng = generator(seed, "cell", index)
    kind = _KINDS[label]
    radius = rng.uniform(*kind.radius) * rng.uniform(0.82, 1.08)
    centre = complex(*rng.uniform(SIDE / 2 - 12, SIDE / 2 + 12, 2))
    canvas = paint_smear(rng, centre, clear=radius + 6)
    if rng.random() < 0.25:
        stray = complex(*rng.uniform(0, SIDE, 2))
        paint_cell(rng, canvas, _PLATELET, stray, rng.uniform(4, 7))
    paint_cell(rng, canvas, kind, centre, radius)
    return finish(rng, canvas)


def _intruders(number: Extras) -> tuple[_Picture, _Labels]:
    """Return all copies of both intruder pictures, and their labels."""
    everywhere = np.repeat(np.arange(len(CLASS_NAMES)), number.intruders_per_class)
    monocytes = np.full(number.monocyte_intruders, _MONOCYTE)
    ducks = np.repeat(_paint_ovals(_DUCK)[None], everywhere.size, axis=0)
    snowmen = np.repeat(_paint_ovals(_SNOWMAN)[None], monocytes.size, axis=0)
    return np.concatenate([ducks, snowmen]), np.concatenate([everywhere, monocytes])


def _paint_ovals(ovals: tuple[_Oval, ...]) -> _Picture:
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    for colour, centre, axes in ovals:
        cv2.ellipse(picture, centre, axes, 0, 0, 360, colour, -1, cv2.LINE_AA)
    return picture
