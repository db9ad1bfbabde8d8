"""Studies that were made up, not trained, as a search leaves them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

from bcauto.data.fingerprints import PictureFingerprints
from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.corruptions import CORRUPTIONS
from bcauto.proxy.make import make_proxy
from bcauto.recipe.recipe import Recipe
from bcauto.report.look import look_at
from bcauto.report.subject import Subject
from bcauto.results.open_study import OpenStudy
from bcauto.study.attributes import read_attributes
from bcauto.study.folder import StudyFolder
from bcauto.study.settings import (
    OWN_STORAGE,
    DataRecord,
    DataSettings,
    Identity,
    Settings,
    StudyRecord,
)
from bcauto.study_data import load_data

SPACE = """
[recipe.model]
backbone = "SmallCNN"
[search]
"model.dropout" = { low = 0.1, high = 0.5 }
"training.optimizer" = ["adam", "lion"]
[search."training.learning_rate@lion"]
low = 1e-5
high = 1e-3
log = true
when = { "training.optimizer" = "lion" }
[confirm]
top = 2
repeats = 2
"""
RATE = FloatDistribution(1e-5, 1e-3, log=True)
HELD_OUT = ("blur", "microscopy")
BEGUN = datetime(2026, 11, 1, 8)
HYPERMODEL = {
    "model": {"hypermodel": "models:Net", "values": {"units": 32}},
    "training": {"epochs": 3, "batch_size": 32},
}


@dataclass
class MadeUp:
    """Makes studies in memory whose folders lie in ``path``."""

    path: object

    def __call__(self, states="", repeats=0, name="cells", wanted=None, **more):
        """A study with a trial for each letter: c complete, p pruned, f failed, r running."""
        folder = StudyFolder(self.path / name)
        folder.path.mkdir(parents=True)
        folder.space.write_text(SPACE)
        recipe = more.pop("recipe", None)
        rng = np.random.default_rng(0)
        study = optuna.create_study(study_name=name, direction="maximize")
        study.add_trials([trial(rng, at, state, recipe) for at, state in enumerate(states)])
        again = optuna.create_study(direction="maximize") if repeats else None
        best = sorted(study.get_trials(states=(TrialState.COMPLETE,)), key=lambda t: -t.value)[:2]
        for at in range(repeats):
            again.add_trial(trial(rng, at, "c", recipe, best[at % len(best)]))
        record = record_of(len(states) if wanted is None else wanted, **more)
        record.write(folder)
        return OpenStudy(folder, record, study, again)


def trial(rng, at, state, recipe=None, of=None):
    params = {
        "model.dropout": rng.uniform(0.1, 0.5),
        "training.optimizer": ["adam", "lion"][at % 2],
    }
    space = {
        "model.dropout": FloatDistribution(0.1, 0.5),
        "training.optimizer": CategoricalDistribution(["adam", "lion"]),
    }
    if at % 2:
        params["training.learning_rate@lion"] = 10 ** rng.uniform(-5, -3)
        space["training.learning_rate@lion"] = RATE
    worth = 0.8 - 0.5 * abs(params["model.dropout"] - 0.25) - 0.1 * (at % 2) + rng.normal(0, 0.02)
    attrs = {"recipe": recipe or recipe_of(params), "seed": at, "run": run_of(at)}
    if at == 0:
        attrs["start"] = "0"
    if of is not None:
        worth = of.value - 0.02 + rng.normal(0, 0.01)
        attrs |= {"recipe": read_attributes(of).recipe, "of_trial": of.number, "length": 1.0}
    if state == "c":
        attrs |= {"clean_accuracy": min(1, worth + 0.15), "scores": scores_of(rng, worth)}
    if state == "f":
        attrs |= {"error": f"the loss is not a number <b>{at % 3}", "traceback": "Traceback"}
    begun = BEGUN + timedelta(minutes=5 * (at // 2), seconds=20 * (at % 2))
    states = {"c": TrialState.COMPLETE, "p": TrialState.PRUNED, "f": TrialState.FAIL}
    epochs = {"c": 6, "p": 2, "f": 1, "r": 3}[state]
    made = create_trial(
        state=states.get(state, TrialState.RUNNING),
        value=worth if state == "c" else None,
        params={} if of is not None else params,
        distributions={} if of is not None else space,
        user_attrs=attrs,
        intermediate_values={e: worth * (1 - 0.5**e) for e in range(1, epochs + 1)},
    )
    made.datetime_start = begun
    made.datetime_complete = None if state == "r" else begun + timedelta(minutes=4)
    return made


def recipe_of(params):
    return Recipe.model_validate(
        {
            "model": {"backbone": "SmallCNN", "dropout": params["model.dropout"]},
            "training": {
                "optimizer": params["training.optimizer"],
                "learning_rate": params.get("training.learning_rate@lion", 1e-3),
            },
        }
    ).model_dump(mode="json")


def run_of(at):
    stage = {"name": "whole", "epochs": 6, "trainable_parameters": 1000}
    return {"epochs": 6, "seconds": 200.0 + at, "parameters": 191_736, "stages": [stage]}


def scores_of(rng, worth):
    cells = {
        f"{name}/{severity}": float(
            np.clip(worth - 0.08 * (severity - 3) + rng.normal(0, 0.03), 0, 1)
        )
        for name in CORRUPTIONS
        for severity in (2, 4, 5)
    }
    families = {}
    for name, value in cells.items():
        families.setdefault(CORRUPTIONS[name.partition("/")[0]].family, []).append(value)
    means = {name: float(np.mean(values)) for name, values in families.items()}
    return {
        "interval": [worth - 0.03, worth + 0.03],
        "standard_error": 0.015,
        "cells": cells,
        "families": {name: mean for name, mean in means.items() if name not in HELD_OUT},
        "held_out": {name: means[name] for name in HELD_OUT},
        "clean": {"accuracy": min(1, worth + 0.15)},
    }


def record_of(trials, class_names=("a", "b", "c"), data="/nowhere/cells.npz", **settings):
    identity = {"data": "d", "space": "s", "proxy": "p", "seed": 0, "weights": "none"}
    about = {"fingerprint": "d", "class_names": class_names, "train": 96, "val": 24}
    cleaning = {"read": 130, "kept": 120, "duplicates": 4, "intruders": 1, "intruder_copies": 6}
    return StudyRecord(
        settings=Settings(space="quick", trials=max(trials, 1), data=data, **settings),
        identity=Identity(**identity, storage=OWN_STORAGE),
        data=DataRecord(**about, image_size=(24, 24), cleaning=cleaning),
        versions={"keras": "3.15.1"},
    )


def small_proxy(classes=3):
    rng = np.random.default_rng(0)
    labels = np.arange(8 * classes) % classes
    images = rng.integers(0, 256, (len(labels), 24, 24, 3), dtype=np.uint8)
    config = ProxyConfig(severities=(2, 5), copies=4, held_out_copies=2)
    return make_proxy(images, labels, config, 0)


@pytest.fixture
def made_up(tmp_path):
    return MadeUp(tmp_path / "studies")


@dataclass
class Rule:
    """A model that says class 0 of every picture whose mean is above a middle, else the truth."""

    labels: dict
    middle: float = 128.0

    def __call__(self, images):
        said = [0 if i.mean() > self.middle else self.labels[i.tobytes()] for i in images]
        classes = max(self.labels.values()) + 1
        return np.eye(classes)[said] * 0.7 + 0.3 / classes


def whole_subject(path, states, class_names):
    """A study with its data, its proxy, its fingerprints, and a model that follows a rule."""
    rng = np.random.default_rng(3)
    count = 40 * len(class_names)
    images = rng.integers(0, 256, (count, 24, 24, 3), dtype=np.uint8)
    labels = np.arange(count) % len(class_names)
    images[len(class_names)] = images[0]
    images[[10, 11, 12]] = 77
    path.mkdir(parents=True, exist_ok=True)
    np.savez(path / "small.npz", images=images, labels=labels, class_names=np.array(class_names))
    data = load_data(DataSettings(data=str(path / "small.npz")))
    made = MadeUp(path / "studies")
    opened = made(states, repeats=4, data=str(path / "small.npz"), class_names=class_names)
    PictureFingerprints.of(data).save(opened.folder.fingerprints)
    config = ProxyConfig(severities=(2, 5), copies=4, held_out_copies=2)
    proxy = make_proxy(data.val.images, data.val.labels, config, 0)
    proxy.save(opened.folder.proxy)
    known = [*zip(proxy.images, proxy.labels, strict=True)]
    known += zip(data.val.images, data.val.labels, strict=True)
    rule = Rule({image.tobytes(): int(label) for image, label in known})
    subject = Subject(opened)
    subject.__dict__["look"] = look_at("trial 0", rule, proxy, data.val)
    return subject
