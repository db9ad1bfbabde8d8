"""A search that confirms its best trials, from a user's chair."""

import json
import re
import shutil
import signal
import time

import numpy as np
import optuna
import pytest
from onnxruntime import InferenceSession
from optuna.trial import TrialState
from sqlalchemy.exc import DatabaseError

from bcauto.driver.plan import plan_search
from bcauto.driver.run import _Run
from bcauto.ensemble.choose import Chosen, Combination
from bcauto.errors import Interrupted
from bcauto.proxy.proxy import Proxy
from bcauto.proxy.score import score
from bcauto.study.lock import locked
from bcauto.study.monitor import Monitor
from bcauto.study.pruning import make_pruner

pytestmark = pytest.mark.keras

OPTIONS = ("--executor", "inline", "--trials", "3", "--confirm", "2", "--confirm-repeats", "2")
ARGUMENTS = ("search", "--data", "tiny.npz", "--space", "tiny.toml", *OPTIONS)
STUDY = "tiny-tiny"


@pytest.fixture(scope="module")
def searched_once(search_once):
    return search_once(*OPTIONS)


@pytest.fixture
def searched(searched_once, command, tmp_path):
    """The working folder as that search left it."""
    shutil.copytree(searched_once[0], tmp_path, dirs_exist_ok=True)
    return tmp_path / "studies" / STUDY


def repeats(folder):
    """Those that are complete; none before there is a study of them."""
    if not (folder / "study.db").exists():
        return []
    try:
        study = optuna.load_study(
            study_name=f"{STUDY}.confirm", storage=f"sqlite:///{folder / 'study.db'}"
        )
    except (KeyError, ValueError, optuna.exceptions.StorageInternalError, DatabaseError):
        return []  # also where the search makes its tables at this very moment
    return study.get_trials(states=(TrialState.COMPLETE,))


def test_the_best_trials_train_again_and_count_as_no_trials(searched, searched_once, command):
    said = searched_once[1].out
    assert searched_once[1].err == ""
    assert "confirming: trials " in said
    assert "4 of 4 repeats" in said
    assert "confirmed: trial " in said
    status = json.loads(command("status", "--json").out)
    assert status["trials"]["complete"] + status["trials"]["pruned"] == 3
    assert len(repeats(searched)) == 4
    assert len(list((searched / "confirm" / "models").glob("*.keras"))) == 4


def test_where_no_time_is_left_that_is_said_and_no_repeat_begins(searched):
    class Hears(Monitor):
        def __init__(self):
            self.heard = []

        def notice(self, line):
            self.heard.append(line)

        def confirming(self, trials, wanted, target):
            pytest.fail("nothing is confirmed")

    monitor, plan = Hears(), plan_search({"confirm_repeats": 3}, searched.parent, STUDY)
    with locked(plan.folder) as lock:
        run = _Run(plan, time.monotonic(), monitor, lambda: None, lock, ())
        run.confirm(run.open(STUDY, make_pruner()))
    assert monitor.heard == ["no time is left to confirm the best trials"]
    assert len(repeats(searched)) == 4


def estimates(folder):
    """What a dashboard shows of the confirmation."""
    study = optuna.load_study(study_name=STUDY, storage=f"sqlite:///{folder / 'study.db'}")
    return study.user_attrs["confirmation"]


def test_a_dashboard_shows_each_score_under_its_trial(searched, command):
    told = estimates(searched)
    assert told["repeats"] == "4 of 4 are done"
    for number in {t.user_attrs["of_trial"] for t in repeats(searched)}:
        best = json.loads(command("best", "--trial", number, "--json").out)
        again = best["confirmation"]
        assert told[f"trial {number}"] == {
            "search": best["search"]["objective"],
            "repeats": [run["objective"] for run in again["repeats"]],
            "estimate": again["estimate"],
            "interval": again["interval"],
        }


