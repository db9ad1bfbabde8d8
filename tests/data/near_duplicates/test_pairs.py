"""Planted leaks of every kind are found, and pictures that are merely alike are not."""

from __future__ import annotations

import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bcauto.data.cleaning import clean
from bcauto.data.near_duplicates import harmonics as harmonics_module
from bcauto.data.near_duplicates import pairs as pairs_module
from bcauto.data.near_duplicates.pairs import NearDuplicates, near_duplicates
from bcauto.data.near_duplicates.pose import TURNS
from bcauto.data.near_duplicates.texture import small_shift
from bcauto.data.reading import read
from bcauto.data.synthetic.cells import cell_labels, cell_picture
from bcauto.progress import told_to

COPIES, OTHERS = 24, 48


def jpeg(quality):
    def save(image, _):
        flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
        return cv2.imdecode(cv2.imencode(".jpg", image[..., ::-1], flags)[1], 1)[..., ::-1]

    return save


def moved(down, across, border):
    def move(image, _):
        matrix = np.float32([[1, 0, across], [0, 1, down]])
        return cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=border)

    return move


def resized(factor):
    """Brought to another size, and back."""

    def resize(image, _):
        height, width = image.shape[:2]
        size = (round(width * factor), round(height * factor))
        way, back = (cv2.INTER_AREA, cv2.INTER_CUBIC)[:: 1 if factor < 1 else -1]
        other = cv2.resize(image, size, interpolation=way)
        return cv2.resize(other, (width, height), interpolation=back)

    return resize


def in_bytes(values):
    return np.clip(values, 0, 255).round().astype(np.uint8)


def at_once(*changes):
    def change(image, rng):
        for one in changes:
            image = one(np.ascontiguousarray(image), rng)
        return image

    return change


KINDS = {
    "equal": lambda image, _: image,
    "JPEG 75": jpeg(75),
    "JPEG 40": jpeg(40),
    "noise": lambda image, rng: in_bytes(image + rng.normal(0, 8, image.shape)),
    "blur": lambda image, _: cv2.GaussianBlur(image, (0, 0), 0.9),
    "brighter": lambda image, _: in_bytes(image + 20.0),
    "darker": lambda image, _: in_bytes(image - 20.0),
    "less contrast": lambda image, _: in_bytes(image * 0.8 + 25),
    "more contrast": lambda image, _: in_bytes(image * 1.2 - 25),
    "shift by 1": moved(1, 0, cv2.BORDER_REFLECT_101),
    "shift by 1 and 2": moved(1, -2, cv2.BORDER_REPLICATE),
    "shift by 2 into black": moved(-2, 2, cv2.BORDER_CONSTANT),
    "halved": resized(0.5),
    "two thirds": resized(2 / 3),
    "doubled": resized(2),
    "many": at_once(
        moved(1, 1, cv2.BORDER_REFLECT_101),
        lambda image, _: cv2.GaussianBlur(image, (0, 0), 0.6),
        lambda image, rng: in_bytes(image * 0.9 + 15 + rng.normal(0, 3, image.shape)),
        jpeg(70),
    ),
}
kinds = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def cells():
    """Different painted cells, of all kinds."""
    labels = cell_labels(COPIES + OTHERS)
    return np.stack([cell_picture(5, index, int(label)) for index, label in enumerate(labels)])


@pytest.fixture(scope="module")
def real_28(real_cells_28):
    """Train and val of the real cells of 28 px, as their file splits them."""
    source, _ = clean(read(real_cells_28))
    return source.train.images, source.val.images


@pytest.fixture(scope="module")
def real_96(real_cells_96):
    return clean(read(real_cells_96))[0].train.images


def of_size(images, height, width):
    shrinks = height * width < images[0][..., 0].size
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.stack([cv2.resize(image, (width, height), interpolation=method) for image in images])


def planted(images, count, change, seed=0):
    """Train: pictures of which the first ``count`` are changed copies of val's, pair by pair."""
    rng = np.random.default_rng(seed)
    copies = [change(image, rng) for image in images[:count]]
    return np.concatenate([np.stack(copies), images[count:]]), images[:count]


def each_with_its_own(count):
    return [(index, index) for index in range(count)]


@kinds
@pytest.mark.parametrize("size", [(96, 96), (28, 28), (60, 90), (200, 150)])
def test_every_planted_copy_is_found_and_nothing_else(cells, kind, size):
    train, val = planted(of_size(cells, *size), COPIES, KINDS[kind])
    assert near_duplicates(train, val) == each_with_its_own(COPIES)


