"""Circular harmonics of pictures, by which all pairs are compared at any angle at once.

Luma and colour along rings around a picture's middle are Fourier series of the angle. Turning the
picture multiplies harmonic m by a phase, exp(i m angle), and mirroring conjugates it. So the
product of a harmonic's values on two rings does not change with the angle, and mirroring conjugates
it, too. These products are a picture's **signature**; the dot product of two signatures is large
for the same picture, whatever way up it is. (Such moments are old: Sheng and Arsenault, Journal of
the Optical Society of America A 3, 1986.)

Each harmonic is scaled by how much it differs among the pictures of the set, so that what they have
in common, such as a dark cell in the middle, counts little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bcauto.data.labelled import Images

__all__ = ["Harmonics", "Signatures", "best_angles", "small_squares"]

Complex = NDArray[np.complex64]
Floats = NDArray[np.float32]

_SIDE = 32  # px, largest side of the pictures that are sampled
_RINGS, _ANGLES = 7, 36
_ORDERS = (7, 4, 4)  # harmonics of luma and of the two colours, from 0
_IMPORTANCE = np.array([1, 0.5, 0.5])  # of luma and colours, of which compression keeps less
_INNERMOST = 0.12  # of the largest radius
_BLUR = 0.035  # of the side, standard deviation
_MARGIN = 0.07  # of the side: what a copy may have at its border belongs to no ring
_NOISE = 8.0  # grey levels of white noise that a copy may have
_CHUNK = 512  # pictures at a time
_SIZES = (64, 48)  # of a signature's real and imaginary part
_FITTED = 3000  # pictures that the scales are taken from
_TRIED = 128  # angles

_COLOURS = np.array([[0.299, 0.587, 0.114], [0.5, -0.419, -0.081], [-0.169, -0.331, 0.5]], "f4")
_PLACES = [(c, r, m) for c in range(3) for r in range(_RINGS) for m in range(_ORDERS[c])]
_CHANNEL, _RING, _ORDER = np.array(_PLACES).T
_same = (_CHANNEL[:, None] == _CHANNEL) & (_ORDER[:, None] == _ORDER)
_ONE, _OTHER = np.nonzero(np.triu(_same))  # pairs of rings with the same channel and order
_SERIES = _CHANNEL * max(_ORDERS) + _ORDER
_IN_SERIES = np.equal.outer(_SERIES, np.unique(_SERIES)).astype("f4")
_OF_ORDER = np.equal.outer(_ORDER, np.arange(max(_ORDERS))).astype("f4")
_turns = 2 * np.pi / _TRIED * np.outer(np.arange(max(_ORDERS)), np.arange(_TRIED))
_TRIED_COSINES, _TRIED_SINES = np.cos(_turns).astype("f4"), np.sin(_turns).astype("f4")
_RADII = np.linspace(_INNERMOST, 1, _RINGS)


class Signatures(NamedTuple):
    """Real and imaginary part of signatures (n, d) and (n, e), together of norm 1."""

    real: Floats
    imaginary: Floats

    def similar(self, others: Signatures) -> Floats:
        """Return the correlations (n, m) with others, mirrored or not, whichever is larger."""
        found: Floats = self.real @ others.real.T
        found += np.abs(self.imaginary @ others.imaginary.T)
        return found


@dataclass(frozen=True)
class Harmonics:
    """How harmonics are taken of the pictures of a set.

    Attributes:
        reach: the largest shift that pictures are compared at, as a part of their side.
        mean: (k,) what the pictures have in common.
        scale: (k,) what each harmonic is multiplied by.
        real: (q, d) what the real parts of products are projected on.
        imaginary: (q, e) what their imaginary parts are projected on.
    """

    reach: float
    mean: Complex
    scale: Floats
    real: Floats
    imaginary: Floats

    @classmethod
    def of(cls, images: Images, reach: float) -> Harmonics:
        """Return harmonics that are scaled to the differences among images; see ``spectra``."""
        step = max(1, len(images) // _FITTED)
        raw = _raw(images[::step], (0.0, 0.0), reach)
        mean = np.where(_ORDER == 0, raw.mean(axis=0), 0).astype("c8")
        raw -= mean
        power = (np.abs(raw) ** 2).mean(axis=0)
        weights = _IMPORTANCE[_CHANNEL] * np.sqrt(_RADII[_RING] * np.where(_ORDER == 0, 1, 2))
        noise = _NOISE**2 * _noise_gain(reach)
        scale = (weights * np.sqrt(power) / (power + noise)).astype("f4")
        spectra = _normed(raw * scale)
        moments = [np.zeros((len(_ONE), len(_ONE)), "f4") for _ in _SIZES]
        for at in range(0, len(spectra), _CHUNK):
            products = _products(spectra[at : at + _CHUNK])
            moments[0] += products.real.T @ products.real
            moments[1] += products.imag.T @ products.imag
        real, imaginary = (  # the principal components, without a mean
            np.linalg.eigh(moment)[1][:, -size:]
            for moment, size in zip(moments, _SIZES, strict=True)
        )
        return cls(reach, mean, scale, real, imaginary)

    def spectra(self, images: Images, shift: tuple[float, float]) -> Complex:
        """Return the harmonics (n, k) around a point off the middle, of norm 1 or 0.

        Args:
            images: (n, side, side, 3) uint8 RGB, as ``small_squares`` returns them.
            shift: down and across, as parts of the side.
        """
        return _normed((_raw(images, shift, self.reach) - self.mean) * self.scale)

    def signatures(self, spectra: Complex) -> Signatures:
        """Return the signatures of pictures by their spectra (n, k)."""
        found = Signatures(
            np.empty((len(spectra), self.real.shape[1]), "f4"),
            np.empty((len(spectra), self.imaginary.shape[1]), "f4"),
        )
        for at in range(0, len(spectra), _CHUNK):
            products = _products(spectra[at : at + _CHUNK])
            real, imaginary = products.real @ self.real, products.imag @ self.imaginary
            norms = np.sqrt((real**2).sum(1) + (imaginary**2).sum(1)).clip(1e-6)[:, None]
            found.real[at : at + _CHUNK] = real / norms
            found.imaginary[at : at + _CHUNK] = imaginary / norms
        return found


def small_squares(images: Images) -> Images:
    """Return images (n, h, w, 3) as squares, of 32 px if they are no smaller squares already."""
    height, width = images.shape[1:3]
    if height == width and height <= _SIDE:
        return images
    method = cv2.INTER_AREA if height * width > _SIDE**2 else cv2.INTER_LINEAR
    found = np.empty((len(images), _SIDE, _SIDE, 3), np.uint8)
    for image, square in zip(images, found, strict=True):
        cv2.resize(image, (_SIDE, _SIDE), dst=square, interpolation=method)
    return found


def best_angles(one: Complex, others: Complex, mirrored: bool) -> tuple[Floats, Floats]:
    """Return by how many degrees others (n, k) fit a spectrum (k,) best, and the correlations."""
    series = others @ ((one if mirrored else one.conj())[:, None] * _OF_ORDER)
    curves: Floats = series.real @ _TRIED_COSINES - series.imag @ _TRIED_SINES
    best = curves.argmax(axis=1)
    return best * np.float32(360 / _TRIED), curves[np.arange(len(curves)), best]


def _raw(images: Images, shift: tuple[float, float], reach: float) -> Complex:
    """Return the harmonics (n, k) of grey levels, those of order 0 less their mean over rings."""
    sampling = _sampling(images.shape[1], shift, reach)
    found = np.empty((len(images), len(_CHANNEL)), "c8")
    for at in range(0, len(images), _CHUNK):
        chunk = images[at : at + _CHUNK]
        pixels = chunk.reshape(len(chunk), -1, 3).astype("f4")
        for channel, weights in enumerate(_COLOURS):
            here = np.flatnonzero(channel == _CHANNEL)
            plane = pixels @ weights
            found[at : at + _CHUNK, here] = plane @ sampling[:, here].real
            found[at : at + _CHUNK, here] += 1j * (plane @ sampling[:, here].imag)
            level = here[_ORDER[here] == 0]  # a copy may be brighter or darker as a whole
            found[at : at + _CHUNK, level] -= found[at : at + _CHUNK, level].mean(1, keepdims=True)
    return found


def _sampling(side: int, shift: tuple[float, float], reach: float) -> Complex:
    """Return what each pixel (side * side,) of a plane adds to each harmonic (k,)."""
    angles = 2 * np.pi * np.arange(_ANGLES) / _ANGLES
    radii = _RADII * (0.5 - _MARGIN - reach) * side
    middle = (side - 1) / 2 + np.array(shift) * side
    down = middle[0] + np.outer(radii, np.sin(angles))
    across = middle[1] + np.outer(radii, np.cos(angles))
    pixel = np.arange(side)
    bell = [np.exp(-0.5 * ((pixel - c[..., None]) / (_BLUR * side)) ** 2) for c in (down, across)]
    bell = [each / each.sum(axis=-1, keepdims=True) for each in bell]
    waves = np.exp(-1j * np.outer(angles, np.arange(max(_ORDERS)))) / _ANGLES
    whole = np.einsum("ray,rax,am->yxrm", *bell, waves, optimize=True)
    found: Complex = whole.reshape(side * side, _RINGS, -1)[:, _RING, _ORDER].astype("c8")
    return found


def _noise_gain(reach: float) -> NDArray[Any]:
    """Return the power of each harmonic (k,) of white noise of one grey level."""
    gains = (np.abs(_sampling(_SIDE, (0.0, 0.0), reach)) ** 2).sum(axis=0)
    found: NDArray[Any] = gains * (_COLOURS**2).sum(axis=1)[_CHANNEL]
    return found


def _normed(spectra: NDArray[Any]) -> Complex:
    norms = np.linalg.norm(spectra, axis=1, keepdims=True)
    found: Complex = spectra * np.where(norms > 1e-6, 1 / np.maximum(norms, 1e-6), 0).astype("f4")
    return found


def _products(spectra: Complex) -> Complex:
    """Return the products (n, q) of harmonics on pairs of rings, as large as the harmonics."""
    sizes = np.sqrt((np.abs(spectra) ** 2) @ _IN_SERIES) @ _IN_SERIES.T  # of each one's series
    double = np.where(_ONE == _OTHER, 1, np.sqrt(2)).astype("f4")  # each pair stands for two
    products = spectra[:, _ONE] * spectra[:, _OTHER].conj() * double
    found: Complex = products / np.maximum(sizes[:, _ONE], 1e-6)
    return found