def test_a_dashboard_shows_how_far_an_interrupted_confirmation_is(searched, monkeypatch):
    def interrupt(*_):
        raise Interrupted(signal.SIGINT)

    monkeypatch.setattr(_Run, "_execute", interrupt)
    plan = plan_search({"confirm_repeats": 3}, searched.parent, STUDY)
    with locked(plan.folder) as lock:
        run = _Run(plan, None, Monitor(), lambda: None, lock, ())
        study = run.open(STUDY, make_pruner())
        with pytest.raises(Interrupted):
            run.confirm(study)
    assert estimates(searched)["repeats"] == "4 of 6 are done"


def test_repeats_are_scored_on_the_same_images_corrupted_anew(searched):
    first, second = Proxy.load(searched / "proxy.npz"), Proxy.load(searched / "confirm/proxy.npz")
    assert first.fingerprint != second.fingerprint
    assert sorted(first.base.tolist()) == sorted(second.base.tolist())
    assert sorted(first.labels.tolist()) == sorted(second.labels.tolist())
    equal = (first.images[:24, None] == second.images[None]).all(axis=(2, 3, 4))
    assert not equal.any()


def test_best_tells_what_was_confirmed(searched, command):
    best = json.loads(command("best", "--json").out)
    runs = [t.value for t in repeats(searched) if t.user_attrs["of_trial"] == best["trial"]]
    told, searched_it = best["confirmation"], best["search"]
    assert [each["objective"] for each in told["repeats"]] == runs
    assert len(runs) == 2
    low, high = told["interval"]
    assert low <= told["estimate"] <= high
    assert told["optimism"] == pytest.approx(searched_it["objective"] - told["estimate"])
    assert 0 <= searched_it["held_out"] <= 1
    assert (best["repeats"], best["model"]) == ({"left": 0, "wanted": 4}, None)
    words = command("best").out
    assert "confirmed: trial " in words
    assert f"{told['estimate']:.4f}" in words
    assert "confirmed trial " in command("status").out


def test_the_export_is_the_repeat_nearest_to_the_mean(searched, command):
    best = json.loads(command("best", "--export", "--json").out)
    manifest = json.loads((searched / "best" / "manifest.json").read_text())
    told, own = manifest["confirmation"], manifest["model"]
    assert (told, own) == (best["confirmation"], best["model"])
    repeat = int(re.fullmatch(rf"repeat (\d+) of trial {best['trial']}", own["name"])[1])
    exported = searched / "confirm" / "models" / f"{repeat}.keras"
    assert (searched / "best" / "model.keras").read_bytes() == exported.read_bytes()
    values = {run["repeat"]: run["objective"] for run in told["repeats"]}
    mean = np.mean(list(values.values()))
    assert abs(values[repeat] - mean) == min(abs(v - mean) for v in values.values())
    assert own["objective"] == pytest.approx(values[repeat], abs=2e-3)
    [clean] = [run["clean_accuracy"] for run in told["repeats"] if run["repeat"] == repeat]
    assert own["clean_accuracy"] == clean


def test_a_trial_that_was_not_confirmed_is_exported_as_the_search_left_it(searched, command):
    again = {t.user_attrs["of_trial"] for t in repeats(searched)}
    [other] = {0, 1, 2} - again
    best = json.loads(command("best", "--trial", other, "--export", "--json").out)
    assert best["confirmation"] is None
    assert (best["model"]["name"], best["model"]["proxy"]) == (f"trial {other}", "search")
    assert best["model"]["objective"] == pytest.approx(best["search"]["objective"], abs=2e-3)
    model = searched / "models" / f"{other}.keras"
    assert (searched / "best" / "model.keras").read_bytes() == model.read_bytes()


VIEWS = {
    "none": [np.array],
    "mirror": [np.array, np.fliplr],
    "mirrors": [np.array, np.fliplr, np.flipud, lambda x: np.rot90(x, 2)],
    "turns": [
        turn
        for k in range(4)
        for turn in (lambda x, k=k: np.rot90(x, k), lambda x, k=k: np.rot90(np.fliplr(x), k))
    ],
}