@pytest.mark.parametrize("kind", ["equal", "JPEG 75", "noise", "shift by 1"])
@pytest.mark.parametrize("side", [28, 96])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("quarters", range(4))
def test_turned_and_mirrored_copies_are_found(cells, kind, side, mirrored, quarters):
    def change(image, rng):
        image = KINDS[kind](image, rng)
        return np.rot90(image[:, ::-1] if mirrored else image, quarters)

    train, val = planted(of_size(cells, side, side), COPIES, change)
    assert near_duplicates(train, val) == each_with_its_own(COPIES)


def test_a_turned_copy_brought_to_the_size_of_the_others_is_found(cells):
    def turned(image, _):
        return cv2.resize(np.ascontiguousarray(np.rot90(image)), image.shape[1::-1])

    train, val = planted(of_size(cells, 72, 96), COPIES, turned)
    assert near_duplicates(train, val) == each_with_its_own(COPIES)


def test_pictures_with_the_same_shapes_but_another_texture_are_not_found(cells):
    """Each is blurred and given grain of its own, as a twin is: alike, but not one picture."""
    rng = np.random.default_rng(1)

    def grained(image):
        grain = cv2.GaussianBlur(rng.normal(0, 40, image.shape), (0, 0), 1.5)
        return in_bytes(cv2.GaussianBlur(image, (0, 0), 4).astype(float) + grain)

    ours, theirs = (np.stack([grained(cell) for cell in cells]) for _ in range(2))
    every = np.full(len(ours), len(theirs))
    alike = pairs_module._View(ours).candidates(theirs, every)
    assert {(found.at, found.query) for found in alike} >= set(each_with_its_own(len(cells)))
    assert near_duplicates(ours, theirs) == []


def test_painted_cells_are_all_different():
    labels = cell_labels(300)
    images = np.stack([cell_picture(0, index, int(label)) for index, label in enumerate(labels)])
    for side in (96, 28):
        small = of_size(images, side, side)
        assert near_duplicates(small[100:], small[:100]) == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "equal"])
def test_copies_of_real_cells_of_28_px(real_28, kind):
    train, val = planted(real_28[1][:400], 150, KINDS[kind])
    found = near_duplicates(train, val)
    assert len(set(found) & set(each_with_its_own(150))) >= 148
    assert len({frozenset(pair) for pair in found if pair[0] != pair[1]}) <= 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "equal"])
def test_copies_of_real_cells_of_96_px(real_96, kind):
    train, val = planted(real_96[:300], 75, KINDS[kind])
    assert near_duplicates(train, val) == each_with_its_own(75)


FILLS = {
    "black": (cv2.BORDER_CONSTANT, 0),
    "white": (cv2.BORDER_CONSTANT, 255),
    "reflected": (cv2.BORDER_REFLECT_101, 0),
    "edge": (cv2.BORDER_REPLICATE, 0),
    "wrapped": (cv2.BORDER_WRAP, 0),
}


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("side", [28, 96])
def test_real_cells_turned_by_any_angle_whatever_fills_their_corners(real_96, side, fill):
    mode, value = FILLS[fill]

    def turned(image, rng):
        middle = ((side - 1) / 2, (side - 1) / 2)
        matrix = cv2.getRotationMatrix2D(middle, rng.uniform(10, 350), 1)
        border = {"borderMode": mode, "borderValue": (value,) * 3}
        return cv2.warpAffine(image, matrix, (side, side), **border)

    train, val = planted(of_size(real_96[:300], side, side), 75, turned)
    found = near_duplicates(train, val)
    assert len(set(found) & set(each_with_its_own(75))) >= 74
    assert set(found) <= set(each_with_its_own(75))


def test_real_cells_of_96_px_are_all_different(real_96):
    assert len(near_duplicates(real_96[360:], real_96[:360])) <= 1


def test_two_real_cells_of_28_px_are_on_both_sides_of_their_files_split(real_28):
    """By eye one cell each, saved anew, the first under two labels; no other pair is close."""
    train, val = real_28
    found = near_duplicates(train[7000:8200], val)
    assert {(142, 1579), (1092, 250)} <= set(found)
    assert len(found) <= 4


@st.composite
def pictures(draw):
    """Some smooth pictures of any size; each has a copy of its own, at a place of its own."""
    height, width = (draw(st.sampled_from([8, 9, 13, 14, 27, 28, 64, 101, 512])) for _ in "hw")
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    coarse = rng.integers(0, 256, (5, 8, 8, 3), np.uint8)
    return of_size(coarse, height, width), rng.permutation(5)


@settings(max_examples=40, deadline=None)
@given(pictures=pictures())
def test_equal_pictures_of_any_size_are_found(pictures):
    images, order = pictures
    assert near_duplicates(images, images[order]) == sorted(
        (int(ours), theirs) for theirs, ours in enumerate(order)
    )


