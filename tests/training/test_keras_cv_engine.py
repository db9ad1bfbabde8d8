"""keras-cv as the engine: its layers, by the recipe's policies, in place of our ops."""

from __future__ import annotations

import importlib.util
import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from pydantic import ValidationError
from rich.console import Console

from bcauto.augment.ops import OPS
from bcauto.augment.policies import Augment, AugMix, Basic, CutMix, RandAugment
from bcauto.augment.wide import _BEST_PUBLIC, WideChain, WideOp
from bcauto.data.cleaning import Cleaning
from bcauto.data.dataset import Dataset
from bcauto.data.labelled import Labelled
from bcauto.driver.plan import plan_search
from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.make import make_proxy
from bcauto.recipe.network import Network
from bcauto.recipe.pretrained import Weights
from bcauto.recipe.recipe import Recipe
from bcauto.recipe.training import Training
from bcauto.trial import Job

pytestmark = pytest.mark.keras

NOT_THERE = {"posterize", "gaussian_blur", "gaussian_noise"}
MOST = 0.4  # the magnitude of every op under test
PLAIN = [name for name in OPS if name not in NOT_THERE and not OPS[name].is_random]
WITH_STRENGTH = [name for name in PLAIN if OPS[name].has_strength]
NONE = np.random.default_rng(0)


@pytest.fixture(scope="module")
def engine():
    pytest.importorskip("keras_cv")
    from bcauto.training import keras_cv

    return keras_cv


@pytest.fixture(scope="module")
def picture():
    """(40, 32, 3) uint8 of 55 to 175 that looks different after every op."""
    down, across = np.mgrid[:40, :32]
    waves = [np.sin(down / 5 + across / 9), np.cos(across / 4), np.sin(down / 3 - across / 6)]
    grain = np.random.default_rng(1).uniform(-12, 12, (40, 32, 3))
    return (115 + 48 * np.stack(waves, axis=-1) + grain).astype(np.uint8)


def alone(name, probability=1.0):
    """The wide chain of one op."""
    magnitude = MOST if OPS[name].has_strength else None
    return Augment(wide=WideChain(ops={name: WideOp(probability=probability, magnitude=magnitude)}))


@pytest.fixture(scope="module")
def many(engine, picture):
    """Gives so many results of one picture under a policy.

    A policy is compiled once, which takes seconds, but for ``anew``.
    """
    compiled = {}

    def augment(policy, count=48, anew=False):
        key = policy.model_dump_json()
        if anew or key not in compiled:
            compiled[key] = engine.make_apply(policy, picture.shape[:2])
        images = picture[None].repeat(count, axis=0)
        return compiled[key](images, None, 1, 1, policy)

    return augment


@pytest.fixture(scope="module")
def full(engine):
    """Applies all policies at once, which take seconds to compile."""
    return engine.make_apply(FULL, (40, 32))


def different(pictures):
    return len({picture.tobytes() for picture in pictures})


def distance(one, other):
    return np.abs(one.astype(float) - other).mean()


FULL = Augment(
    basic=Basic(flip=True, rotation=20, translation=0.1, zoom=0.1, contrast=0.1, brightness=0.1),
    wide=WideChain(),
    randaugment=RandAugment(),
    augmix=AugMix(),
)
NEVER = Augment(
    basic=Basic(probability=0, flip=True, rotation=20),
    wide=WideChain(probability=0, ops={"flip_vertical": WideOp(probability=1)}),
    randaugment=RandAugment(probability=0, magnitude=1),
    augmix=AugMix(probability=0, severity=1),
)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_batch_of_any_length_keeps_its_shape_and_may_be_written_to(full, picture, count):
    images = full(picture[None].repeat(count, axis=0), np.arange(count), 1, 1, FULL)
    assert (images.shape, images.dtype) == ((count, 40, 32, 3), np.uint8)
    images[:] = 0


def test_the_input_is_not_written_to(full, picture):
    images = np.stack([picture] * 4)
    full(images)
    assert (images == picture).all()


@pytest.mark.parametrize(
    "policy",
    [
        Augment(basic=Basic(rotation=20)),
        Augment(randaugment=RandAugment(magnitude_stddev=0.3)),
        Augment(augmix=AugMix()),
        *(alone(name) for name in WITH_STRENGTH if name != "jpeg"),
        *(alone(name) for name in ("channel_shift", "cutout", "grid_mask")),
    ],
)
def test_every_picture_is_sampled_for_itself(many, policy):
    assert different(many(policy)) > 1  # few of solarize's thresholds show in a small picture


