"""Paints one stained blood cell among red cells, in NumPy and OpenCV.

Colours are RGB in 0-255, lengths are pixels, angles are radians, and a point in the picture is the
complex number x + iy. A canvas is a (3, 96, 96) float32 array in 0-255 (channels first, as NumPy
blends that several times faster); a mask is (96, 96) float32 in 0-1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["SIDE", "CellKind", "Nucleus", "Span", "finish", "paint_cell", "paint_smear"]

SIDE = 96
"""Height and width of every picture, in pixels."""

Array = NDArray[np.float32]
Points = NDArray[np.complex128]
Colour = tuple[int, int, int]
Span = tuple[float, float]
"""A range that a value is sampled from uniformly."""

_PLASMA: Colour = (254, 231, 208)
_RED_CELL: Colour = (204, 168, 158)
_FADED: Colour = (188, 158, 186)
_SUBPIXEL_BITS = 4
_TURN = 2 * np.pi
_CIRCLE = np.exp(1j * np.linspace(0, _TURN, 40, endpoint=False))
_HARMONICS = np.arange(2, 9)
_WAVES: Points = np.power.outer(_CIRCLE, _HARMONICS) / _HARMONICS


@dataclass(frozen=True, slots=True)
class Nucleus:
    """A nucleus: ``lobes`` ovals along an arc, joined by bridges.

    ``size`` is a lobe's radius and ``reach`` the arc's radius, both as a fraction of the cell's
    radius; ``gap`` is the angle between one lobe and the next; ``bridge`` is the width of a
    bridge as a fraction of a lobe's; ``stretch`` is a lobe's length over its width.
    """

    colour: Colour
    lobes: tuple[int, int]
    size: Span
    reach: Span
    gap: Span = (0.0, 0.0)
    bridge: Span = (0.0, 0.0)
    stretch: Span = (1.0, 1.15)


@dataclass(frozen=True, slots=True)
class CellKind:
    """How the cells of one class look.

    ``frequency`` is how many of BloodMNIST's 11,959 training images show one; ``radius`` is in px;
    ``roughness`` is the outline's unevenness as a fraction of the radius; ``density`` is the share
    of pixels where a granule is and ``grain`` its size in pixels; ``veil`` is how far granules
    cover the nucleus, from 0 (not at all) to 1; ``vacuoles`` is their least and greatest number.
    """

    name: str
    frequency: int
    radius: Span
    roughness: float
    cytoplasm: Colour
    granules: Colour
    density: Span
    grain: float
    nucleus: Nucleus | None
    veil: float = 0.0
    vacuoles: tuple[int, int] = (0, 0)


def _outline(rng: np.random.Generator, size: float, stretch: float, roughness: float) -> Points:
    """Return an uneven oval about the origin, turned at random: (40,)."""
    waves = rng.normal(0, roughness, 2 * _HARMONICS.size).view(np.complex128)
    unevenness = (_WAVES @ waves).real
    oval = size * (_CIRCLE.real * stretch + 1j * _CIRCLE.imag / stretch)
    outline: Points = oval * (1 + unevenness) * _direction(rng.uniform(0, _TURN))
    return outline


def _direction(angle: float) -> complex:
    return complex(np.cos(angle), np.sin(angle))


def _fixed(points: Points) -> NDArray[np.int32]:
    """Return the points as OpenCV takes them, (n, 2): integers in parts of a pixel."""
    return np.rint(points.view(np.float64).reshape(-1, 2) * (1 << _SUBPIXEL_BITS)).astype(np.int32)


def _mask(outlines: Iterable[Points], sigma: float = 0.6) -> Array:
    """Return the union of filled outlines, its edge softened by ``sigma`` pixels."""
    filled = np.zeros((SIDE, SIDE), np.uint8)
    for outline in outlines:
        cv2.fillPoly(filled, [_fixed(outline)], (255,), cv2.LINE_AA, _SUBPIXEL_BITS)
    return _blurred(filled.astype(np.float32) / np.float32(255), sigma)


def _blurred(image: Array, sigma: float) -> Array:
    return cv2.GaussianBlur(image, (0, 0), sigma).astype(np.float32, copy=False)


def _texture(rng: np.random.Generator, sigma: float) -> Array:
    """Return smooth noise with grains of about ``sigma`` pixels, mean 0 and deviation about 1."""
    noise = _blurred(rng.standard_normal((SIDE, SIDE), np.float32), sigma)
    return noise * np.float32(2 * np.sqrt(np.pi) * sigma)


def _granules(rng: np.random.Generator, density: float, grain: float) -> Array:
    """Return a mask of dots of about ``grain`` pixels, scattered over the picture."""
    seeds = (rng.random((SIDE, SIDE), np.float32) < density).astype(np.float32)
    # a blurred dot peaks at 1 / (2 pi sigma^2), so this gain brings a single dot to full strength
    dots: Array = np.minimum(_blurred(seeds, grain) * np.float32(_TURN * grain**2), 1)
    return dots


def _mixed(colour: Array | Colour, other: Array | Colour, share: float) -> Array:
    """Return the colour ``share`` of the way from one colour to another."""
    own, far = np.asarray(colour, np.float32), np.asarray(other, np.float32)
    return own + np.float32(share) * (far - own)


def _blend(canvas: Array, mask: Array, colour: Array | Colour) -> None:
    canvas += mask * (np.asarray(colour, np.float32)[:, None, None] - canvas)


def _shade(canvas: Array, mask: Array, amount: Array) -> None:
    """Make the masked part darker where ``amount`` is below 0 and lighter where it is above."""
    canvas *= 1 + mask * amount


def paint_smear(rng: np.random.Generator, centre: complex, clear: float) -> Array:
    """Return a new canvas of plasma with red cells, centred at least ``clear`` from ``centre``."""
    picture = np.full((SIDE, SIDE, 3), _PLASMA, np.uint8)
    colour = np.asarray(_RED_CELL, np.float32) + rng.normal(0, 6, 3).astype(np.float32)
    for _ in range(rng.integers(3, 9)):
        place = centre + rng.uniform(clear, clear + 35) * _direction(rng.uniform(0, _TURN))
        _paint_red_cell(rng, picture, place, colour)
    soft = cv2.GaussianBlur(picture, (0, 0), 0.8)
    return np.ascontiguousarray(soft.transpose(2, 0, 1), np.float32)


def _paint_red_cell(
    rng: np.random.Generator, picture: NDArray[np.uint8], centre: complex, colour: Array
) -> None:
    """Paint nested outlines, the inner ones paler: a red cell is a disc with a dent."""
    outline = _outline(rng, rng.uniform(12.5, 16.5), rng.uniform(1, 1.12), 0.04)
    dent = rng.uniform(0, 0.2)
    for ring, scale in enumerate((1.0, 0.7, 0.6, 0.5, 0.4)):
        tone = _mixed(colour, _PLASMA, ring * dent)
        points = _fixed(centre + outline * scale)
        cv2.fillPoly(picture, [points], tone.tolist(), cv2.LINE_AA, _SUBPIXEL_BITS)


def paint_cell(
    rng: np.random.Generator, canvas: Array, kind: CellKind, centre: complex, radius: float
) -> None:
    """Paint one cell of ``kind`` over the canvas."""
    outline = centre + _outline(rng, radius, rng.uniform(1, 1.1), kind.roughness)
    body = _mask([outline])
    fading = rng.uniform(0, 0.7)
    _paint_cytoplasm(rng, canvas, body, _mixed(kind.cytoplasm, _FADED, fading))
    _paint_vacuoles(rng, canvas, kind, centre, radius)
    granules = body * _granules(rng, rng.uniform(*kind.density), kind.grain)
    _blend(canvas, granules * np.float32(0.8), _mixed(kind.granules, _FADED, fading))
    if kind.nucleus is not None:
        _paint_nucleus(rng, canvas, kind.nucleus, centre, radius)
    if kind.veil:
        _blend(canvas, granules * np.float32(kind.veil), kind.granules)


def _paint_cytoplasm(rng: np.random.Generator, canvas: Array, body: Array, colour: Array) -> None:
    _blend(canvas, body * np.float32(0.88), colour)
    rim = body - _blurred(body, 2.5)
    _shade(canvas, body, np.float32(0.04) * _texture(rng, 1.5) - np.float32(0.3) * rim)


def _paint_vacuoles(
    rng: np.random.Generator, canvas: Array, kind: CellKind, centre: complex, radius: float
) -> None:
    count = rng.integers(*kind.vacuoles, endpoint=True)
    if count:
        places = centre + rng.uniform(-0.6, 0.6, (count, 2)) @ [1, 1j] * radius
        sizes = rng.uniform(1.2, 2.6, count)
        bubbles = [at + size * _CIRCLE for at, size in zip(places, sizes, strict=True)]
        _blend(canvas, _mask(bubbles) * np.float32(0.8), _PLASMA)


def _paint_nucleus(
    rng: np.random.Generator, canvas: Array, nucleus: Nucleus, centre: complex, radius: float
) -> None:
    soft = _mask([centre + part for part in _nucleus_parts(rng, nucleus, radius)], 1.6)
    # made crisp again, the soft mask keeps round corners
    mask = np.clip((soft - np.float32(0.5)) * np.float32(2.5) + np.float32(0.5), 0, 1)
    tone = np.asarray(nucleus.colour, np.float32) + rng.normal(0, 6, 3).astype(np.float32)
    _blend(canvas, mask * np.float32(0.95), tone)
    _shade(canvas, mask, np.float32(0.16) * _texture(rng, 1.2))


def _nucleus_parts(rng: np.random.Generator, nucleus: Nucleus, radius: float) -> list[Points]:
    """Return the outlines of lobes and bridges about the cell's centre."""
    size = radius * rng.uniform(*nucleus.size)
    places = _lobe_places(rng, nucleus, radius)
    lobes = [
        place + _outline(rng, size * rng.uniform(0.9, 1.1), rng.uniform(*nucleus.stretch), 0.07)
        for place in places
    ]
    width = size * rng.uniform(*nucleus.bridge)
    return lobes + [_bridge(a, b, width) for a, b in pairwise(places)]


