"""Each way to copies, on copies that are exact and on ones that were changed."""

import cv2
import numpy as np
import pytest

from bcauto.inspection.collection import Collection
from bcauto.inspection.copies import find_copies, groups_of
from bcauto.inspection.features import standard_of
from bcauto.inspection.layout import components_of, lay_out
from bcauto.inspection.texture import texture_features
from bcauto.inspection.ways import find_by_ways

NAMES = (
    "hash", "perceptual hash", "feature similarity", "PCA and Mahalanobis", "t-SNE",
    "distance from the mean",
)  # fmt: skip
CROWD, PAIR = (*range(150, 190),), (3, 149)


@pytest.fixture(scope="module")
def cells():
    """149 clouds, a copy of the fourth, and 40 copies of a picture of another kind."""
    coarse = np.random.default_rng(0).integers(0, 256, (149, 7, 7, 3), np.uint8)
    images = np.stack([cv2.resize(one, (48, 48), interpolation=cv2.INTER_CUBIC) for one in coarse])
    checks = (np.indices(images.shape[1:3]).sum(0) // 9 % 2 * 255).astype(np.uint8)
    checks = np.dstack([checks, 255 - checks, checks // 2])
    return np.concatenate([images, images[[3]], np.repeat(checks[None], 40, 0)])


def found_by_ways(images):
    labels = np.arange(len(images)) % 2
    names = tuple(map(str, range(len(images))))
    sizes = np.zeros((len(images), 2), np.int64)
    copies = find_copies(Collection(images, labels, ("a", "b"), len(images), names, sizes))
    raw = texture_features(images)  # of every picture, so that copies have features of their own
    features = standard_of(raw[copies.distinct])(raw)
    components, explained = components_of(features, copies)
    layout = lay_out(components, explained, 0)
    ways = find_by_ways(images, copies.place, features, components, layout)
    return {way.name: way for way in ways}, copies


@pytest.fixture(scope="module")
def exact(cells):
    return found_by_ways(cells)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "t-SNE"])
def test_exact_copies_are_found(exact, name):
    ways, copies = exact
    assert [*ways] == [*NAMES]
    assert ways[name].crowds == (CROWD,)
    assert PAIR in ways[name].pairs
    agreement = ways[name].beside(copies)
    assert (agreement.crowded, agreement.intruders, agreement.duplicates) == (40, 40, 1)


def test_a_map_lays_copies_on_a_few_spots(exact):
    ways, _ = exact
    crowds = ways["t-SNE"].crowds
    assert crowds  # it may tear a crowd apart, but mixes nothing else into it
    assert {number for crowd in crowds for number in crowd} <= {*CROWD}


def test_changed_copies_are_found_by_what_looks_past_pixels(cells):
    changed = cells.copy()
    for at in range(149, 190):
        quality = [cv2.IMWRITE_JPEG_QUALITY, 75 + at % 15]
        changed[at] = cv2.imdecode(cv2.imencode(".jpg", cells[at], quality)[1], cv2.IMREAD_COLOR)
    ways, _ = found_by_ways(changed)
    assert ways["hash"].groups != (CROWD, PAIR)
    assert ways["perceptual hash"].crowds == (CROWD,)
    assert ways["feature similarity"].crowds == (CROWD,)


def test_groups_are_of_equal_values():
    assert groups_of(np.array([4, 1, 4, 2, 1, 4])) == [(1, 4), (0, 2, 5)]
    assert groups_of(np.array([1, 2, 3])) == []