def test_two_calls_differ(full, picture):
    images = np.stack([picture] * 8)
    assert different([*full(images), *full(images)]) > 12


def test_the_same_seed_does_not_give_the_same(engine, picture):
    import keras

    calls = []
    for _ in range(2):
        keras.utils.set_random_seed(1)
        apply = engine.make_apply(alone("contrast"), (40, 32))
        calls.append(apply(np.stack([picture] * 8)))
    assert different([*calls[0], *calls[1]]) > 12


def test_two_ops_sample_apart_in_a_trial_that_is_seeded(engine):
    import keras

    keras.utils.set_random_seed(1)
    ops = {name: WideOp(probability=0.999, magnitude=0.3) for name in ("brightness", "contrast")}
    halves = np.full((300, 8, 8, 3), 100, np.uint8)
    halves[:, :4], halves[:, 4:] = 80, 120
    policy = Augment(wide=WideChain(ops=ops))
    changed = engine.make_apply(policy, (8, 8))(halves, None, 1, 1, policy).astype(float)
    top, bottom = changed[:, 0, 0, 0], changed[:, 4, 0, 0]
    assert abs(np.corrcoef(top + bottom, bottom - top)[0, 1]) < 0.5


def test_nothing_happens_at_probability_zero(many, picture):
    assert (many(NEVER) == picture).all()


@pytest.mark.parametrize(
    "policy",
    [
        Augment(basic=Basic(probability=0.3, rotation=20)),
        alone("flip_horizontal", 0.3),
        Augment(wide=WideChain(probability=0.3, ops={"flip_horizontal": WideOp(probability=1)})),
        Augment(wide=WideChain(rate=0.5, ops={"flip_horizontal": WideOp(probability=0.6)})),
        Augment(randaugment=RandAugment(probability=0.3, magnitude=1, rate=1)),
        Augment(augmix=AugMix(probability=0.3)),
    ],
)
def test_a_policy_happens_as_often_as_asked(many, picture, policy):
    changed = (many(policy, 600) != picture).any(axis=(1, 2, 3))
    assert changed.mean() == pytest.approx(0.3, abs=0.1)  # five standard deviations


def test_ops_of_the_wide_chain_happen_each_for_itself(many, picture):
    rates = {"flip_horizontal": 0.3, "flip_vertical": 0.6}
    policy = Augment(wide=WideChain(ops={name: WideOp(probability=p) for name, p in rates.items()}))
    results = many(policy, 600)
    for sideways, upside_down in np.ndindex(2, 2):
        expected = picture[:: -1 if upside_down else 1, :: -1 if sideways else 1]
        share = (0.3 if sideways else 0.7) * (0.6 if upside_down else 0.4)
        happened = (results == expected).all(axis=(1, 2, 3)).mean()
        assert happened == pytest.approx(share, abs=0.1)


def test_policies_happen_in_order(engine, many, monkeypatch):
    plus, times = (
        (lambda n: lambda image: image * 0 + image + n),
        (lambda n: lambda image: image * n),
    )
    monkeypatch.setattr(engine, "_basic", lambda _: [lambda image: image * 0 + 1])
    monkeypatch.setattr(engine, "_wide", lambda _: [times(3), plus(4)])
    monkeypatch.setattr(engine, "_randaugment", lambda _: times(2))
    monkeypatch.setattr(engine, "_augmix", lambda _: plus(5))
    assert (many(FULL, 2, anew=True) == (1 * 3 + 4) * 2 + 5).all()


def test_ops_of_the_wide_chain_happen_in_our_order(many, picture):
    ops = {"cutout": WideOp(probability=1, magnitude=1), "autocontrast": WideOp(probability=1)}
    stretched = OPS["autocontrast"](picture, 0, NONE)
    results = many(Augment(wide=WideChain(ops=ops)))
    cut = (results == 0).all(axis=-1, keepdims=True)
    assert (cut | (np.abs(results.astype(int) - stretched) <= 1)).all()


@pytest.mark.parametrize("name", PLAIN)
def test_an_op_is_ours_at_a_strength_of_its_range(many, picture, name):
    op = OPS[name]
    low = -MOST if op.low < 0 else 0.0
    strengths = np.linspace(low, MOST, 401) if op.has_strength else np.zeros(1)
    ours = [op(picture, op.strength(s), NONE).astype(float) for s in strengths]
    # keras-cv equalizes in other steps than Pillow, and TensorFlow's JPEG is another than OpenCV's
    worst = {"equalize": 20, "jpeg": 6}.get(name, 1.5)
    found = []
    for theirs in many(alone(name)):
        distances = [distance(theirs, one) for one in ours]
        assert min(distances) < worst
        found.append(strengths[np.argmin(distances)])
    if op.has_strength:
        assert max(found) > 0.6 * MOST
        assert min(found) < (-0.6 * MOST if op.low < 0 else 0.4 * MOST)


