import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bcauto.errors import BadInput
from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.corruptions import FAMILIES
from bcauto.proxy.make import assign_evenly, make_proxy
from bcauto.proxy.score import score
from bcauto.seeds import generator

CONFIG = ProxyConfig(families=("colour", "exposure"), held_out=("blur",), copies=5)
SEED = 11
HERE = Path(__file__).parent


def pictures(n, side=12):
    rng = np.random.default_rng(n)
    return rng.integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def classes(n):
    """Labels of four classes with very different counts, in no order."""
    return np.random.default_rng(n).choice(4, n, p=(0.5, 0.3, 0.15, 0.05))


@pytest.fixture(scope="module")
def proxy():
    return make_proxy(pictures(50), classes(50), CONFIG, SEED)


def spread(counts):
    return counts.max() - counts.min()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_assignment_is_even_over_all_and_over_each_class(data):
    n = data.draw(st.integers(1, 120))
    choices = data.draw(st.integers(1, 50))
    copies = data.draw(st.integers(1, choices))
    labels = np.array(data.draw(st.lists(st.integers(0, 4), min_size=n, max_size=n)))
    assigned = assign_evenly(labels, choices, copies, np.random.default_rng(0))
    assert assigned.shape == (copies, n)
    for group in [np.ones(n, bool), *(labels == label for label in np.unique(labels))]:
        assert spread(np.bincount(assigned[:, group].ravel(), minlength=choices)) <= 1
        assert spread(np.bincount(assigned[0, group], minlength=choices)) <= 1
    assert all(len(set(column)) == copies for column in assigned.T)


def test_shapes_types_and_counts(proxy):
    m = 50 * (CONFIG.copies + CONFIG.held_out_copies)
    assert (proxy.images.shape, proxy.images.dtype) == ((m, 12, 12, 3), np.uint8)
    for array in (proxy.labels, proxy.base, proxy.corruption):
        assert (array.shape, array.dtype) == ((m,), np.int64)
    assert proxy.corruptions == (*CONFIG.corruptions, *CONFIG.held_out_corruptions)


def test_labels_are_those_of_the_base_images(proxy):
    assert np.array_equal(proxy.labels, classes(50)[proxy.base])


def test_no_two_copies_of_an_image_are_corrupted_alike(proxy):
    pairs = set(zip(proxy.base.tolist(), proxy.corruption.tolist(), strict=True))
    assert len(pairs) == len(proxy.base)
    searched = proxy.corruption < len(CONFIG.corruptions)
    assert set(np.bincount(proxy.base[searched])) == {CONFIG.copies}
    assert set(np.bincount(proxy.base[~searched])) == {CONFIG.held_out_copies}


def test_corruptions_have_equally_many_images_within_one_and_so_of_each_class(proxy):
    searched = proxy.corruption < len(CONFIG.corruptions)
    for part, corruptions in (
        (searched, CONFIG.corruptions),
        (~searched, CONFIG.held_out_corruptions),
    ):
        places = proxy.corruption[part] - proxy.corruption[part].min()
        assert spread(np.bincount(places, minlength=len(corruptions))) <= 1
        for label in range(4):
            of_class = places[proxy.labels[part] == label]
            assert spread(np.bincount(of_class, minlength=len(corruptions))) <= 1


def test_the_probe_holds_each_base_image_once_and_nothing_held_out(proxy):
    assert sorted(proxy.base[proxy.probe]) == list(range(50))
    probed = [proxy.corruptions[place] for place in proxy.corruption[proxy.probe]]
    assert set(probed) == set(CONFIG.corruptions)
    assert spread(np.bincount(proxy.corruption[proxy.probe])) <= 1


def test_a_copy_is_what_its_own_key_gives(proxy):
    images = pictures(50)
    for index in range(0, len(proxy.images), 37):
        base, corruption = int(proxy.base[index]), proxy.corruptions[proxy.corruption[index]]
        rng = generator(SEED, "proxy", base, corruption.name)
        assert np.array_equal(proxy.images[index], corruption.corrupt(images[base], rng))


def test_the_same_seed_gives_the_same_proxy_and_another_seed_another(proxy):
    assert make_proxy(pictures(50), classes(50), CONFIG, SEED).fingerprint == proxy.fingerprint
    assert make_proxy(pictures(50), classes(50), CONFIG, 12).fingerprint != proxy.fingerprint


