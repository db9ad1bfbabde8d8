"""A user's own images in the proxy: what they weigh, and that nothing else moves."""

import numpy as np
import pytest

from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.make import make_proxy
from bcauto.proxy.own_images import OwnImages, with_own
from bcauto.proxy.proxy import Proxy
from bcauto.proxy.score import score, score_probe

CONFIG = ProxyConfig(families=("colour", "exposure"), held_out=("blur",), copies=6)
CLASSES = 3
SEED = 5


def random_images(n, seed):
    """Images and labels of three classes, in no order."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, 12, 12, 3), dtype=np.uint8)
    return images, rng.choice(CLASSES, n, p=(0.6, 0.3, 0.1)).astype(np.int64)


@pytest.fixture(scope="module")
def plain():
    return make_proxy(*random_images(60, 0), CONFIG, SEED)


def own(n, alone=False):
    return OwnImages(*random_images(n, 1), alone)


def right_on(proxy, chosen):
    """Probabilities that are right on the chosen images, and wrong on all others."""
    named = np.where(chosen, proxy.labels, (proxy.labels + 1) % CLASSES)
    return np.eye(CLASSES)[named]


def is_own(proxy):
    return np.array([each.family == "own" for each in proxy.corruptions])[proxy.corruption]


@pytest.mark.parametrize("n", [9, 100, 2500])
@pytest.mark.parametrize("objective", ["mean_of_corruptions", "mean_of_families"])
def test_beside_two_families_they_are_a_third_of_the_objective(n, objective):
    config = CONFIG.model_copy(update={"objective": objective})
    proxy = with_own(make_proxy(*random_images(60, 0), config, SEED), own(n), SEED)
    found = score(proxy, right_on(proxy, is_own(proxy)))
    assert found.objective == pytest.approx(1 / 3)
    assert found.families == {"colour": 0.0, "exposure": 0.0, "own": 1.0}
    assert found.held_out == {"blur": 0.0}


def test_alone_they_are_all_of_it(plain):
    proxy = with_own(plain, own(40, alone=True), SEED)
    half = is_own(proxy) & (np.cumsum(is_own(proxy)) <= 20)
    found = score(proxy, right_on(proxy, half))
    assert found.objective == found.families["own"] == found.corruptions["own/1"] == 0.5
    assert list(found.families) == ["own"]
    assert set(found.held_out) == {"blur"}


def test_each_own_image_is_there_once_with_its_label(plain):
    given = own(50)
    for alone in (False, True):
        made = with_own(plain, OwnImages(given.images, given.labels, alone), SEED)
        there = is_own(made)
        np.testing.assert_array_equal(made.images[there], given.images)
        np.testing.assert_array_equal(made.labels[there], given.labels)
        np.testing.assert_array_equal(made.base[there], 60 + np.arange(50))
        held = np.array([each.family == "blur" for each in plain.corruptions])[plain.corruption]
        rest = ~there if alone else np.flatnonzero(~there)[held]
        np.testing.assert_array_equal(made.images[rest], plain.images[held])
        names = [[p.corruptions[c].name for c in p.corruption] for p in (made, plain)]
        assert np.array(names[0])[rest].tolist() == np.array(names[1])[held].tolist()


def test_parts_have_equally_many_of_every_class(plain):
    given = own(200)
    made = with_own(plain, given, SEED)
    parts = [place for place, each in enumerate(made.corruptions) if each.family == "own"]
    assert len(parts) == 9  # as colour and exposure have: three corruptions of three severities
    for label in range(CLASSES):
        counts = [np.sum((made.corruption == part) & (made.labels == label)) for part in parts]
        assert max(counts) - min(counts) <= 1


def test_the_probe_weighs_them_as_the_objective_does(plain):
    made = with_own(plain, own(500), SEED)
    probed = is_own(made)[made.probe]
    assert probed.sum() == 30  # 60 of two families
    assert score_probe(made, right_on(made, is_own(made))[made.probe]) == pytest.approx(1 / 3)
    shares = np.bincount(made.labels[made.probe[probed]], minlength=CLASSES) / 30
    given = np.bincount(own(500).labels, minlength=CLASSES) / 500
    assert np.abs(shares - given).max() <= 1 / 30
    assert len(with_own(plain, own(500, alone=True), SEED).probe) == 60
    assert len(with_own(plain, own(7, alone=True), SEED).probe) == 7


def test_an_interval_shrinks_with_more_images(plain):
    def width(n):
        made = with_own(plain, own(n, alone=True), SEED)
        low, high = score(made, right_on(made, made.base % 2 == 0)).interval
        return high - low

    # A proportion of one half has a standard error of 1 / sqrt(4 n).
    assert width(100) == pytest.approx(2 * 1.96 / np.sqrt(4 * 100), rel=0.15)
    assert width(900) == pytest.approx(2 * 1.96 / np.sqrt(4 * 900), rel=0.15)


def test_saved_and_loaded_it_is_the_same(plain, tmp_path):
    made = with_own(plain, own(40), SEED)
    made.save(tmp_path / "proxy.npz")
    again = Proxy.load(tmp_path / "proxy.npz")
    assert again.fingerprint == made.fingerprint
    assert again.corruptions == made.corruptions


def test_its_fingerprint_knows_images_labels_and_whether_they_are_alone():
    images, labels = random_images(10, 1)
    other_label = labels.copy()
    other_label[3] = (other_label[3] + 1) % CLASSES
    other_pixel = images.copy()
    other_pixel[0, 0, 0, 0] ^= 1
    variants = [
        OwnImages(images, labels, False),
        OwnImages(images, labels, True),
        OwnImages(images, other_label, False),
        OwnImages(other_pixel, labels, False),
    ]
    assert len({variant.fingerprint for variant in variants}) == 4
    assert OwnImages(images.copy(), labels.copy(), False).fingerprint == variants[0].fingerprint


def test_auc_needs_two_classes_in_every_own_part(refused):
    config = CONFIG.model_copy(update={"metric": "auc"})
    proxy = make_proxy(*random_images(200, 0), config, SEED)
    images, labels = random_images(30, 1)
    with refused("metric 'auc' needs images of two classes for .*, got one class for own/1"):
        with_own(proxy, OwnImages(images, np.zeros_like(labels), True), SEED)
