from __future__ import annotations

from math import gamma

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bcauto.augment.engine import augment_batch, sample_mixes
from bcauto.augment.mixes import Mix
from bcauto.augment.policies import Augment, AugMix, Basic, CutMix, MixUp, RandAugment
from bcauto.errors import BadInput

SIZE = (28, 20)
SAMPLES = 10_000
MIXUP = Augment(mixup=MixUp(probability=1))
CUTMIX = Augment(cutmix=CutMix(probability=1))


def sample(policy, images=SAMPLES, size=SIZE, epoch=0, seed=0, indices=None):
    indices = np.arange(images) if indices is None else indices
    return sample_mixes(indices, images, size, epoch, seed, policy)


def shares_of(policy, **more):
    """The picture's share in every sample: all of it where it is not mixed."""
    return np.array([mix.share if mix else 1.0 for mix in sample(policy, **more)])


def mixup(alpha):
    return Augment(mixup=MixUp(probability=1, alpha=alpha))


def cutmix(alpha):
    return Augment(cutmix=CutMix(probability=1, alpha=alpha))


@pytest.mark.parametrize(
    "policy", [mixup(0.2), mixup(1), mixup(8), cutmix(1), cutmix(0.3), cutmix(20)]
)
def test_the_label_is_shared_as_the_pixels_are(policy):
    black, white = np.zeros((*SIZE, 3), np.uint8), np.full((*SIZE, 3), 255, np.uint8)
    mixes = [mix for mix in sample(policy) if mix]
    assert len(mixes) > 0.7 * SAMPLES
    errors = [abs(mix(black, white).mean() / 255 - (1 - mix.share)) for mix in mixes]
    assert max(errors) < 1e-3
    assert all(0 <= mix.share < 1 for mix in mixes)


@given(share=st.integers(0, 254), seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_mixup_blends_all_over(share, seed):
    image, other = np.random.default_rng(seed).integers(0, 256, (2, 9, 7, 3)).astype(np.uint8)
    mixed = Mix(0, share / 255)(image, other)
    exact = share / 255 * image + (1 - share / 255) * other
    assert mixed.dtype == np.uint8
    assert np.abs(mixed - exact).max() <= 0.5 + 1e-6


def test_cutmix_takes_the_box_from_the_other_and_writes_to_neither(cells):
    image, other = cells[:2]
    for mix in sample(CUTMIX, images=60, size=(96, 96)):
        mixed, inside = mix(image, other), np.zeros((96, 96), bool)
        inside[mix.box] = True
        assert np.array_equal(mixed[inside], other[inside])
        assert np.array_equal(mixed[~inside], image[~inside])


def test_a_box_has_the_pictures_shape_unless_the_edge_cuts_it():
    whole = 0
    for mix in sample(CUTMIX, size=(300, 500)):
        (top, bottom), (left, right) = ((side.start, side.stop) for side in mix.box)
        assert 0 <= top < bottom <= 300
        assert 0 <= left < right <= 500
        if top > 0 and bottom < 300 and left > 0 and right < 500:
            whole += 1
            assert (bottom - top) / 300 == pytest.approx((right - left) / 500, abs=1.5 / 300)
    assert whole > SAMPLES / 10


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_mixup_shares_are_beta(alpha):
    shares = shares_of(mixup(alpha))
    assert shares.mean() == pytest.approx(0.5, abs=4 * shares.std() / SAMPLES**0.5)
    assert shares.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.04)


@pytest.mark.parametrize("alpha", [0.1, 0.2, 1.0])
def test_mixup_leaves_alone_what_would_stay_the_same(alpha, fits):
    mixes = sample(mixup(alpha))
    alone, other = mixes.count(None), sum(mix.share == 0 for mix in mixes if mix)
    # the first term of the incomplete Beta function, of a share within half a level of either end
    end = (0.5 / 255) ** alpha * gamma(2 * alpha) / gamma(alpha) ** 2 / alpha
    fits([alone, other, SAMPLES - alone - other], [end, end, 1 - 2 * end])


@pytest.mark.parametrize("alpha", [0.3, 1.0, 5.0])
def test_cutmix_shares_are_what_a_clipped_box_leaves(alpha):
    shares = shares_of(cutmix(alpha), size=(1000, 1500))
    # by definition, in parts of a side: a box of (1 - Beta) ** .5 about a place on the picture
    rng = np.random.default_rng(1)
    half = (1 - rng.beta(alpha, alpha, 400_000)) ** 0.5 / 2
    middles = rng.random((2, 400_000))
    box = (np.minimum(middles + half, 1) - np.maximum(middles - half, 0)).prod(0)
    assert shares.mean() == pytest.approx(1 - box.mean(), abs=4 * box.std() / SAMPLES**0.5)
    assert shares.var() == pytest.approx(box.var(), rel=0.05)
    levels = [0.1, 0.3, 0.5, 0.7, 0.9]
    assert np.quantile(shares, levels) == pytest.approx(np.quantile(1 - box, levels), abs=0.03)


