from __future__ import annotations

import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from math import prod

import numpy as np
import pytest

from bcauto.augment.engine import augment_batch, augment_image
from bcauto.augment.policies import Augment, AugMix, Basic, CutMix, MixUp, RandAugment
from bcauto.augment.wide import WideChain, WideOp
from bcauto.errors import BadInput

FLIP = Basic(flip=True)
FULL = Augment(
    basic=Basic(flip=True, rotation=20, translation=0.1, contrast=0.2, brightness=0.1),
    wide=WideChain(),
    randaugment=RandAugment(),
    augmix=AugMix(),
)
POLICIES = {
    "basic": Augment(basic=FULL.basic),
    "wide": Augment(wide=FULL.wide),
    "randaugment": Augment(randaugment=FULL.randaugment),
    "augmix": Augment(augmix=FULL.augmix),
    "all": FULL,
}
INDICES = np.arange(100, 112)


@pytest.fixture(params=POLICIES)
def policy(request):
    return POLICIES[request.param]


def chance_of_nothing(policy: Augment) -> float:
    """That no op happens to a picture, by the definitions; AugMix always has a chain."""
    chance = 1.0
    if (basic := policy.basic) is not None:
        flips_only = basic.flip and not (basic.rotation or basic.brightness)
        chance *= 1 - basic.probability * (3 / 4 if flips_only else 1)
    if (wide := policy.wide) is not None:
        nothing = prod(1 - each.probability for each in wide.ops.values())
        chance *= 1 - wide.probability * (1 - nothing)
    if (rand := policy.randaugment) is not None:
        chance *= 1 - rand.probability * (1 - (1 - rand.rate) ** rand.ops)
    if (augmix := policy.augmix) is not None:
        chance *= 1 - augmix.probability
    return chance


OFTEN_NOTHING = {
    "flips": Augment(basic=FLIP),
    "basic now and then": Augment(basic=FULL.basic.model_copy(update={"probability": 0.3})),
    "wide": Augment(wide=WideChain()),
    "randaugment": Augment(randaugment=RandAugment()),
    "one op": Augment(randaugment=RandAugment(ops=1, rate=0.5)),
    "augmix": Augment(augmix=AugMix()),
    "augmix now and then": Augment(augmix=AugMix(probability=0.4)),
    "flips, randaugment and augmix": Augment(
        basic=FLIP,
        randaugment=RandAugment(probability=0.5),
        augmix=AugMix(probability=0.5),
    ),
    "basic, randaugment and augmix": Augment(
        basic=FULL.basic, randaugment=RandAugment(), augmix=AugMix()
    ),
}


