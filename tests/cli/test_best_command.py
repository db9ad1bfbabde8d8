"""``bcauto best`` and ``status`` of studies that are made up, so that all numbers differ widely.

The search scored trials 0, 1 and 2 with 0.9, 0.8 and 0.7; their repeats score less, and trial 1
wins. Each number on the screen must stand under the training that it is of.
"""

import json

import numpy as np
import optuna
import pytest
from optuna.trial import create_trial
from study_fixtures import scores_of

from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.make import make_proxy
from bcauto.recipe.network import Network
from bcauto.recipe.recipe import Recipe
from bcauto.space.files import read_space
from bcauto.space.space import Confirmation
from bcauto.study.attributes import store
from bcauto.study.folder import StudyFolder
from bcauto.study.repeats import RepeatSource
from bcauto.study.settings import DataRecord, Identity, Settings, StudyRecord
from bcauto.trial import RunRecord, TrialAttributes

SPACE = """
[recipe.model]
backbone = "SmallCNN"
[search]
"model.dropout" = [0.1, 0.2, 0.3]
[confirm]
top = 2
repeats = 2
"""
SEARCHED = (0.9, 0.8, 0.7)
AGAIN = {(0, 1): 0.30, (1, 1): 0.50, (0, 2): 0.34, (1, 2): 0.58}
"""Objectives of the repeats, by trial and repeat, in the order in which they are trained."""


def attributes(recipe, objective):
    """What is stored of a training: its clean accuracy and held-out score come from its own."""
    held_out = {"blur": objective - 0.25}
    scores = scores_of({"colour": objective}, held_out, standard_error=0.001)
    interval = (objective - 0.011, objective + 0.011)
    return TrialAttributes(
        recipe=recipe.model_dump(mode="json"),
        clean_accuracy=objective + 0.05,
        scores=scores.model_copy(update={"interval": interval}),
        run=RunRecord(parameters=10, seconds=60.0),
    )


@pytest.fixture
def folder(tmp_path):
    """The study ``cells`` in the folder where commands run, with its search alone."""
    folder = StudyFolder(tmp_path / "studies" / "cells")
    folder.models.mkdir(parents=True)
    folder.space.write_text(SPACE)
    identity = Identity(data="d", space="e", proxy="f", seed=0, weights="none", storage="study.db")
    data = DataRecord(
        fingerprint="d",
        class_names=("a", "b", "c"),
        train=9,
        val=30,
        image_size=(10, 12),
        cleaning={},
    )
    settings = Settings(space="mine", trials=3)
    StudyRecord(settings=settings, identity=identity, data=data, versions={}).write(folder)
    study = optuna.create_study(
        study_name="cells", storage=folder.default_storage, direction="maximize"
    )
    space = read_space(folder.space)
    for dropout, objective in zip((0.1, 0.2, 0.3), SEARCHED, strict=True):
        stored = attributes(space.at({"model.dropout": dropout}), objective)
        attrs = stored.model_dump(mode="json", include=stored.model_fields_set)
        study.add_trial(create_trial(value=objective, user_attrs=attrs))
    return folder


@pytest.fixture
def confirm(folder):
    """Trains so many repeats of the study's best two trials, to the objectives given."""

    def run(done=4, again=AGAIN):
        repeats = optuna.create_study(
            study_name=folder.confirm_name, storage=folder.default_storage, direction="maximize"
        )
        recipes = {
            number: Recipe(model=Network(backbone="SmallCNN", dropout=(number + 1) / 10))
            for number in range(3)
        }
        source = RepeatSource(recipes, Confirmation(top=2, repeats=2), 0)
        for _ in range(done):
            asked = source.ask(repeats)
            objective = again[asked.trial.params["trial"], asked.trial.params["repeat"]]
            store(asked.trial, attributes(asked.recipe, objective))
            repeats.tell(asked.trial, objective)

    return run


def tables(said):
    """The two tables of ``best``: cells by trial, each a list of the words in its line."""
    _, _, rest = said.partition("once each:\n")
    searched, _, again = rest.partition("trained again on other seeds, scored on other ")
    again = again.partition("\n\n")[0]
    return tuple(
        {
            words[0]: words[1:]
            for words in map(str.split, part.splitlines())
            if words and words[0].isdigit()
        }
        for part in (searched.partition("\n\n")[0], again)
    )


def test_each_number_on_the_screen_is_that_of_its_training(confirm, command):
    confirm()
    said = command("best").out
    assert said.startswith("as the search trained them, once each:\n")
    assert "recipe of trial 1, where it differs from the defaults (--full shows all):\n" in said
    assert 'backbone = "SmallCNN"' in said
    assert "gradient_clipping" not in said
    assert "gradient_clipping = 0.0" in command("best", "--full").out
    searched, again = tables(said)
    assert searched == {
        "0": ["0.9000", "0.889-0.911", "0.6500", "0.9500", "SmallCNN", "1.0"],
        "1": ["0.8000", "0.789-0.811", "0.5500", "0.8500", "SmallCNN", "1.0"],
        "2": ["0.7000", "0.689-0.711", "0.4500", "0.7500", "SmallCNN", "1.0"],
    }
    told = {trial: json.loads(command("best", "--trial", trial, "--json").out) for trial in "01"}
    for trial, repeats, mean in (
        ("0", ["0.3000,", "0.3400"], 0.32),
        ("1", ["0.5000,", "0.5800"], 0.54),
    ):
        found = told[trial]["confirmation"]
        low, high = found["interval"]
        estimate = f"{found['estimate']:.4f}"
        assert again[trial] == [*repeats, f"{mean:.4f}", estimate, f"{low:.3f}-{high:.3f}"]
    assert told["0"]["confirmation"]["estimate"] < 0.43 < told["1"]["confirmation"]["estimate"]
    last = said.splitlines()[-1]
    assert last.startswith(
        f"confirmed: trial 1, {told['1']['confirmation']['estimate']:.4f} (95 %: "
    )
    assert last.endswith("the mean of its repeats is 0.5400, beside 0.3200")
    assert "warning" not in said