def test_other_images_labels_or_settings_give_another_fingerprint(proxy):
    images, labels = pictures(50), classes(50)
    other_config = CONFIG.model_copy(update={"severities": (1, 3, 5)})
    other_images, other_labels = images ^ 1, (labels + 1) % 4
    others = [
        make_proxy(other_images, labels, CONFIG, SEED),
        make_proxy(images, other_labels, CONFIG, SEED),
        make_proxy(images, labels, other_config, SEED),
    ]
    assert len({proxy.fingerprint, *(other.fingerprint for other in others)}) == 4


MAKE_AND_SCORE = """
import sys
threads, keras = int(sys.argv[1]), sys.argv[2] == "keras"
if keras:
    from bcauto.training.device import start_keras
    start_keras(threads)
import cv2
cv2.setNumThreads(threads)
sys.path.insert(0, sys.argv[3])
from test_make_proxy import large_proxy, report
print(report(large_proxy()))
"""


def large_proxy():
    """Pictures large enough for libraries to share out between threads, for every corruption."""
    config = ProxyConfig(metric="auc")
    return make_proxy(pictures(12, side=96), np.arange(12) % 2, config, SEED)


def report(proxy):
    """The proxy's fingerprint, and that of the scores of some predictions."""
    predicted = np.random.default_rng(0).random((len(proxy.labels), 2)).astype(np.float32)
    return proxy.fingerprint, hashlib.sha256(repr(score(proxy, predicted)).encode()).hexdigest()


@pytest.fixture(scope="module")
def reported():
    return str(report(large_proxy()))


@pytest.mark.parametrize(
    ("threads", "loaded"),
    [(1, "alone"), (4, "alone"), pytest.param(3, "keras", marks=pytest.mark.keras)],
)
def test_a_fresh_process_makes_and_scores_the_same_to_the_bit(reported, threads, loaded):
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, str(threads)), "PYTHONHASHSEED": "7"}
    if loaded != "keras":
        environment["KERAS_BACKEND"] = "torch"  # another, and not even there
    command = [sys.executable, "-c", MAKE_AND_SCORE, str(threads), loaded, os.fspath(HERE)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == reported


def test_objective_and_metric_are_the_settings_and_change_nothing_else(proxy):
    config = CONFIG.model_copy(update={"objective": "worst_family", "metric": "macro_f1"})
    other = make_proxy(pictures(50), classes(50), config, SEED)
    assert (other.objective, other.metric) == ("worst_family", "macro_f1")
    assert (proxy.objective, proxy.metric) == ("mean_of_corruptions", "accuracy")
    assert other.fingerprint != proxy.fingerprint
    for field in ("images", "labels", "base", "corruption", "probe"):
        assert np.array_equal(getattr(other, field), getattr(proxy, field))


def test_auc_is_refused_where_a_corruption_has_one_class_only():
    labels = np.array([0] * 49 + [1])
    config = CONFIG.model_copy(update={"metric": "auc"})
    make_proxy(pictures(50), labels, CONFIG, SEED)
    with pytest.raises(BadInput, match=r"'auc' needs .* two classes .* got one class for \w+/\d;"):
        make_proxy(pictures(50), labels, config, SEED)


def test_the_validation_images_are_not_written_to():
    images, labels = pictures(20), classes(20)
    images.flags.writeable = labels.flags.writeable = False
    make_proxy(images, labels, CONFIG, SEED)


def test_nothing_held_out_makes_no_held_out_corruptions():
    config = ProxyConfig(families=("colour",), held_out=(), copies=3)
    proxy = make_proxy(pictures(9), classes(9), config, SEED)
    assert proxy.corruptions == config.corruptions
    assert len(proxy.images) == 27


def test_labels_of_any_integer_type_will_do():
    labels = classes(20)
    one = make_proxy(pictures(20), labels.astype(np.uint8), CONFIG, SEED)
    assert one.fingerprint == make_proxy(pictures(20), labels, CONFIG, SEED).fingerprint


@pytest.mark.parametrize(("images", "settings"), [(2, {}), (2, {"held_out_copies": 18})])
def test_too_few_images_are_refused(images, settings):
    with pytest.raises(BadInput, match=r"needs 3 validation images .* got 2"):
        make_proxy(pictures(images), classes(images), ProxyConfig(**settings), SEED)


def test_just_enough_images_are_enough_for_every_corruption():
    config = ProxyConfig(families=FAMILIES[:5], held_out=FAMILIES[5:])
    proxy = make_proxy(pictures(6), classes(6), config, SEED)
    assert set(proxy.corruption) == set(range(len(proxy.corruptions)))