def test_the_box_is_anywhere():
    boxes = [mix.box for mix in sample(cutmix(100), size=(10_000, 10_000))]  # of about .7 a side
    for axis in range(2):
        sides = [(box[axis].start, box[axis].stop) for box in boxes]
        low, high = (start == 0 for start, _ in sides), (stop == 10_000 for _, stop in sides)
        assert [sum(low) / SAMPLES, sum(high) / SAMPLES] == pytest.approx([0.354, 0.354], abs=0.02)
    rows, columns = ([box[axis].start + box[axis].stop for box in boxes] for axis in range(2))
    assert abs(np.corrcoef(rows, columns)[0, 1]) < 0.05


@pytest.mark.parametrize("policy", [mixup(8), CUTMIX])
def test_the_partner_is_any_other_picture(policy, fits):
    counts = np.zeros((5, 5), int)
    for epoch in range(2000):
        for index, mix in enumerate(sample(policy, images=5, epoch=epoch, size=(96, 96))):
            counts[index, mix.partner] += 1
    assert not counts.diagonal().any()
    fits(counts[~np.eye(5, dtype=bool)], [1 / 20] * 20)


def test_partners_come_from_the_whole_data_set(uniform):
    partners = np.array([mix.partner for mix in sample(mixup(8))])
    assert (partners != np.arange(SAMPLES)).all()
    uniform(partners, 0, SAMPLES)
    uniform((partners - np.arange(SAMPLES)) % SAMPLES, 0, SAMPLES)


def test_two_pictures_are_each_others_partner_and_one_has_none():
    assert [mix.partner for mix in sample(mixup(8), images=2)] == [1, 0]
    assert sample(mixup(8), images=1) == [None]


@pytest.mark.parametrize("policy", [MIXUP, CUTMIX, Augment(mixup=MixUp(), cutmix=CutMix())])
def test_a_mix_depends_on_its_index_epoch_and_seed_alone(policy):
    whole = sample(policy, images=300, epoch=3, seed=42)
    order = np.random.default_rng(0).permutation(300)[:50]
    assert sample(policy, images=300, epoch=3, seed=42, indices=order) == [whole[i] for i in order]
    for other in ({"epoch": 4}, {"seed": 43}, {"epoch": 42, "seed": 3}):
        again = sample(policy, images=300, **({"epoch": 3, "seed": 42} | other))
        differ = sum(one != two for one, two in zip(whole, again, strict=True))
        assert differ > 150


def test_mixup_then_cutmix_are_as_frequent_as_stated(fits):
    policy = Augment(mixup=MixUp(probability=0.3, alpha=8), cutmix=CutMix(probability=0.4))
    kinds = [None if mix is None else mix.box is not None for mix in sample(policy, size=(96, 96))]
    counts = [kinds.count(kind) for kind in (False, True, None)]
    fits(counts, [0.3, 0.7 * 0.4, 0.7 * 0.6])


@pytest.mark.parametrize(
    ("policy", "chances"),
    [
        (Augment(mixup=MixUp(probability=0.3, alpha=8)), [0.3, 0, 0.7]),
        (Augment(cutmix=CutMix(probability=0.3, alpha=8)), [0, 0.3, 0.7]),
        (Augment(mixup=MixUp(probability=0)), [0, 0, 1]),
        (Augment(basic=Basic(flip=True)), [0, 0, 1]),
        (Augment(mixup=MixUp(probability=1, alpha=8), cutmix=CutMix(probability=1)), [1, 0, 0]),
    ],
)
def test_each_mix_has_its_probability(policy, chances, fits):
    mixes = sample(policy, size=(96, 96))
    boxed = [mix.box is not None for mix in mixes if mix]
    fits([boxed.count(False), boxed.count(True), mixes.count(None)], chances)


def test_a_picture_that_mixup_leaves_alone_is_not_cut():
    policy = Augment(mixup=MixUp(probability=1, alpha=0.1), cutmix=CutMix(probability=1))
    mixes = sample(policy)
    assert 0.2 * SAMPLES < mixes.count(None) < 0.4 * SAMPLES
    assert all(mix.box is None for mix in mixes if mix)


def test_mixes_do_not_depend_on_the_policies():
    mixes = Augment(mixup=MixUp(), cutmix=CutMix())
    more = mixes.model_copy(update={"randaugment": RandAugment(), "augmix": AugMix()})
    assert sample(mixes, images=200) == sample(more, images=200)


def test_mixes_and_policies_share_no_stream():
    # the first number of one stream decides who is the partner, that of the other who is brighter
    policy = Augment(basic=Basic(probability=0.5, brightness=0.5), mixup=MixUp(probability=1))
    offsets = [
        0 if mix is None else (mix.partner - index) % 4000
        for index, mix in enumerate(sample(policy, images=4000))
    ]
    grey = np.full((4000, 1, 1, 3), 128, np.uint8)
    changed = (augment_batch(grey, np.arange(4000), 0, 0, policy) != grey).any((1, 2, 3))
    assert changed.mean() == pytest.approx(0.5, abs=0.04)
    assert abs(np.corrcoef(offsets, changed)[0, 1]) < 0.07


def test_indices_that_name_no_stream_are_refused():
    for indices in (np.array([-1]), np.array([0.5])):
        with pytest.raises(BadInput):
            sample(MIXUP, indices=indices)
    with pytest.raises(BadInput, match="the epoch must be"):
        sample(MIXUP, epoch=-1)
