"""Studies that were made in November 2026, before what they store had types, are opened and go on.

``golden/`` holds two real searches without their pictures and models. ``small-cells`` searched real
blood cells with the space that ``small`` was then, and was interrupted in its first trial.
``quick-drawn`` searched the built-in cells, was killed once, and confirmed its best trials. Paths
and host names in them were replaced.
"""

import shutil
from pathlib import Path

import pytest

from bcauto.data.dataset import load
from bcauto.proxy.make import make_proxy
from bcauto.results.open_study import open_study
from bcauto.results.state import State, study_state
from bcauto.results.trials import completed_trials, status
from bcauto.seeds import derive
from bcauto.space.files import read_space
from bcauto.study.attributes import read_attributes, read_identity
from bcauto.study.ledger import Ledger, Limits
from bcauto.study.source import SpaceSource

GOLDEN = Path(__file__).with_name("golden")


@pytest.fixture
def studies(tmp_path):
    shutil.copytree(GOLDEN, tmp_path / "studies")
    for file in (tmp_path / "studies").rglob("*"):
        file.chmod(0o755 if file.is_dir() else 0o644)
    return tmp_path / "studies"


class TestSmallCells:
    @pytest.fixture
    def opened(self, studies):
        return open_study(studies, "small-cells", None)

    def test_what_came_of_it(self, opened):
        found = status(opened.study, "small-cells", 2)
        assert found.trials == {
            "complete": 1,
            "pruned": 0,
            "failed": 1,
            "running": 0,
            "waiting": 1,
        }
        assert found.retries == {"the search was stopped while it ran": 1}
        (best,) = completed_trials(opened.study)
        assert best.objective == pytest.approx(0.7852, abs=5e-5)
        assert (
            best.clean_accuracy == best.scores.clean["accuracy"] == pytest.approx(0.9444, abs=1e-4)
        )
        assert best.recipe.model.label == "MobileNet-0.25"
        assert (best.run.epochs, best.run.parameters) == (12, 220_600)
        assert [stage.epochs for stage in best.run.stages] == [1, 11]
        assert best.scores.interval[0] < best.objective < best.scores.interval[1]
        assert set(best.scores.held_out) == {"blur", "microscopy"}
        assert study_state(opened) is State.INTERRUPTED

    def test_it_goes_on_with_the_trial_that_was_interrupted(self, opened):
        record, space = opened.record, read_space(opened.folder.space)
        assert space.fingerprint == record.identity.space
        assert read_identity(opened.study) == record.identity
        source, limits = SpaceSource(space, record.settings.seed), Limits(2)
        ledger = Ledger(opened.study, source, limits, opened.folder.model)
        job = ledger.next_job()
        interrupted = read_attributes(opened.study.trials[0])
        assert (job.seed, job.recipe.model_dump(mode="json")) == (
            interrupted.seed,
            interrupted.recipe,
        )
        assert ledger.next_job() is None


class TestQuickDrawn:
    @pytest.fixture
    def opened(self, studies):
        return open_study(studies, "quick-drawn", None)

    def test_what_came_of_it(self, opened):
        found = status(opened.study, "quick-drawn", 2)
        assert (found.trials["complete"], found.trials["running"]) == (2, 0)
        assert found.retries == {"the search was killed while it ran": 1}
        assert study_state(opened) is State.FINISHED

    def test_its_winner_has_an_honest_number(self, opened):
        won = opened.leaderboard.winner.confirmed
        assert {run.of_trial for run in won.runs} == {won.candidate.number}
        low, high = won.interval
        assert low <= won.score <= high
        assert won.score == pytest.approx(won.candidate.objective - won.optimism)

    def test_data_and_proxy_are_made_again_the_same(self, opened):
        identity, settings = opened.record.identity, opened.record.settings
        data = load(None, settings.image_size, settings.seed, settings.leaks)
        assert data.fingerprint == identity.data
        space = read_space(opened.folder.space)
        seed = derive(settings.seed, "proxy")
        proxy = make_proxy(data.val.images, data.val.labels, space.proxy, seed)
        assert proxy.fingerprint == identity.proxy
