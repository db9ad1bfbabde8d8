"""The samplers by name: what they sample, where they end, what they need."""

import importlib.util

import optuna
import pytest
from optuna.trial import TrialState
from study_fixtures import scores_of

from bcauto.io.toml import parse
from bcauto.results.importance import importances
from bcauto.space.space import Space
from bcauto.study.attributes import read_attributes
from bcauto.study.ledger import Ledger, Limits
from bcauto.study.sampling import check_sampler, sample_at_random, without_whole_recipes
from bcauto.study.source import SpaceSource
from bcauto.trial import Failure, Retry, TrialResult

FINITE = {
    "recipe": {"model": {"backbone": "SmallCNN"}},
    "search": {
        "training.optimizer": ["adam", "lion"],
        "training.epochs": {"low": 1, "high": 3},
        "model.head_units": {"values": [[], [8]], "when": {"training.optimizer": "lion"}},
    },
    "start": [{"training.optimizer": "lion", "training.epochs": 2}],
}
ENDLESS = {**FINITE, "search": {"model.dropout": {"low": 0.0, "high": 0.5}}, "start": []}


def space_of(table):
    return parse(Space, table)


def result(objective):
    return TrialResult(
        objective=objective,
        clean_accuracy=0.5,
        scores=scores_of(standard_error=0.1),
    )


def searched(tmp_path, space, sampler, trials, seed=0):
    """The study after as many trials as it takes or is allowed, each worth its own epochs."""
    study = optuna.create_study(direction="maximize")
    source = SpaceSource(space, seed, sampler)
    ledger = Ledger(study, source, Limits(trials), lambda n: tmp_path / f"{n}.keras")
    while job := ledger.next_job():
        ledger.close(job.number, result(0.1 * job.recipe.training.epochs))
    return study, ledger


def recipes(study):
    done = study.get_trials(states=(TrialState.COMPLETE,))
    return [str(read_attributes(trial).recipe) for trial in done]


def test_a_grid_takes_every_point_once_and_then_ends(tmp_path):
    space = space_of(FINITE)
    study, ledger = searched(tmp_path, space, "grid", 100)
    assert ledger.exhausted
    assert len(recipes(study)) == len(set(recipes(study))) == space.size == 3 + 6
    assert read_attributes(study.trials[0]).recipe["training"]["epochs"] == 2  # the starting point
    assert "duplicate_of" not in str([trial.user_attrs for trial in study.trials])