def test_a_channel_shift_moves_each_channel_as_a_whole(many, picture):
    shifts = many(alone("channel_shift"), 200).astype(float) - picture
    assert np.ptp(shifts, axis=(1, 2)).max() <= 1  # rounding
    of_channels = shifts[:, 0, 0]
    assert (np.abs(of_channels) <= 255 * MOST / 2 + 1).all()
    assert np.abs(np.corrcoef(of_channels, rowvar=False) - np.eye(3)).max() < 0.4
    assert (of_channels.max(axis=0) > 255 * MOST / 2 * 0.8).all()
    assert (of_channels.min(axis=0) < -255 * MOST / 2 * 0.8).all()


def test_a_channel_shuffle_gives_every_order(many, picture):
    orders = [[a, b, 3 - a - b] for a in range(3) for b in range(3) if a != b]
    expected = {picture[..., order].tobytes() for order in orders}
    assert {one.tobytes() for one in many(alone("channel_shuffle"), 200)} == expected


@pytest.mark.parametrize("name", ["cutout", "grid_mask"])
def test_a_cut_is_black_and_leaves_the_rest(many, picture, name):
    results = many(alone(name), 200)
    black = (results == 0).all(axis=-1)
    assert np.where(black[..., None], picture, results).tolist() == [picture.tolist()] * 200
    ours = np.stack([OPS[name](picture, s, NONE) for s in np.linspace(0, MOST, 200)])
    hidden = (ours == 0).all(axis=-1).mean()
    assert hidden / 2 < black.mean() < hidden * 2


def test_a_cut_is_of_a_share_of_each_side_that_is_sampled_apart(many):
    black = (many(alone("cutout"), 200) == 0).all(axis=-1)
    heights, widths = black.any(axis=2).sum(axis=1), black.any(axis=1).sum(axis=1)
    assert 0.8 * MOST * 40 < heights.max() <= MOST * 40 + 1
    assert 0.8 * MOST * 32 < widths.max() <= MOST * 32 + 1
    assert abs(np.corrcoef(heights, widths)[0, 1]) < 0.4


def test_a_strength_of_zero_changes_nothing(many, picture):
    ops = {name: WideOp(probability=1, magnitude=0) for name in [*WITH_STRENGTH, "channel_shift"]}
    ops.pop("jpeg")
    assert np.abs(many(Augment(wide=WideChain(ops=ops))).astype(int) - picture).max() <= 1


def test_white_stays_white_under_a_weak_solarize(engine):
    white = np.full((64, 4, 4, 3), 255, np.uint8)
    policy = Augment(wide=WideChain(ops={"solarize": WideOp(probability=1, magnitude=0)}))
    assert (engine.make_apply(policy, (4, 4))(white, None, 1, 1, policy) == 255).all()


@pytest.mark.parametrize("severity", [0.0, 0.005, 1.0])
def test_augmix_takes_every_severity(many, severity):
    assert different(many(Augment(augmix=AugMix(severity=severity)), 8)) > 1


def test_a_model_in_half_precision_leaves_the_pictures_exact(engine, many, picture):
    import keras

    policy = alone("autocontrast")
    exact = many(policy, 2)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        assert np.array_equal(many(policy, 2, anew=True), exact)
        assert keras.config.dtype_policy().name == "mixed_float16"
    finally:
        keras.config.set_dtype_policy("float32")


def test_threads_may_share_it(full, picture):
    images = np.stack([picture] * 8)
    full(images)  # a seed set elsewhere lets TensorFlow forget what it prepared
    with ThreadPoolExecutor(4) as pool:
        batches = list(pool.map(lambda _: full(images), range(12)))
    assert different([image for batch in batches for image in batch]) > 80


def test_no_layer_runs_on_a_gpu(engine, many, monkeypatch):
    import tensorflow as tf

    seen = []
    monkeypatch.setattr(engine, "_augmix", lambda _: lambda i: seen.append(tf.abs(i)) or i)
    many(Augment(augmix=AugMix()), 1, anew=True)
    assert "CPU" in seen[0].device


# --- what a recipe may ask for --------------------------------------------------------------------


def test_every_op_is_mapped_or_refused(engine):
    assert set(engine._OPS) | NOT_THERE == set(OPS)
    assert not set(engine._OPS) & NOT_THERE
    assert not set(_BEST_PUBLIC) & NOT_THERE


