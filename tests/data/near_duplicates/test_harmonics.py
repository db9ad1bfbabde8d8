"""Harmonics and signatures of pictures that are turned and mirrored."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bcauto.data.near_duplicates.harmonics import Harmonics, best_angles


@pytest.fixture(scope="module")
def soft():
    """Different pictures of soft blobs, 48 px."""
    rng = np.random.default_rng(4)
    noise = rng.normal(size=(40, 48, 48, 3))
    blobs = [cv2.GaussianBlur(each, (0, 0), 3) for each in noise]
    return np.stack([np.clip(128 + 40 * b / b.std(), 0, 255) for b in blobs]).astype(np.uint8)


def turned(picture, angle, mirrored):
    picture = np.ascontiguousarray(picture[:, ::-1] if mirrored else picture)
    matrix = cv2.getRotationMatrix2D((23.5, 23.5), angle, 1)
    return cv2.warpAffine(picture, matrix, (48, 48), borderMode=cv2.BORDER_REFLECT_101)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("angle", [0, 17, 90, 143, 270, 321])
def test_a_turned_picture_is_like_itself_only(soft, angle, mirrored):
    harmonics = Harmonics.of(soft, 0.04)
    spectra = harmonics.spectra(soft, (0.0, 0.0))
    copies = np.stack([turned(picture, angle, mirrored) for picture in soft])
    theirs = harmonics.spectra(copies, (0.0, 0.0))
    similar = harmonics.signatures(theirs).similar(harmonics.signatures(spectra))
    assert np.diag(similar).min() > 0.9
    assert (similar - np.eye(40)).max() < 0.8
    for at in range(40):
        angles, alike = best_angles(theirs[at], spectra, mirrored)
        assert alike.argmax() == at
        assert alike[at] > 0.9
        off = angles[at] - (180 - angle if mirrored else angle)
        assert abs((off + 180) % 360 - 180) <= 3


def test_a_shift_moves_the_middle(soft):
    harmonics = Harmonics.of(soft, 0.1)
    here = harmonics.spectra(np.roll(soft, (2, -1), (1, 2)), (2 / 48, -1 / 48))
    # rows are read off the same grid, but for the blur's grid of 32 px
    assert (here * harmonics.spectra(soft, (0.0, 0.0)).conj()).sum(axis=1).real.min() > 0.97


def test_flat_pictures_have_none(soft):
    flat = np.full((2, 48, 48, 3), 9, np.uint8)
    assert not Harmonics.of(flat, 0.0).spectra(flat, (0.0, 0.0)).any()