def test_a_grid_goes_on_where_it_stopped(tmp_path):
    space = space_of(FINITE)
    study = optuna.create_study(direction="maximize")
    for limit in (2, 5, 100):
        ledger = Ledger(
            study, SpaceSource(space, 0, "grid"), Limits(limit), lambda n: tmp_path / f"{n}.keras"
        )
        while job := ledger.next_job():
            ledger.close(job.number, result(0.1))
    assert recipes(study) == recipes(searched(tmp_path, space, "grid", 100)[0])


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_sampler_reaches_every_point_of_a_finite_space(tmp_path, sampler):
    space = space_of(FINITE)
    study, ledger = searched(tmp_path, space, sampler, 100)
    assert ledger.exhausted
    assert len(recipes(study)) == space.size


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_the_same_seed_samples_the_same(tmp_path, sampler):
    runs = [recipes(searched(tmp_path, space_of(ENDLESS), sampler, 12, s)[0]) for s in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert len(set(runs[0])) == 12


def test_samplers_that_need_a_package_say_so(monkeypatch, refused):
    monkeypatch.setattr("bcauto.study.sampling.find_spec", lambda _: None)
    with refused("--sampler cmaes needs cmaes: pip install"):
        check_sampler("cmaes", space_of(FINITE))
    with refused("--sampler gp needs torch: pip install"):
        check_sampler("gp", space_of(FINITE))
    for name in ("tpe", "random", "grid"):
        check_sampler(name, space_of(FINITE))


@pytest.mark.parametrize(("sampler", "package"), [("cmaes", "cmaes"), ("gp", "torch")])
def test_samplers_of_other_packages_sample_where_these_are_installed(tmp_path, sampler, package):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    study, _ = searched(tmp_path, space_of(ENDLESS), sampler, 12)
    assert len(set(recipes(study))) == 12


@pytest.mark.parametrize(
    ("sampler", "package"), [("tpe", "optuna"), ("cmaes", "cmaes"), ("gp", "torch")]
)
def test_a_trial_that_ran_out_of_memory_disturbs_no_sampler(tmp_path, sampler, package, recwarn):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    study, ledger = searched(tmp_path, space_of(ENDLESS), sampler, 4)
    ledger.limits = Limits(14)
    ledger.close(ledger.next_job().number, Failure("out of memory", retry=Retry.SMALLER))
    while job := ledger.next_job():
        ledger.close(job.number, result(0.5 - abs(job.recipe.model.dropout - 0.31)))
    constraints = [trial.constraints for trial in study.get_trials()]
    assert {"memory": 1.0} in constraints
    assert len(set(recipes(study))) == 14
    assert not [warning for warning in recwarn if issubclass(warning.category, UserWarning)]


def test_a_grid_of_an_endless_space_is_refused(refused):
    with refused("--sampler grid needs a space of .*, got 'model.dropout' without steps"):
        check_sampler("grid", space_of(ENDLESS))


def test_random_recipes_follow_the_seed():
    space = space_of(ENDLESS)
    sampled = [sample_at_random(space, 5, seed) for seed in (3, 3, 4)]
    assert sampled[0] == sampled[1] != sampled[2]
    assert len({recipe.fingerprint for recipe in sampled[0]}) == 5


def test_the_dimension_that_decides_is_the_important_one():
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(
        lambda t: t.suggest_float("decides", 0, 1) + 0.01 * t.suggest_float("hardly", 0, 1),
        n_trials=40,
    )
    found = importances(study)
    assert list(found) == ["decides", "hardly"]
    assert found["decides"] > 0.8
    assert sum(found.values()) == pytest.approx(1)


def rate_decides(trial):
    """The rate decides, which each optimizer has for itself; dropout hardly matters."""
    optimizer = trial.suggest_categorical("optimizer", ["adam", "lion"])
    rate = trial.suggest_float(f"rate@{optimizer}", 0, 1)
    return 0.001 * trial.suggest_float("dropout", 0, 1) - abs(rate - 0.3)


def searched_at_random(objective, trials, seed):
    sampler = optuna.samplers.RandomSampler(seed=seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(objective, trials)
    return study


@pytest.mark.parametrize("seed", range(4))
def test_dimensions_under_a_condition_have_their_importance(seed):
    found = importances(searched_at_random(rate_decides, 60, seed))
    assert list(found)[:2] in (["rate@adam", "rate@lion"], ["rate@lion", "rate@adam"])
    assert {*found} == {"rate@adam", "rate@lion", "dropout", "optimizer"}
    assert found["dropout"] < 0.2
    assert sum(found.values()) == pytest.approx(1)


def test_a_dimension_that_few_trials_have_is_left_out():
    def seldom(trial):
        return trial.suggest_float("x", 0, 1) + (
            trial.suggest_float("seldom", 0, 1) if trial.number < 7 else 0
        )

    assert list(importances(searched_at_random(seldom, 30, 0))) == ["x"]


def test_whole_recipes_are_not_among_the_good_trials_that_importance_compares():
    study = searched_at_random(rate_decides, 30, 0)
    found = importances(study)
    study.add_trials(optuna.trial.create_trial(value=2.0) for _ in range(7))
    assert importances(study) == found


def test_importance_needs_trials_and_dimensions_that_vary():
    assert importances(None) == {}
    study = optuna.create_study(direction="maximize")
    study.optimize(lambda t: t.suggest_float("same", 0.5, 0.5), n_trials=9)
    assert importances(study) == {}
    few = optuna.create_study(direction="maximize")
    few.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=7)
    assert importances(few) == {}


GIVEN = """
[model]
backbone = "SmallCNN"
head_units = [17]
"""


@pytest.fixture
def with_given(tmp_path, monkeypatch):
    (tmp_path / "given.toml").write_text(GIVEN)
    monkeypatch.chdir(tmp_path)
    start = [{"recipe": "given.toml"}, {"model.dropout": 0.25}]
    return space_of({**ENDLESS, "start": start})


def test_a_whole_recipe_is_trained_first_and_once(tmp_path, with_given):
    study, _ = searched(tmp_path, with_given, "tpe", 10)
    heads = [read_attributes(trial).recipe["model"]["head_units"] for trial in study.trials]
    assert heads == [[17]] + [[]] * 9
    assert study.trials[0].params == {}
    assert study.trials[1].params == {"model.dropout": 0.25}
    assert list(importances(study)) == ["model.dropout"]


def test_a_whole_recipe_that_was_interrupted_is_trained_again(tmp_path, with_given):
    study = optuna.create_study(direction="maximize")
    source = SpaceSource(with_given, 0)
    Ledger(study, source, Limits(3), lambda n: tmp_path / f"{n}.keras").next_job()
    ledger = Ledger(study, source, Limits(3), lambda n: tmp_path / f"{n}.keras")  # after a kill
    while job := ledger.next_job():
        ledger.close(job.number, result(0.5))
    done = study.get_trials(states=(TrialState.COMPLETE,))
    heads = [read_attributes(trial).recipe["model"]["head_units"] for trial in done]
    assert heads == [[17], [], []]


KNOWN = 7  # whole recipes


@pytest.fixture
def with_known(tmp_path, monkeypatch):
    """A space that starts from whole recipes, as the shipped one does."""
    for n in range(KNOWN):
        (tmp_path / f"{n}.toml").write_text(GIVEN.replace("17", f"{17 + n}"))
    monkeypatch.chdir(tmp_path)
    search = {
        "model.dropout": {"low": 0.0, "high": 0.5},
        "training.learning_rate": {"low": 1e-5, "high": 1e-2, "log": True},
    }
    start = [{"recipe": f"{n}.toml"} for n in range(KNOWN)]
    return space_of({**ENDLESS, "search": search, "start": start})


def searched_after_known(tmp_path, space, sampler, known):
    """The study of 40 trials, which are worth the more the less dropout they have.

    Each whole recipe before them ends as ``known``.
    """
    study = optuna.create_study(direction="maximize")
    limits = Limits(40 + KNOWN * isinstance(known, TrialResult))
    source = SpaceSource(space, 0, sampler)
    ledger = Ledger(study, source, limits, lambda n: tmp_path / f"{n}.keras")
    while job := ledger.next_job():
        worth = result(0.9 - job.recipe.model.dropout)
        ledger.close(job.number, known if job.number < KNOWN else worth)
    return study


def dropouts(study):
    return [trial.params["model.dropout"] for trial in study.trials[KNOWN:]]


@pytest.mark.parametrize(
    ("sampler", "package"), [("tpe", "optuna"), ("cmaes", "cmaes"), ("gp", "torch")]
)
def test_a_sampler_learns_as_if_there_were_no_whole_recipes(tmp_path, with_known, sampler, package):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    studies = [
        searched_after_known(tmp_path, with_known, *ends)
        for ends in (
            (sampler, result(0.99)),
            (sampler, Failure("samplers pass it over")),
            ("random", result(0.99)),
        )
    ]
    learnt, without, at_random = map(dropouts, studies)
    assert learnt == without
    assert sum(learnt[-20:]) < 0.6 * sum(at_random[-20:])
    stored = [[{*trial.system_attrs} for trial in study.trials[KNOWN:]] for study in studies[:2]]
    assert stored[0] == stored[1]  # CMA-ES' state is in the study, for the trials to come


def test_a_sampler_sees_all_but_whole_recipes(with_known, tmp_path):
    study = searched_after_known(tmp_path, with_known, "tpe", result(0.99))
    live = study.ask()
    live.suggest_float("model.dropout", 0.0, 0.5)
    study.tell(study.ask(), state=TrialState.FAIL)
    study.enqueue_trial({"model.dropout": 0.25})
    seen = without_whole_recipes(study).trials
    assert [trial.number for trial in seen] == [trial.number for trial in study.trials]
    assert {trial.state for trial in seen[:KNOWN]} == {TrialState.FAIL}
    assert [trial.state for trial in seen[-3:]] == [
        TrialState.RUNNING,
        TrialState.FAIL,
        TrialState.WAITING,
    ]
    for trial, true in zip(seen[KNOWN:], study.trials[KNOWN:], strict=True):
        assert (trial.state, trial.values) == (true.state, true.values)
        assert (trial.params, trial.distributions) == (true.params, true.distributions)
        assert (trial.constraints, trial.system_attrs) == (true.constraints, true.system_attrs)
        assert trial.intermediate_values == true.intermediate_values


def test_a_study_without_whole_recipes_is_seen_as_it_is(tmp_path):
    study, _ = searched(tmp_path, space_of(ENDLESS), "tpe", 3)
    study.ask()  # without parameters, but they may be to come
    assert without_whole_recipes(study) is study


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ({"recipe": "deepll"}, "start 1: unknown recipe 'deepll'; did you mean 'deepl'"),
        ({"recipe": "no.toml"}, "start 1: no.toml: cannot be read"),
        ({"recipe": 3}, "start 1: recipe must be a name or a .toml file, got 3"),
        ({"recipe": "deepl", "model.dropout": 0.1}, "start 1: a recipe must stand alone, got"),
    ],
)
def test_a_starting_recipe_must_be_there(start, said):
    with pytest.raises(ValueError, match=said):
        space_of({**ENDLESS, "start": [start]})
