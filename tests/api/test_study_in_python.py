"""From arrays to a search, a DataFrame, a model and its predictions, by ``import bcauto`` alone."""

import random

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from tiny_fixtures import SPACE, paint_two_classes

import bcauto

pytestmark = pytest.mark.keras

NAMES = ["below", "above"]
CONFIRMED = SPACE.replace("top = 0", "top = 1\nrepeats = 1")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "tiny.toml").write_text(CONFIRMED)
    return folder


@pytest.fixture(scope="module")
def run(place):
    """Searches on arrays, to so many trials; gives the study."""
    painted = paint_two_classes(120, 0)

    def search(trials, **more):
        return bcauto.search(
            (painted["images"], painted["labels"]),
            class_names=NAMES,
            space=place / "tiny.toml",
            trials=trials,
            studies_dir=place / "studies",
            executor="inline",
            **{"progress": False, **more},
        )

    return search


@pytest.fixture(scope="module")
def calls():
    return []


@pytest.fixture(scope="module")
def study(run, calls):
    return run(2, callbacks=[lambda *given: calls.append(given)])


@pytest.fixture(scope="module")
def model(study):
    return study.load_model()


def test_a_callback_is_told_of_each_trial_as_by_optuna(study, calls):
    assert [trial.number for _, trial in calls] == [0, 1]
    assert all(isinstance(each, optuna.Study) for each, _ in calls)
    assert {trial.state for _, trial in calls} == {TrialState.COMPLETE}
    assert [trial.value for _, trial in calls] == study.trials()["objective"].tolist()


def test_trials_are_a_frame_with_a_row_each(study):
    frame = study.trials()
    assert frame["number"].tolist() == [0, 1]
    assert frame["state"].tolist() == ["COMPLETE", "COMPLETE"]
    assert (frame["low"] <= frame["objective"]).all()
    assert (frame["objective"] <= frame["high"]).all()
    rates = [trial.params["training.learning_rate"] for trial in study.optuna.trials]
    assert frame["training.learning_rate"].tolist() == rates
    families = [title for title in frame if title.startswith("family_")]
    assert {*families} > {"family_blur", "family_colour"}
    assert frame["estimate"].notna().sum() == 1


def test_the_best_is_the_one_that_was_trained_again(study):
    best = study.best
    assert best.confirmed is not None
    assert best.number == study.trials().query("estimate.notna()")["number"].item()
    low, high = best.interval
    assert low <= best.score <= high
    assert best.recipe.training.epochs == 3
    assert best.scores.interval == best.trial.scores.interval
    assert f"trial {best.number}: {best.score:.4f}" in repr(best)


def test_a_notebook_shows_what_the_study_is(study):
    assert repr(study).startswith(f"<bcauto study {study.name!r}: 2 of 2 trials, best ")
    assert "<table" in study._repr_html_()


def test_the_model_predicts_arrays_files_and_what_it_was_not_trained_on(study, model, tmp_path):
    new = paint_two_classes(10, 1)
    frame = bcauto.predict(model, new["images"])
    assert [*frame] == ["file", "class", "p_below", "p_above"]
    assert frame["file"].tolist() == [*range(10)]
    np.testing.assert_allclose(frame[["p_below", "p_above"]].sum(axis=1), 1, atol=1e-5)
    assert frame["class"].tolist() == [NAMES[label] for label in new["labels"]]
    np.savez(tmp_path / "new.npz", images=new["images"])
    from_file = bcauto.predict(study.name, [tmp_path / "new.npz"], studies_dir=study.folder.parent)
    np.testing.assert_allclose(from_file["p_above"], frame["p_above"], atol=1e-5)


def test_a_model_is_scored_on_arrays_by_label_and_by_name(model):
    new = paint_two_classes(10, 2)
    found = bcauto.evaluate(model, (new["images"], new["labels"]))
    agree = (model.predict(new["images"], verbose=0).argmax(axis=1) == new["labels"]).mean()
    assert found.scores["accuracy"] == pytest.approx(agree)
    names = [NAMES[label] for label in new["labels"]]
    assert bcauto.evaluate(model, (new["images"], names)).scores == found.scores
    assert found.images.names == tuple(map(str, range(10)))


def test_a_model_of_another_maker_has_numbers_for_classes(keras, eagerly):
    own = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3, "softmax"),
        ]
    )
    frame = bcauto.predict(own, np.zeros((2, 8, 8, 3), np.uint8))
    assert [*frame] == ["file", "class", "p_0", "p_1", "p_2"]
    with pytest.raises(bcauto.BadInput, match=r"model must be a Keras model, a file or a study"):
        bcauto.predict(3, np.zeros((2, 8, 8, 3), np.uint8))