@pytest.mark.parametrize("name", OFTEN_NOTHING)
def test_over_ten_epochs_results_are_equal_no_more_often_than_nothing_happens(name, batch):
    policy, places = OFTEN_NOTHING[name], np.arange(len(batch))
    epochs = [augment_batch(batch, places, epoch, 11, policy) for epoch in range(10)]
    equal = 0
    for results in zip(*epochs, strict=True):
        alike = Counter(result.tobytes() for result in results)
        equal += sum(count * (count - 1) // 2 for count in alike.values())
    pairs, chance = 45 * len(batch), chance_of_nothing(policy)
    assert equal / pairs <= chance + 4 * (chance * (1 - chance) / pairs) ** 0.5


@pytest.mark.parametrize("name", OFTEN_NOTHING)
def test_pictures_stay_as_they_are_as_often_as_nothing_happens(name, cell):
    policy, same = OFTEN_NOTHING[name], np.stack([cell[:32, 30:62]] * 1000)
    results = augment_batch(same, np.arange(1000), 0, 0, policy)
    untouched = (results == same).all((1, 2, 3)).mean()
    chance = chance_of_nothing(policy)
    spread = 4 * (chance * (1 - chance) / 1000) ** 0.5
    # a weight of AugMix, or a cut of the wide chain, can be too small for any pixel to change
    too_small = 0.02 if policy.wide or policy.augmix else 0
    assert chance - spread <= untouched <= chance + spread + too_small


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
@pytest.mark.parametrize(
    "policy",
    [
        Basic(translation=0.5, brightness=0.5),
        WideChain(ops={"equalize": WideOp(probability=1)}),
        RandAugment(ops=3, rate=1),
        AugMix(severity=1, min_depth=3, alpha=100),
    ],
    ids=lambda policy: type(policy).__name__,
)
def test_every_policy_acts_with_its_probability(policy, probability, cell, fits):
    name = {Basic: "basic", WideChain: "wide", RandAugment: "randaugment", AugMix: "augmix"}
    rare = policy.model_copy(update={"probability": probability})
    same = np.stack([cell[:32, 30:62]] * 1000)
    results = augment_batch(same, np.arange(1000), 0, 0, Augment(**{name[type(policy)]: rare}))
    acted = int((results != same).any((1, 2, 3)).sum())
    if probability == 1:
        assert acted > 993  # but for blends that round to the picture
    else:
        fits([acted, 1000 - acted], [probability, 1 - probability])


@pytest.mark.parametrize("policy", POLICIES)
def test_a_second_run_gives_the_same_bytes_whatever_batches_order_and_threads(policy, batch):
    images, policy = batch[:100], POLICIES[policy]
    places = np.arange(len(images))
    whole = augment_batch(images, places, 3, 42, policy)

    def run(order, size, threads):
        parts = [order[start : start + size] for start in range(0, len(order), size)]
        with ThreadPoolExecutor(threads) as pool:
            made = pool.map(lambda part: augment_batch(images[part], part, 3, 42, policy), parts)
            return np.concatenate(list(made))

    assert np.array_equal(run(places, 7, 4), whole)
    order = np.random.default_rng(0).permutation(places)
    assert np.array_equal(run(order, 32, 2), whole[order])
    assert np.array_equal(run(places[:40], 1, 1), whole[:40])


def test_shape_and_dtype_are_kept_and_views_are_welcome(cells, policy):
    views = cells[:, ::-2, 5:33]
    result = augment_batch(views, INDICES, 0, 0, policy)
    assert result.shape == views.shape
    assert result.dtype == np.uint8
    copied = augment_batch(np.ascontiguousarray(views), INDICES, 0, 0, policy)
    assert np.array_equal(result, copied)


@pytest.mark.parametrize("other", [{"epoch": 4}, {"seed": 43}, {"epoch": 42, "seed": 3}])
def test_another_epoch_or_seed_gives_other_results(cells, other):
    key = {"epoch": 3, "seed": 42}
    first = augment_batch(cells, INDICES, **key, policy=FULL)
    second = augment_batch(cells, INDICES, **(key | other), policy=FULL)
    assert not any(np.array_equal(one, two) for one, two in zip(first, second, strict=True))


def test_images_of_one_batch_are_augmented_independently(cell):
    same = np.stack([cell] * 60)
    results = augment_batch(same, np.arange(60), 0, 0, POLICIES["augmix"])
    assert len({image.tobytes() for image in results}) == 60


def test_equal_results_are_no_more_frequent_than_sequences_without_a_strength(cell):
    same = np.stack([cell[:32, 30:62]] * 1000)
    results = augment_batch(same, np.arange(1000), 0, 0, POLICIES["randaugment"])
    kinds = np.unique(results.reshape(1000, -1), axis=0, return_counts=True)[1]
    # identity, autocontrast and equalize, each 1 in 11, are all that can give one picture twice
    assert kinds[kinds > 1].sum() / 1000 < (3 / 11) ** 2 + 0.03


@pytest.mark.parametrize("off", [Augment(), Augment(mixup=MixUp(), cutmix=CutMix())])
def test_a_policy_that_is_off_gives_the_input_back(cells, off):
    assert augment_batch(cells, INDICES, 0, 0, off) is cells
    view = cells[0, ::-2]
    assert augment_image(view, off, np.random.default_rng(0)) is view


def test_policies_are_applied_in_the_stated_order(cell):
    rng, again = np.random.default_rng(9), np.random.default_rng(9)
    together = augment_image(cell, FULL, rng)
    in_turn = cell
    for name in ("basic", "wide", "randaugment", "augmix"):
        in_turn = augment_image(in_turn, POLICIES[name], again)
    assert np.array_equal(together, in_turn)


def test_mixes_take_nothing_from_the_policies_chance(cells):
    mixed = FULL.model_copy(update={"mixup": MixUp(), "cutmix": CutMix()})
    results = [augment_batch(cells, INDICES, 3, 42, policy) for policy in (FULL, mixed)]
    assert np.array_equal(*results)


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
