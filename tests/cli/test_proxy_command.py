"""``bcauto proxy``: all corruptions and trials are in the pictures, and words and numbers agree."""

import dataclasses
import hashlib
import json
import os
import subprocess
import sys

import cv2
import numpy as np
import optuna
import pytest
from proxy_fixtures import SIDE, coloured_proxy
from report_studies import whole_subject

from bcauto.driver.distance import MeasuredDistances
from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.distance import Distance
from bcauto.proxy.make import make_proxy
from bcauto.recipe.recipe import Recipe
from bcauto.results.left_out import leave_one_family_out
from bcauto.results.trials import completed_trials, load_study
from bcauto.results.validity import proxy_validity
from bcauto.storage.connect import connect
from bcauto.study.folder import StudyFolder
from bcauto.study.lock import locked
from bcauto.study.settings import OWN_STORAGE, DataRecord, Identity, Settings, StudyRecord

RECIPE = Recipe.model_validate({"model": {"backbone": "SmallCNN"}}).model_dump(mode="json")


@pytest.fixture(scope="module")
def stored():
    return coloured_proxy(copies=3)


def scores_of(count, seed=0):
    """Objective, clean accuracy and families of trials, with equal clean accuracies among them."""
    rng = np.random.default_rng(seed)
    for worth in rng.permutation(count) / (2 * count) + 0.3:
        searched = {"colour": worth + rng.normal(0, 0.05), "microscopy": worth}
        held_out = {"blur": worth - rng.normal(0.05, 0.02), "sensor": worth + 0.03}
        yield {
            "objective": float(np.mean(list(searched.values()))),
            "clean": float(rng.integers(330, 350) / 360),
            "families": searched,
            "held_out": held_out,
        }


def turned(scores):
    """The same, but for held-out scores that fall where the others rise."""
    for one in scores:
        yield {**one, "held_out": {name: 1 - score for name, score in one["held_out"].items()}}


@pytest.fixture
def begun(tmp_path, stored):
    """Makes a study of these trials, as a search leaves it."""

    def make(scores=(), name="cells", proxy=stored):
        folder = StudyFolder(tmp_path / "studies" / name)
        folder.path.mkdir(parents=True)
        proxy.save(folder.proxy)
        storage = connect(folder.default_storage)
        study = optuna.create_study(study_name=name, storage=storage, direction="maximize")
        for one in scores:
            study.add_trial(complete(**one))
        record_of(proxy).write(folder)
        return folder

    return make


def complete(objective, clean, families, held_out):
    scores = {"families": families, "held_out": held_out, "interval": [0, 1], "cells": {}}
    scores |= {"standard_error": 0.1, "clean": {}}
    attrs = {"recipe": RECIPE, "clean_accuracy": clean, "scores": scores, "run": {"seconds": 1.0}}
    return optuna.trial.create_trial(value=objective, user_attrs=attrs)


def record_of(proxy):
    identity = {"data": "d", "space": "s", "proxy": proxy.fingerprint, "seed": 0, "weights": "none"}
    about = {"fingerprint": "d", "class_names": ("a", "b", "c"), "train": 1, "val": 24}
    return StudyRecord(
        settings=Settings(space="quick", data="/nowhere/cells.npz"),
        identity=Identity(**identity, storage=OWN_STORAGE),
        data=DataRecord(**about, image_size=(SIDE, SIDE), cleaning={}),
        versions={},
    )


def read_picture(path):
    return cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1]


def judged(folder):
    storage = connect(folder.default_storage)
    trials = completed_trials(load_study(folder.name, storage))
    return trials, proxy_validity(trials)


# --- what it prints ------------------------------------------------------------------------------


def test_table_has_every_score_with_its_figures_and_intervals(command, begun):
    folder = begun(scores_of(20))
    ran = command("proxy")
    assert (ran.code, ran.err) == (0, "")
    _, found = judged(folder)
    lines = ran.out.splitlines()
    assert lines[0] == "cells: 20 complete trials compared; held out: blur, sensor"
    worths = {"objective": found.objective, "clean": found.clean_accuracy, **found.families}
    for name, worth in worths.items():
        line, *_ = [line for line in lines if line.startswith(f"{name}  ") and "(" in line]
        for figure in (worth.rho, worth.tau, worth.top_10):
            low, high = figure.interval
            assert f"{figure.value:.2f} ({low:.2f}, {high:.2f})" in line


def test_regret_is_told_of_the_objective_and_of_clean_accuracy(command, begun):
    folder = begun(scores_of(20))
    out = command("proxy", "cells").out
    _, found = judged(folder)
    assert found.objective.choice.regret < found.clean_accuracy.choice.regret
    assert f"best held out: trial {found.best.trial}, {found.best.held_out:.4f}\n" in out
    for name, worth in (("objective", found.objective), ("clean", found.clean_accuracy)):
        choice = worth.choice
        told = f"{choice.held_out:.4f} held out, a regret of {choice.regret:.4f}"
        assert f"best {name}: trial {choice.trial}, {told}\n" in out