def seen_by(model, images, views):
    """The mean of a model's probabilities over what is done to each picture."""
    seen = [np.stack([look(image) for image in images]) for look in VIEWS[views]]
    return np.mean([model.predict(each, verbose=0) for each in seen], axis=0)


def test_an_ensemble_over_views_is_the_mean_that_its_manifest_says(searched, command):
    import keras

    told = json.loads(
        command("best", "--export", "--views", "--ensemble", "--format", "onnx", "--json").out
    )
    made = told["combined"]
    manifest = json.loads((searched / "best" / "manifest.json").read_text())
    assert manifest["combined"] == made
    assert [step["what"] for step in made["steps"]] == ["uniform", "greedy", "views"]
    for step in made["steps"]:
        assert step["taken"] == (step["after"] - step["before"] > step["noise"])
    proxy = Proxy.load(searched / "confirm/proxy.npz")
    sampled = np.arange(0, len(proxy.images), 7)
    models = [
        keras.saving.load_model(searched / "confirm" / "models" / f"{each['repeat']}.keras")
        for each in made["members"]
    ]
    expected = np.average(
        [seen_by(model, proxy.images[sampled], made["views"]) for model in models],
        axis=0,
        weights=[each["count"] for each in made["members"]],
    )
    exported = keras.saving.load_model(searched / "best" / "model.keras", safe_mode=True)
    found = exported.predict(proxy.images, verbose=0)
    assert found[sampled] == pytest.approx(expected, abs=1e-5)
    again = score(proxy, found)
    assert made["combined"]["objective"] == pytest.approx(again.objective)
    assert made["combined"]["held_out"] == pytest.approx(again.held_out)
    assert manifest["model"]["objective"] == made["combined"]["objective"]
    assert manifest["model"]["name"] == made["combined"]["name"]
    assert made["combined"]["parameters"] == exported.count_params()
    assert made["single"]["parameters"] == models[0].count_params()
    own = {run["repeat"]: run["objective"] for run in told["confirmation"]["repeats"]}
    assert made["single"]["objective"] in own.values()
    assert made["combined"]["milliseconds"] > 0
    keras_row, onnx_row = told["formats"]
    assert (keras_row["format"], onnx_row["file"]) == ("keras", "model.onnx")
    session = InferenceSession(searched / "best" / "model.onnx")
    by_onnx = session.run(None, {"image": proxy.images[sampled].astype(np.float32)})[0]
    assert np.abs(by_onnx - expected).max() < 1e-4


def test_a_mean_is_distilled_into_one_network_with_scores_of_its_own(
    searched, command, monkeypatch
):
    import keras

    monkeypatch.setattr(
        "bcauto.export.combined.choose",
        lambda propose, decide, *_, **__: Chosen(
            Combination((1, 1, 0, 0), "mirror"), propose.name, decide.name, ()
        ),
    )
    told = json.loads(command("best", "--export", "--views", "--distil", "--json").out)
    made = told["combined"]
    exported = keras.saving.load_model(searched / "best" / "model.keras", safe_mode=True)
    proxy = Proxy.load(searched / "confirm/proxy.npz")
    found = score(proxy, exported.predict(proxy.images, verbose=0))
    assert made["distilled"]["objective"] == pytest.approx(found.objective)
    assert made["distilled"]["held_out"] == pytest.approx(found.held_out)
    assert told["model"]["objective"] == made["distilled"]["objective"]
    assert told["model"]["name"] == made["distilled"]["name"]
    assert told["model"]["name"].endswith(f"taught by {made['combined']['name']}")
    parameters = [made[key]["parameters"] for key in ("distilled", "single", "combined")]
    assert parameters[0] == parameters[1] == exported.count_params() < parameters[2]
    assert not list((searched / "best").glob("teacher*"))
    assert 0 <= told["model"]["clean_accuracy"] <= 1