def flat(*levels):
    return np.stack([np.full((16, 20, 3), level, np.uint8) for level in levels])


def test_flat_pictures_are_one_if_their_colour_is():
    assert near_duplicates(flat(0, 100, 102, 255), flat(101, 7, 0)) == [(0, 2), (1, 0), (2, 0)]


def test_flat_pictures_of_another_hue_differ():
    red, blue = (np.zeros((1, 16, 20, 3), np.uint8) for _ in "rb")
    red[..., 0] = blue[..., 2] = 90
    assert near_duplicates(red, blue) == []


def test_a_flat_picture_is_not_one_that_shows_something(cells):
    both = np.concatenate([np.full_like(cells[:1], round(cells[0].mean())), cells[:1]])
    assert near_duplicates(both[:1], both[1:]) == []
    assert near_duplicates(both[1:], both[:1]) == []
    assert near_duplicates(both, both) == [(0, 0), (1, 1)]


def test_blocks_change_nothing(cells, monkeypatch):
    train, val = planted(of_size(cells, 28, 28), COPIES, KINDS["many"])
    whole = near_duplicates(train, val)
    monkeypatch.setattr(harmonics_module, "_CHUNK", 7)
    for block in (1, 5000, 50000):
        monkeypatch.setattr(pairs_module, "_BLOCK", block)
        assert near_duplicates(train, val) == whole == each_with_its_own(COPIES)


def test_blocks_bound_the_memory(images_of, monkeypatch):
    """All at once, products of harmonics of 2,000 pictures would take 7 MB, their planes 19 MB."""
    monkeypatch.setattr(harmonics_module, "_CHUNK", 20)
    monkeypatch.setattr(pairs_module, "_BLOCK", 2**16)
    train, val = images_of(2000, (28, 28)), images_of(200, (28, 28), seed=1)
    tracemalloc.start()
    near_duplicates(train, val)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 9e6


def test_how_far_it_is_is_told(cells):
    told = []
    with told_to(told.append):
        near_duplicates(cells, cells)
    shares = [int(step.split()[-1].rstrip("%")) for step in told]
    assert shares == sorted(shares)
    assert (shares[0], len(set(shares)) > 10, shares[-1] < 100) == (0, True, True)


def test_same_answer_twice_and_in_any_order(cells):
    train, val = planted(cells, COPIES, KINDS["noise"])
    order = np.random.default_rng(0).permutation(len(train))
    shuffled = near_duplicates(train[order], val)
    assert shuffled == near_duplicates(train[order], val)
    assert sorted((int(order[ours]), theirs) for ours, theirs in shuffled) == each_with_its_own(24)


def test_of_some_of_the_pictures_themselves_each_pair_is_found_once(cells):
    """A copy of each of the first 24, and two flat pictures; some of them are compared with all."""
    flat = np.full_like(cells[:2], 90)
    train, val = planted(cells, COPIES, KINDS["noise"])
    images = np.concatenate([train, val, flat])
    copies = {(at, len(train) + at) for at in range(COPIES)} | {(len(images) - 2, len(images) - 1)}
    places = np.random.default_rng(0).permutation(len(images))
    found = NearDuplicates(images).of(images[places], places)
    pairs = [tuple(sorted((at, int(places[query])))) for at, query in found]
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == copies
    some = np.arange(5, 12)
    found = NearDuplicates(images).of(images[some], some)
    assert {(at, int(some[query])) for at, query in found} == {
        (len(train) + at, at) for at in range(5, 12)
    }


def test_one_picture_may_have_several_copies(cells):
    train = np.stack([KINDS["darker"](cells[0], None), cells[1], cells[0][::-1]])
    assert near_duplicates(train, cells[:2]) == [(0, 0), (1, 1), (2, 0)]


@pytest.mark.parametrize("side", [8, 13, 14, 27, 28, 40, 57, 58, 64, 96, 133, 134, 300])
def test_a_shift_that_is_looked_for_is_near_every_small_one(side):
    shifts = side * np.array(pairs_module._View(np.zeros((2, side, side, 3), np.uint8)).shifts)
    reach = small_shift((side, side))
    for small in np.stack(np.meshgrid(*[range(-reach, reach + 1)] * 2), -1).reshape(-1, 2):
        assert np.abs(shifts - small).max(axis=1).min() <= 0.027 * side


def test_turns_are_the_symmetries_of_the_square():
    square = np.arange(9).reshape(3, 3)
    expected = [np.rot90(s, k) for s in (square, square[:, ::-1]) for k in range(4)]
    assert {turn(square).tobytes() for turn in TURNS} == {e.tobytes() for e in expected}