@pytest.mark.parametrize("name", sorted(NOT_THERE))
def test_an_op_that_it_has_not_is_refused(name):
    with pytest.raises(ValidationError, match=f"{name} needs engine bcauto.*Legal: translate_x"):
        Augment(engine="keras-cv", wide=alone(name).wide)
    assert alone(name).engine == "bcauto"


@pytest.mark.parametrize("fill", ["constant", "nearest", "wrap"])
def test_another_fill_is_refused(fill):
    with pytest.raises(ValidationError, match=f"fill must be reflect .*got '{fill}'"):
        Augment(engine="keras-cv", fill=fill)


# --- in a trial, in a search ----------------------------------------------------------------------


def test_a_trial_trains_with_it(engine, tiny_cells, tmp_path, monkeypatch):
    from bcauto.training import run as module
    from bcauto.training.trainer import Payload, Trainer

    val = Labelled(tiny_cells.images[:16], tiny_cells.labels[:16])
    config = ProxyConfig(families=("exposure",), held_out=(), severities=(2,), copies=1)
    data = Dataset(tiny_cells, val, ("a", "b", "c", "d"), Cleaning(80, 0, 0, 0))
    proxy = make_proxy(val.images, val.labels, config, seed=2)
    augment = Augment(
        engine="keras-cv", basic=Basic(flip=True), randaugment=RandAugment(), cutmix=CutMix()
    )
    recipe = Recipe(
        model=Network(backbone="SmallCNN"),
        training=Training(epochs=2, batch_size=16),
        augment=augment,
    )
    asked = []
    make_apply = engine.make_apply
    monkeypatch.setattr(
        engine, "make_apply", lambda *given: asked.append(given) or make_apply(*given)
    )
    monkeypatch.delattr(module, "augment_batch")
    trainer = Trainer(Payload(data, proxy, Weights("none")), threads=1)
    result = trainer.run(Job(0, recipe, 1, tmp_path / "0.keras"), lambda *_: None)
    assert asked == [(augment, (32, 32))]
    assert result.run.epochs == 2
    assert (tmp_path / "0.keras").exists()


@pytest.fixture
def plan(tmp_path, tiny_cells):
    """Plans a search of a space that may take this engine."""
    np.savez(tmp_path / "cells.npz", images=tiny_cells.images, labels=tiny_cells.labels)
    space = tmp_path / "space.toml"

    def make(engines='["bcauto", "keras-cv"]', more=""):
        text = (
            f'[recipe.model]\nbackbone = "SmallCNN"\n{more}\n[search]\n"augment.engine" = {engines}'
        )
        space.write_text(text)
        given = {"data": tmp_path / "cells.npz", "space": str(space), "executor": "inline"}
        return plan_search(given, tmp_path / "studies", None)

    return make


def shown(plan):
    from bcauto.display.search_screen import SearchScreen

    screen = io.StringIO()
    with SearchScreen(plan, Console(file=screen, width=200)):
        return screen.getvalue()


def test_a_search_says_that_no_seed_is_followed(plan, engine):
    line = 'augment.engine = "keras-cv" follows no seed'
    assert shown(plan()).count(line) == 1
    assert line not in shown(plan('["bcauto"]'))


def test_a_search_without_keras_cv_is_refused(plan, refused, monkeypatch):
    monkeypatch.setattr("bcauto.driver.materials.find_spec", lambda _: None)
    with refused(r'keras-cv, which is not installed: pip install "bcauto\[keras-cv\]"'):
        plan()
    plan('["bcauto"]')


def test_a_search_on_another_backend_is_refused(plan, refused, monkeypatch):
    monkeypatch.setattr("bcauto.driver.materials.find_spec", importlib.util.find_spec)
    monkeypatch.setattr("bcauto.training.keras_settings.find_spec", lambda _: True)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with refused("needs Keras on tensorflow, got 'jax'"):
        plan()
    plan('["bcauto"]')


def test_the_backend_of_keras_json_is_not_ours(plan, monkeypatch, tmp_path):
    monkeypatch.setattr("bcauto.driver.materials.find_spec", importlib.util.find_spec)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", "")
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    plan()


def test_a_space_that_names_such_an_op_is_refused(plan, refused):
    more = "[recipe.augment.wide.ops.jpeg]\nprobability = 0.1\nmagnitude = 0.1\n"
    plan(more=more)
    with refused("sampled augment.engine = .*: augment: posterize needs engine bcauto"):
        plan(more=more.replace("jpeg", "posterize"))