def test_every_family_is_left_out_once_and_compared_with_what_has_nothing_of_it(command, begun):
    folder = begun(scores_of(12))
    lines = command("proxy").out.splitlines()
    trials, _ = judged(folder)
    for name, each in leave_one_family_out(trials).items():
        *_, line = [line for line in lines if line.startswith(f"{name}  ")]
        low, high = each.interval
        rest = "objective" if name in ("blur", "sensor") else "other families"
        words = [*name.split(), *rest.split(), "12", f"{each.rho:.2f}"]
        assert line.split() == [*words, f"({low:.2f},", f"{high:.2f})"]


def test_of_few_trials_left_out_families_have_no_interval(command, begun):
    begun(scores_of(9))
    lines = command("proxy").out.splitlines()
    *_, line = [line for line in lines if line.startswith("microscopy  ")]
    assert line.endswith("(too few trials)")
    assert json.loads(command("proxy", "--json").out)["left_out"]["blur"]["interval"] is None


def test_the_path_is_printed_last_and_the_picture_is_there(command, begun, tmp_path):
    begun(scores_of(5))
    report = tmp_path / "studies" / "cells" / "report"
    assert command("proxy").out.splitlines()[-1] == "studies/cells/report/proxy.png"
    assert [file.name for file in report.iterdir()] == ["proxy.png"]


def test_lines_fit_80_columns_even_with_the_longest_figures(command, begun, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    begun(turned(scores_of(30)))
    lines = command("proxy").out.splitlines()
    row, _ = [line for line in lines if line.startswith("microscopy  ")]
    assert row.count("(-") == 3  # every interval begins with a minus
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)


def test_json_is_one_object_and_nothing_else(command, begun):
    folder = begun(scores_of(20))
    ran = command("proxy", "--json")
    assert (ran.code, ran.err, ran.out.count("\n")) == (0, "", 1)
    said = json.loads(ran.out)
    pictures = said.pop("pictures")
    trials, found = judged(folder)
    plain = json.loads(json.dumps(found.as_dict()))
    left_out = {
        name: dataclasses.asdict(each) for name, each in leave_one_family_out(trials).items()
    }
    plain["left_out"] = json.loads(json.dumps(left_out))
    assert said == {"study": "cells", "held_out": ["blur", "sensor"], **plain}
    assert pictures.keys() == {"proxy"}
    assert read_picture(pictures["proxy"]) is not None


def test_distances_stand_beside_what_is_left_out(command, begun, monkeypatch):
    begun(scores_of(12))
    asked = []

    def measured(opened, corruptions, weights):
        asked.append((opened.folder.name, weights))
        found = {each: Distance(each.severity, 10.0) for each in corruptions}
        return MeasuredDistances("trial 3", "pretrained MobileNet-0.25", 50, 150, found)

    monkeypatch.setattr("bcauto.driver.distance.measure_distances", measured)
    monkeypatch.setenv("COLUMNS", "80")
    ran = command("proxy", "--distance", "--weights", "imagenet")
    assert asked == [("cells", "imagenet")]
    *_, line = [line for line in ran.out.splitlines() if line.startswith("sensor ")]
    assert line.split()[-2:] == ["3.25", "10.00"]  # severities 1, 3, 4 and 5
    assert "in the features of pretrained MobileNet-0.25" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80
    said = json.loads(command("proxy", "--distance", "--json").out)["distance"]
    assert said["families"]["sensor"] == {"training": 3.25, "clean": 10.0}
    assert said["corruptions"]["jpeg/5"] == {"training": 5, "clean": 10.0}


def test_weights_without_a_distance_are_refused(command, begun):
    begun()
    ran = command("proxy", "--weights", "imagenet")
    assert ran.code == 2
    assert "--weights goes with --distance, got --weights imagenet alone" in ran.err


def test_without_a_name_it_is_the_study_written_last(command, begun):
    old, new = begun(name="old"), begun(name="new")
    for folder, at in ((old, 100), (new, 200)):
        for file in (folder.record, folder.path / "study.db"):
            os.utime(file, (at, at))
    assert json.loads(command("proxy", "--json").out)["study"] == "new"
    assert json.loads(command("proxy", "old", "--json").out)["study"] == "old"


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_trials_are_called_so(command, begun, count):
    folder = begun(scores_of(count))
    ran = command("proxy")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[:2] == [
        f"cells: {count} complete trials compared; held out: blur, sensor",
        "too few trials: how well the proxy predicts is not known",
    ]
    assert [file.name for file in folder.report.iterdir()] == ["proxy.png"]
    said = json.loads(command("proxy", "--json").out)
    assert (said["trials"], said["best"], said["objective"]["rho"]) == (count, None, None)


def test_equal_scores_have_a_dash(command, begun):
    begun({**one, "clean": 0.95} for one in scores_of(12))
    (clean,) = [line for line in command("proxy").out.splitlines() if line.startswith("clean ")]
    assert clean.split() == ["clean", "-", "-", "-"]