def test_the_winner_is_exported(study, tmp_path, capsys):
    exported = study.export(tmp_path / "out", progress=False)
    assert capsys.readouterr().out == ""
    assert {"model.keras", "manifest.json"} <= {path.name for path in exported.folder.iterdir()}
    assert exported.manifest["class_names"] == NAMES


def test_the_same_call_trains_nothing_and_other_arrays_are_refused(study, run, place, refused):
    before = study.trials()
    calls = []
    assert run(2, callbacks=[lambda *given: calls.append(given)]).name == study.name
    assert calls == []
    assert study.trials().equals(before)
    other = paint_two_classes(120, 5)
    with refused("was begun with other data than these arrays.*another study with study=NAME"):
        bcauto.search(
            (other["images"], other["labels"]), study=study.name, studies_dir=place / "studies"
        )


def test_what_a_callback_raises_ends_the_search_and_all_is_saved(run, study):
    def stop(*_):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        run(9, study="other", callbacks=[stop], confirm=0)
    stopped = bcauto.open_study("other", studies_dir=study.folder.parent)
    assert stopped.trials()["state"].tolist() == ["COMPLETE"]


def test_a_callback_that_stops_the_study_ends_the_search_and_the_best_is_confirmed(run):
    study = run(9, study="enough", callbacks=[lambda study, _: study.stop()], progress=True)
    assert study.trials()["state"].tolist() == ["COMPLETE"]
    assert study.best.confirmed is not None
    assert repr(study).startswith("<bcauto study 'enough': 1 of 9 trials, best ")
    more = run(2, study="enough", confirm=0, callbacks=[lambda study, _: study.stop()])
    assert more.trials()["state"].tolist() == ["COMPLETE", "COMPLETE"]


def test_the_process_is_left_as_it_was(keras, run, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    keras.config.set_dtype_policy("mixed_float16")
    random.seed(3)
    expected = random.random()
    random.seed(3)
    try:
        run(2)
        assert keras.config.dtype_policy().name == "mixed_float16"
    finally:
        keras.config.set_dtype_policy("float32")
    assert random.random() == expected


def test_a_recipe_is_trained_alone_and_random_numbers_go_on_as_they_would(keras, study):
    painted = paint_two_classes(40, 0)
    recipe = study.best.recipe
    data = {"images": painted["images"], "labels": painted["labels"], "class_names": NAMES}
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002  the global one is meant
    expected = random.random(), np.random.random()  # noqa: NPY002
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    found = bcauto.train(recipe, data, progress=False)
    assert (random.random(), np.random.random()) == expected  # noqa: NPY002
    assert 0 <= found.objective <= 1
    assert found.class_names == tuple(NAMES)
    assert bcauto.predict(found.model, painted["images"][:2])["class"].tolist() == NAMES


def test_a_missing_study_is_refused(tmp_path, refused):
    with refused("no study 'cells' in .*; there is none yet"):
        bcauto.open_study("cells", studies_dir=tmp_path)


def test_a_space_is_sampled():
    space = bcauto.Space("quick")
    recipes = space.sample(3)
    assert len(recipes) == 3
    assert recipes == space.sample(3) != space.sample(3, seed=1)
    assert bcauto.Space(space).dimensions.keys() == space.dimensions.keys()
    assert "bcauto space quick" in repr(space)
    assert space.as_dict()["dimensions"].keys() == space.dimensions.keys()
    assert (space.as_dict()["space"], space.as_dict()["size"]) == ("quick", space.size)


def test_the_report_is_written_anew(study):
    page = study.write_report()
    assert page == study.folder / "report" / "index.html"
    assert study.name in page.read_text(encoding="utf-8")


def test_files_that_are_no_longer_needed_are_deleted(study, refused):
    with refused("keep must be a whole number above 0, or all, got 'few'"):
        study.clean("few")
    models, *_ = study.clean(1, dry_run=True)
    [unneeded] = models.files
    ranked = study.trials().sort_values(["objective", "number"], ascending=[False, True])
    assert (models.kind.value, unneeded.stem) == ("models", str(ranked["number"].iloc[-1]))
    assert unneeded.exists()
    assert study.clean(1)[0].files == (unneeded,)
    assert not unneeded.exists()
    assert study.clean(1)[0].files == ()
    assert study.load_model().count_params() > 0