def _lobe_places(rng: np.random.Generator, nucleus: Nucleus, radius: float) -> Points:
    """Return the centres of the lobes along the arc, which opens to a random side: (lobes,)."""
    lobes = int(rng.integers(*nucleus.lobes, endpoint=True))
    angles = np.arange(lobes) * rng.uniform(*nucleus.gap) + rng.normal(0, 0.1, lobes)
    reach = radius * rng.uniform(*nucleus.reach) * rng.uniform(0.85, 1.15, lobes)
    places: Points = reach * np.exp(1j * (angles + rng.uniform(0, _TURN)))
    return places


def _bridge(start: complex, end: complex, width: float) -> Points:
    """Return a straight band between two lobes: (4,)."""
    across = 1j * (end - start) / max(abs(end - start), 1e-6) * width
    return np.array([start + across, end + across, end - across, start - across])


def finish(rng: np.random.Generator, canvas: Array) -> NDArray[np.uint8]:
    """Return the canvas as a camera sees it, (96, 96, 3) uint8: stain, light, focus, noise vary."""
    gain = rng.uniform(0.76, 1.06) * rng.normal(1, 0.022, 3)
    canvas = canvas * gain.astype(np.float32)[:, None, None]
    seen = _blurred(np.ascontiguousarray(canvas.transpose(1, 2, 0)), rng.uniform(0.3, 0.9))
    noise = rng.standard_normal(seen.shape, np.float32) * np.float32(rng.uniform(1, 4))
    return np.clip(np.rint(seen + noise), 0, 255).astype(np.uint8)
