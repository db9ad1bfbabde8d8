"""The distance of training from corruptions: against its definition, and where it is known."""

import numpy as np
import pytest

from bcauto.augment.policies import Augment, Basic
from bcauto.augment.wide import WideChain, WideOp
from bcauto.proxy.corruptions import CorruptionAtSeverity
from bcauto.proxy.distance import (
    Distance,
    distances_by_family,
    minimal_sample_distances,
    training_distances,
)

NAMED = CorruptionAtSeverity.named
BLURS = tuple(map(NAMED, ("defocus/2", "motion/4")))
COLOURS = tuple(map(NAMED, ("colour_cast/4", "split_toning/5")))


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    return coarse.repeat(4, axis=1).repeat(4, axis=2)


def pixels(images):
    """Features that lose nothing."""
    return images.reshape(len(images), -1) / np.float32(255)


def always(name, magnitude):
    return Augment(wide=WideChain(ops={name: WideOp(probability=1, magnitude=magnitude)}))


def test_it_is_the_least_of_the_distances_from_all_samples():
    rng = np.random.default_rng(1)
    sampled, corrupted = rng.normal(size=(40, 7)), rng.normal(size=(5, 7))
    by_hand = [
        min(sum((a - c) ** 2 for a, c in zip(one, row, strict=True)) ** 0.5 for one in sampled)
        for row in corrupted
    ]
    assert minimal_sample_distances(sampled, corrupted) == pytest.approx(by_hand)


def test_distances_are_those_of_mean_features_by_the_definition(images):
    """The corruption's own images are asked of what is extracted, in the order in which it is."""
    seen = []

    def extract(changed):
        seen.append(pixels(changed).mean(axis=0))
        return pixels(changed)

    found = training_distances(extract, images, always("brightness", 0.3), BLURS, 5)
    clean, *others = seen
    sampled, corrupted = others[:5], others[5:]
    assert np.allclose(clean, pixels(images).mean(axis=0))
    for each, row in zip(BLURS, corrupted, strict=True):
        least = min(np.linalg.norm(one - row) for one in sampled)
        assert found[each].training == pytest.approx(least)
        assert found[each].clean == pytest.approx(np.linalg.norm(clean - row))


def test_a_sampled_transform_is_the_same_for_all_images(images):
    same = np.repeat(images[:1], 4, axis=0)

    def extract(changed):
        alike.append((changed == changed[0]).all())
        return pixels(changed)

    alike = []
    policy = Augment(basic=Basic(flip=True, rotation=40), wide=WideChain(detail={}, colour={}))
    training_distances(extract, same, policy, (NAMED("shot_noise/5"),), 20)
    *transforms, corrupted = alike
    assert all(transforms)
    assert not corrupted


def test_training_that_blurs_is_nearer_to_blurs_and_not_to_colours(images):
    blurs = training_distances(pixels, images, always("gaussian_blur", 1.0), [*BLURS, *COLOURS], 30)
    families = distances_by_family(blurs)
    assert families["blur"].training < 0.7 * families["blur"].clean
    assert families["colour"].training > 0.9 * families["colour"].clean


def test_more_samples_are_never_farther(images):
    policy = Augment(wide=WideChain())
    few, many = (training_distances(pixels, images, policy, BLURS, n) for n in (5, 40))
    assert all(many[each].training <= few[each].training for each in BLURS)
    assert few == training_distances(pixels, images, policy, BLURS, 5)


def test_without_augmentation_training_is_as_far_as_the_clean_images(images):
    for found in training_distances(pixels, images, Augment(), BLURS, 30).values():
        assert found.training == found.clean > 0


def test_a_family_has_the_mean_of_its_corruptions():
    distances = dict(zip((*BLURS, COLOURS[0]), map(Distance, (1, 3, 5), (2, 8, 6)), strict=True))
    assert distances_by_family(distances) == {"blur": Distance(2, 5), "colour": Distance(5, 6)}