def test_without_a_held_out_family_the_proxy_is_drawn_and_not_judged(command, begun, tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
    config = ProxyConfig(families=("colour",), held_out=(), copies=2)
    plain = make_proxy(images, np.arange(12) % 2, config, 0)
    alone = [{**one, "families": {"colour": one["families"]["colour"]}} for one in scores_of(5)]
    begun(({**one, "held_out": {}} for one in alone), proxy=plain)
    ran = command("proxy", "--out", "drawn")
    assert ran.out.splitlines() == [
        "cells: 0 complete trials compared; held out: nothing",
        "no held-out family: how well the proxy predicts is not known",
        "drawn/proxy.png",
    ]
    assert [file.name for file in (tmp_path / "drawn").iterdir()] == ["proxy.png"]


# --- the picture of the set ----------------------------------------------------------------------


def tiles_of(picture):
    """(place of the corruption, class): top and left of every tile, read from its colour."""
    tiles = {}
    grey = (picture == picture[..., :1]).all(axis=-1)
    colours = np.unique(picture[~grey], axis=0)
    for colour in colours:
        rows, lefts = np.nonzero((picture == colour).all(axis=-1))
        assert len(rows) == SIDE**2
        assert (np.ptp(rows), np.ptp(lefts)) == (SIDE - 1, SIDE - 1)
        red, green, _ = colour.tolist()
        tiles[(red - 20) // 2, green // 60 - 1] = (rows.min(), lefts.min())
    return tiles


def test_every_corruption_of_the_proxy_is_drawn_in_its_row_and_column(command, begun, stored):
    folder = begun()
    assert command("proxy").code == 0
    tiles = tiles_of(read_picture(folder.report / "proxy.png"))
    assert (
        sorted(place for place, _ in tiles)
        == list(range(len(stored.corruptions)))
        == list(range(48))
    )
    tops, lefts = {}, {}
    for (place, _), (top, left) in tiles.items():
        tops.setdefault(top, []).append(stored.corruptions[place])
        lefts.setdefault(left, set()).add(stored.corruptions[place].severity)
    rows = [{each.corruption for each in tops[top]} for top in sorted(tops)]
    corruptions = list(dict.fromkeys(each.corruption for each in stored.corruptions))
    assert rows == [{name} for name in corruptions]
    assert [lefts[left] for left in sorted(lefts)] == [{1}, {3}, {4}, {5}]


def test_the_original_is_a_validation_picture_of_the_study(command, tmp_path, monkeypatch):
    subject = whole_subject(tmp_path, "c", ("a", "b"))
    folder, drawn = subject.opened.folder, []
    storage = connect(folder.default_storage)
    optuna.create_study(study_name=folder.name, storage=storage, direction="maximize")
    monkeypatch.setattr(
        "bcauto.plots.corruptions.corrupted_rows", lambda *given: drawn.append(given)
    )
    assert command("proxy").code == 0
    [(_, original)] = drawn
    assert (original == subject.pictures.val.images[0]).all()


# --- what it leaves alone, and what it refuses ---------------------------------------------------


def contents(folder):
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_nothing_else_is_written_and_a_search_may_be_running(command, begun):
    folder = begun(scores_of(5))
    with locked(folder):
        before = contents(folder.path)
        assert command("proxy").code == 0
        after = contents(folder.path)
    assert after.pop(folder.report / "proxy.png")
    assert after == before


def test_a_second_look_replaces_the_picture(command, begun):
    folder = begun(scores_of(5))
    command("proxy")
    before = contents(folder.report)
    (folder.report / "proxy.png").write_bytes(b"old")
    command("proxy")
    assert contents(folder.report) == before


def test_neither_tensorflow_nor_ray_is_imported(begun, tmp_path):
    begun(scores_of(5))
    code = (
        "import sys; from bcauto.cli.app import main; sys.argv = ['bcauto', 'proxy', '--json']\n"
        "try: main()\n"
        "finally: print([m for m in ('tensorflow', 'keras', 'ray') if m in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[1:] == ["[]"]


@pytest.fixture
def refused_line(command, tmp_path):
    """Runs the command, which must be refused before it writes anything; returns its line."""

    def run(*arguments):
        before = sorted(tmp_path.rglob("*"))
        ran = command("proxy", *arguments)
        assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
        assert sorted(tmp_path.rglob("*")) == before
        return ran.err

    return run


def test_a_study_that_is_not_there(refused_line, begun):
    assert "no study in studies" in refused_line()
    begun()
    assert "no study 'cell' in studies; did you mean 'cells'?" in refused_line("cell")


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_an_out_that_is_no_folder(refused_line, begun, tmp_path, out):
    begun()
    (tmp_path / "file").write_text("mine")
    line = refused_line("--out", out)
    assert f"--out must be a folder that is there or can be made, got {out} (" in line
    assert (tmp_path / "file").read_text() == "mine"


def test_a_proxy_that_is_missing_or_damaged(refused_line, begun):
    folder = begun(scores_of(3))
    folder.proxy.write_bytes(folder.proxy.read_bytes()[:1000])
    assert "a proxy must be a file that bcauto saved" in refused_line()
    folder.proxy.unlink()
    assert "a proxy must be a file that bcauto saved" in refused_line()


def test_a_database_that_is_gone(refused_line, begun):
    (begun().path / "study.db").unlink()
    assert "the study's storage is missing" in refused_line()