def test_a_space_says_which_views_may_be_taken(searched, command):
    with (searched / "space.toml").open("a") as file:
        file.write('[export]\nviews = "none"\n')
    said = command("best", "--export", "--views")
    assert said.code == 0, said.err
    assert "no views or ensemble scored clearly better; the single model was exported" in said.out
    made = json.loads((searched / "best" / "manifest.json").read_text())["combined"]
    assert (made["views"], made["steps"], len(made["members"])) == ("none", [], 1)
    assert made["single"]["objective"] == pytest.approx(made["combined"]["objective"], abs=1e-6)


def test_what_cannot_be_averaged_is_refused(searched, command):
    alone = command("best", "--views")
    assert alone.code == 2
    assert "--views, --ensemble, --distil, --format and --calibrate go with --export" in alone.err
    again = {t.user_attrs["of_trial"] for t in repeats(searched)}
    [other] = {0, 1, 2} - again
    unconfirmed = command("best", "--trial", other, "--export", "--ensemble")
    assert unconfirmed.code == 2
    assert f"trial {other} was not" in unconfirmed.err


def test_the_same_command_again_trains_nothing(searched, command):
    before = json.loads(command("best", "--json").out)
    again = command(*ARGUMENTS)
    assert again.code == 0, again.err
    assert len(repeats(searched)) == 4
    assert json.loads(command("best", "--json").out) == before


def test_a_longer_search_confirms_only_leaders_that_are_new(searched, command):
    before = {t.user_attrs["of_trial"] for t in repeats(searched)}
    assert command("search", "--study", STUDY, "--trials", 5).code == 0
    after = {t.user_attrs["of_trial"] for t in repeats(searched)}
    assert before <= after
    assert len(repeats(searched)) == 2 * len(after)


def test_a_search_killed_while_it_confirms_goes_on(
    process, command, tiny_npz, tiny_space, tmp_path
):
    given = (*ARGUMENTS, "--trials", "1", "--confirm", "1", "--confirm-repeats", "4")
    folder = tmp_path / "studies" / STUDY
    killed, end = process(*given), time.monotonic() + 240
    while not repeats(folder):
        assert killed.poll() is None, killed.communicate()
        assert time.monotonic() < end
        time.sleep(0.25)  # a look into the storage takes a tenth of a second of a core
    killed.send_signal(signal.SIGKILL)
    killed.wait(timeout=60)
    done = len(repeats(folder))
    status = json.loads(command("status", "--json").out)
    assert status["repeats"] == {"left": 4 - done, "wanted": 4}
    for looked in ("status", "best"):
        assert f"{done} of 4 repeats are done, and another trial" in command(looked).out
    again = command(*given)
    assert "confirming: " in again.out, again.err
    assert f"going on: {done} repeat" in again.out
    assert "4 of 4 repeats" in again.out
    assert 1 <= done < 4
    runs = repeats(folder)
    assert len(runs) == 4
    assert len({t.user_attrs["seed"] for t in runs}) == 4


@pytest.mark.parametrize(
    ("option", "value", "rule"),
    [
        ("--confirm", "-1", "--confirm must be greater than or equal to 0, got '-1'"),
        ("--confirm", "two", "--confirm must be a whole number, got 'two'"),
        ("--confirm-repeats", "0", "--confirm-repeats must be greater than or equal to 1, got '0'"),
    ],
)
def test_what_cannot_be_confirmed_is_refused(option, value, rule, command, tiny_npz, tiny_space):
    refused = command(*ARGUMENTS, option, value)
    assert refused.code == 2
    assert rule in refused.err
    assert refused.err.count("\n") == 1


def test_a_name_that_a_confirmation_has_is_refused(command, tiny_npz, tiny_space):
    refused = command(*ARGUMENTS, "--study", "cells.confirm")
    assert refused.code == 2
    assert "must not end in '.confirm'" in refused.err
