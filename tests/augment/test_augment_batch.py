from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bcauto.augment import Augment, AugMix, RandAugment, augment_batch, augment_image
from bcauto.errors import BadInput

FULL = Augment(flip=True, randaugment=RandAugment(), augmix=AugMix())
POLICIES = {
    "flip": Augment(flip=True),
    "randaugment": Augment(randaugment=RandAugment()),
    "augmix": Augment(augmix=AugMix()),
    "all": FULL,
}
INDICES = np.arange(100, 112)


@pytest.fixture(params=POLICIES)
def policy(request):
    return POLICIES[request.param]


def test_one_answer_whatever_the_batch_the_order_and_the_thread(cells, policy):
    whole = augment_batch(cells, INDICES, 3, 42, policy)
    order = np.random.default_rng(0).permutation(12)
    shuffled = augment_batch(cells[order], INDICES[order], 3, 42, policy)
    assert np.array_equal(shuffled, whole[order])
    with ThreadPoolExecutor(4) as pool:
        alone = pool.map(
            lambda i: augment_batch(cells[i : i + 1], INDICES[i : i + 1], 3, 42, policy), range(12)
        )
    assert np.array_equal(np.concatenate(list(alone)), whole)


def test_shape_and_dtype_are_kept_and_views_are_welcome(cells, policy):
    views = cells[:, ::-2, 5:33]
    result = augment_batch(views, INDICES, 0, 0, policy)
    assert result.shape == views.shape
    assert result.dtype == np.uint8
    copied = augment_batch(np.ascontiguousarray(views), INDICES, 0, 0, policy)
    assert np.array_equal(result, copied)


@pytest.mark.parametrize("other", [{"epoch": 4}, {"seed": 43}, {"epoch": 42, "seed": 3}])
def test_another_epoch_or_seed_is_another_draw(cells, other):
    key = {"epoch": 3, "seed": 42}
    first = augment_batch(cells, INDICES, **key, policy=FULL)
    second = augment_batch(cells, INDICES, **(key | other), policy=FULL)
    assert not any(np.array_equal(one, two) for one, two in zip(first, second, strict=True))


def test_images_of_one_batch_draw_apart(cell):
    same = np.stack([cell] * 60)
    results = augment_batch(same, np.arange(60), 0, 0, POLICIES["augmix"])
    assert len({image.tobytes() for image in results}) == 60


def test_images_stay_untouched_no_more_often_than_the_policy_lets_them(cell):
    same = np.stack([cell[:32, 30:62]] * 4000)
    for policy, chance in ((POLICIES["flip"], 1 / 4), (POLICIES["randaugment"], 1 / 11**2)):
        results = augment_batch(same, np.arange(4000), 0, 0, policy)
        untouched = (results == same).all(axis=(1, 2, 3)).mean()
        assert abs(untouched - chance) < 4 * np.sqrt(chance * (1 - chance) / 4000)


def test_equal_results_are_no_more_frequent_than_rows_without_a_strength(cell):
    same = np.stack([cell[:32, 30:62]] * 1500)
    results = augment_batch(same, np.arange(1500), 0, 0, POLICIES["randaugment"])
    kinds = np.unique(results.reshape(1500, -1), axis=0, return_counts=True)[1]
    # identity, autocontrast and equalize, each 1 in 11, are all that can give one picture twice
    assert kinds[kinds > 1].sum() / 1500 < (3 / 11) ** 2 + 0.03


def test_flips_are_even_and_independent(cell):
    same = np.stack([cell[:16, 40:56]] * 2000)
    results = augment_batch(same, np.arange(2000), 0, 0, POLICIES["flip"])
    ways = [same[0][::down, ::right] for down in (1, -1) for right in (1, -1)]
    counts = [(results == way).all(axis=(1, 2, 3)).sum() for way in ways]
    assert sum(counts) == 2000
    assert sum((count - 500) ** 2 / 500 for count in counts) < 16.3  # .999, 3 dof


def test_a_policy_that_is_off_gives_the_input_back(cells):
    assert augment_batch(cells, INDICES, 0, 0, Augment()) is cells
    view = cells[0, ::-2]
    assert augment_image(view, Augment(), np.random.default_rng(0)) is view


def test_policies_are_applied_in_the_stated_order(cell):
    rng, again = np.random.default_rng(9), np.random.default_rng(9)
    together = augment_image(cell, FULL, rng)
    apart = cell
    for name in ("flip", "randaugment", "augmix"):
        apart = augment_image(apart, POLICIES[name], again)
    assert np.array_equal(together, apart)


def test_the_whole_range_of_keys_is_legal(cells):
    top = np.array([2**64 - 1], dtype=np.uint64)
    augment_batch(cells[:1], top, 2**64 - 1, 2**64 - 1, FULL)
    assert augment_batch(cells[:0], np.arange(0), 0, 0, FULL).shape == (0, 96, 96, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.zeros((2, 8, 8, 3))}, "uint8 RGB, got .* float64"),
        ({"images": np.zeros((2, 8, 8, 1), np.uint8)}, "must be .b, h, w, 3."),
        ({"images": np.zeros((8, 8, 3), np.uint8)}, "must be .b, h, w, 3."),
        ({"images": np.zeros((2, 0, 8, 3), np.uint8)}, "must be .b, h, w, 3."),
        ({"indices": np.arange(3)}, "2 integers"),
        ({"indices": np.array([0.0, 1.0])}, "2 integers"),
        ({"indices": np.array([0, -1])}, "an index must be"),
        ({"epoch": -1}, "the epoch must be"),
        ({"seed": 2**64}, "the seed must be"),
    ],
)
def test_what_names_no_image_or_stream_is_refused(change, message):
    fine = {"images": np.zeros((2, 8, 8, 3), np.uint8), "indices": np.arange(2)}
    with pytest.raises(BadInput, match=message):
        augment_batch(**(fine | {"epoch": 0, "seed": 0, "policy": FULL} | change))


def test_a_batch_is_not_an_image(cells):
    with pytest.raises(BadInput, match=r"must be \(h, w, 3\)"):
        augment_image(cells, FULL, np.random.default_rng(0))


def test_nothing_heavy_is_imported():
    heavy = "{'keras', 'tensorflow', 'keras_cv', 'ray', 'optuna', 'sklearn'}"
    code = f"import sys, bcauto.augment; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
