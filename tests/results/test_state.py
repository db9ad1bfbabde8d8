"""The state of a study: by its lock, its trials and its confirmation."""

import optuna
import pytest
from optuna.trial import TrialState, create_trial
from study_fixtures import scores_of

from bcauto.results.open_study import OpenStudy
from bcauto.results.state import State, is_finished, study_state
from bcauto.results.trials import completed_trials
from bcauto.space.files import read_space
from bcauto.space.space import Confirmation
from bcauto.study.attributes import store
from bcauto.study.lock import locked
from bcauto.study.repeats import RepeatSource
from bcauto.study.settings import DataRecord, Identity, Settings, StudyRecord
from bcauto.trial import RunRecord, TrialAttributes, trial_seed

SPACE = """
[recipe.model]
backbone = "SmallCNN"
[search]
"model.dropout" = [0.1, 0.2, 0.3]
[confirm]
top = 2
repeats = 1
"""


@pytest.fixture
def space(folder):
    folder.space.write_text(SPACE)
    return read_space(folder.space)


def record(**settings):
    identity = Identity(data="d", space="e", proxy="f", seed=0, weights="none", storage="study.db")
    data = DataRecord(
        fingerprint="d", class_names=("a", "b"), train=9, val=1, image_size=(32, 32), cleaning={}
    )
    settings = Settings(space="mine", **settings)
    return StudyRecord(settings=settings, identity=identity, data=data, versions={})


def add(study, space, dropout, state=TrialState.COMPLETE):
    recipe = space.at({"model.dropout": dropout})
    attrs = {"recipe": recipe.model_dump(mode="json"), "seed": trial_seed(0, recipe)}
    if state is TrialState.COMPLETE:
        attrs |= {"clean_accuracy": 0.9, "scores": scores_of().model_dump(mode="json"), "run": {}}
    value = dropout if state is TrialState.COMPLETE else None
    study.add_trial(create_trial(state=state, value=value, user_attrs=attrs))


def test_finished_is_the_total_asked_for(study, space, folder):
    asked = record(trials=2, confirm=0)
    assert not is_finished(OpenStudy(folder, asked, None, None))
    add(study, space, 0.1)
    assert not is_finished(OpenStudy(folder, asked, study, None))
    add(study, space, 0.2, TrialState.FAIL)
    assert not is_finished(OpenStudy(folder, asked, study, None))
    add(study, space, 0.2, TrialState.PRUNED)
    assert is_finished(OpenStudy(folder, asked, study, None))
    assert study_state(OpenStudy(folder, asked, study, None)) is State.FINISHED
    assert (
        study_state(OpenStudy(folder, record(trials=3, confirm=0), study, None))
        is State.INTERRUPTED
    )


def test_a_finite_space_is_finished_when_every_recipe_is_known(study, space, folder):
    asked = record(trials=100, confirm=0)
    for dropout in (0.1, 0.2):
        add(study, space, dropout)
    assert study_state(OpenStudy(folder, asked, study, None)) is State.INTERRUPTED
    add(study, space, 0.3, TrialState.FAIL)
    assert study_state(OpenStudy(folder, asked, study, None)) is State.FINISHED
    add(study, space, 0.3, TrialState.WAITING)
    assert study_state(OpenStudy(folder, asked, study, None)) is State.INTERRUPTED


@pytest.mark.parametrize(("settings", "repeats"), [({}, 2), ({"confirm": 1}, 1)])
def test_not_finished_until_it_is_confirmed(settings, repeats, study, space, folder):
    asked = record(trials=3, **settings)
    for dropout in (0.1, 0.2, 0.3):
        add(study, space, dropout)
    assert not is_finished(OpenStudy(folder, asked, study, None))
    again = optuna.create_study(direction="maximize")
    recipes = {best.number: best.recipe for best in completed_trials(study)}
    source = RepeatSource(recipes, Confirmation(top=repeats, repeats=1), 0)
    for _ in range(repeats):
        assert not is_finished(OpenStudy(folder, asked, study, again))
        asked_for = source.ask(again)
        found = {"clean_accuracy": 0.9, "scores": scores_of(), "run": RunRecord()}
        recipe = asked_for.recipe.model_dump(mode="json")
        store(asked_for.trial, TrialAttributes(recipe=recipe, **found))
        again.tell(asked_for.trial, 0.5)
    assert is_finished(OpenStudy(folder, asked, study, again))


def test_a_study_with_a_driver_is_being_searched(study, space, folder):
    with locked(folder):
        assert study_state(OpenStudy(folder, record(trials=1), study, None)) is State.SEARCHING
    assert study_state(OpenStudy(folder, record(trials=1), study, None)) is State.INTERRUPTED