def test_json_has_each_number_under_its_training(confirm, command):
    confirm()
    told = json.loads(command("best", "--json").out)
    assert told["trial"] == 1
    assert (told["model"], told["export"]) == (None, None)
    searched, again = told["search"], told["confirmation"]
    assert searched["objective"] == 0.8
    assert searched["clean_accuracy"] == pytest.approx(0.85)
    assert searched["held_out"] == pytest.approx(0.55)
    assert [each["objective"] for each in again["repeats"]] == [0.50, 0.58]
    assert [each["clean_accuracy"] for each in again["repeats"]] == pytest.approx([0.55, 0.63])
    assert [each["held_out"] for each in again["repeats"]] == pytest.approx([0.25, 0.33])
    assert again["mean"] == pytest.approx(0.54)
    assert told["objective"] == searched["objective"]
    assert not {"clean_accuracy", "held_out", "interval"} & told.keys()


def test_of_a_recipe_that_was_not_trained_again_the_last_line_says_its_score(confirm, command):
    confirm()
    last = command("best", "--trial", "2").out.splitlines()[-1]
    assert last == f"scored once: trial 2, {SEARCHED[2]:.4f}; it was not trained again"


@pytest.mark.parametrize("done", [0, 1, 3])
def test_what_is_not_finished_is_said_everywhere(done, confirm, command):
    confirm(done)
    far = f"{done} of 4 repeats are done" if done else "none of 4 repeats is done yet"
    for looked in ("best", "status"):
        said = command(looked).out
        assert f"{far}, and another trial may still win" in said
        assert "confirmed" not in said
    assert json.loads(command("best", "--json").out)["repeats"] == {"left": 4 - done, "wanted": 4}
    assert json.loads(command("status", "--json").out)["repeats"] == {"left": 4 - done, "wanted": 4}
    listed = command("studies").out
    assert ("confirming" in listed) == bool(done)
    assert (
        f"confirming {done} of 4 (trial" in listed if done else "in the search (trial 0)" in listed
    )


def test_a_search_that_is_not_finished_is_said_to_be(folder, command):
    record = StudyRecord.read(folder)
    settings = record.settings.model_copy(update={"trials": 24, "confirm": 0})
    record.model_copy(update={"settings": settings}).write(folder)
    space = folder.space.read_text().replace("[0.1, 0.2, 0.3]", "{ low = 0.1, high = 0.5 }")
    folder.space.write_text(space)
    assert "searching: 3 of 24 trials are finished" in command("best").out
    told = json.loads(command("best", "--json").out)
    assert told["trials"] == {"left": 21, "wanted": 24}
    assert told["repeats"] == {"left": 0, "wanted": 0}


def test_two_trials_with_the_same_estimate_are_told_apart_by_their_repeats(confirm, command):
    confirm(again={(0, 1): 0.30, (0, 2): 0.70, (1, 1): 0.32, (1, 2): 0.72})
    _, again = tables(command("best").out)
    assert again["0"][3] == again["1"][3] == "0.5100"  # all of the difference may be noise
    assert (again["0"][2], again["1"][2]) == ("0.5000", "0.5200")
    said = command("status").out
    assert "the mean of its repeats is 0.5200, beside 0.5000" in said
    assert "both have the same estimate" in said


@pytest.mark.keras
def test_an_export_of_an_unfinished_confirmation_warns_and_shows_the_models_own_numbers(
    folder, confirm, command
):
    from bcauto.training.device import start_keras

    start_keras(1)
    import keras

    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (30, 10, 12, 3), np.uint8)
    config = ProxyConfig(families=("colour",), held_out=("blur",), severities=(3,), copies=2)
    proxy = make_proxy(pictures, np.arange(30) % 3, config, seed=1)
    folder.confirm_model(1).parent.mkdir(parents=True)
    proxy.save(folder.confirm_proxy)
    keras.utils.set_random_seed(0)
    image = keras.Input((10, 12, 3))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, keras.layers.Dense(3, activation="softmax")(x))
    model.save(folder.confirm_model(1))
    right = model.predict(proxy.images, verbose=0).argmax(axis=1) == proxy.labels
    groups = [right[proxy.corruption == place] for place in range(len(proxy.corruptions))]
    scored = [
        float(
            np.mean(
                [g.mean() for g, c in zip(groups, proxy.corruptions, strict=True) if c.family == f]
            )
        )
        for f in ("colour", "blur")
    ]
    confirm(2, {(0, 1): 0.05, (1, 1): scored[0]})
    said = command("best", "--trial", 1, "--export")
    assert said.code == 0, said.err
    [own] = [line for line in said.out.splitlines() if "The model is" in line]
    assert own.strip().startswith(
        f"The model is repeat 1 of trial 1. After loading it scores {scored[0]:.4f} on the "
        "confirmation's proxy (95 %: "
    )
    assert f"{scored[1]:.4f} on what was held out" in own
    assert own.endswith(f"when trained, {scored[0] + 0.05:.4f} on clean validation images.")
    assert said.out.splitlines()[-1].startswith(
        "warning: 2 of 4 repeats are done, and another trial may still win; the same search"
    )
    manifest = json.loads((folder.best / "manifest.json").read_text())
    assert manifest["repeats"] == {"left": 2, "wanted": 4}
    assert manifest["model"]["objective"] == pytest.approx(scored[0])
    assert manifest["search"]["objective"] == 0.8
