"""One contract for every executor."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import TrialState
from study_fixtures import scores_of

from bcauto.errors import Interrupted, NothingUsable
from bcauto.execute.contract import Node, Slots
from bcauto.execute.inline import InlineExecutor
from bcauto.io.files import LocalFileStore
from bcauto.storage.retrying import StorageFailed
from bcauto.study.ledger import Ledger
from bcauto.trial import TrialResult, TrialStopped


def nothing():
    pass


def states(ledger):
    return [trial.state for trial in ledger.study.get_trials()]


class ExecutorContract:
    """What both executors owe; a subclass names the executor."""

    def make(self, slots):
        raise NotImplementedError

    def run(self, slots, ledger, work, check=nothing):
        self.make(slots).run(ledger, work, check)

    def test_runs_until_the_target(self, slots, ledger, work, tmp_path):
        self.run(slots, ledger, work({}))
        assert states(ledger) == [TrialState.COMPLETE] * 6
        assert len(list(tmp_path.glob("ran-*"))) == 6
        values = ledger.study.get_trials()[0].intermediate_values
        assert values == dict.fromkeys(range(1, 7), 0.8)

    def test_failures_have_a_reason_and_the_search_goes_on(self, slots, ledger, work):
        self.run(slots, ledger, work({0: "raise", 1: "fail", 2: "nan"}))
        failed = {t.number: t for t in ledger.study.get_trials() if t.state is TrialState.FAIL}
        assert failed[0].user_attrs["error"] == "ValueError: no such thing"
        assert "executor_work.py" in failed[0].user_attrs["traceback"]
        assert failed[1].user_attrs["error"] == "the loss is nan after epoch 1 (head stage)"
        assert failed[2].user_attrs["error"] == "the objective is nan"
        assert len(failed) == 3
        assert states(ledger).count(TrialState.COMPLETE) == 6

    def test_prunes_through_the_study(self, slots, ledger, work, tmp_path):
        ledger.limits = type(ledger.limits)(8)
        self.run(slots, ledger, work({7: "lag"}))
        lagging = ledger.study.get_trials()[7]
        assert lagging.state is TrialState.PRUNED
        assert max(lagging.intermediate_values) < 6
        assert not (tmp_path / "ran-7").exists()

    def test_interruption_leaves_nothing_running(self, slots, ledger, work, space):
        def check():
            if ledger.finished >= 2:
                raise Interrupted

        with pytest.raises(Interrupted):
            self.run(slots, ledger, work({}), check)
        assert TrialState.RUNNING not in states(ledger)
        again = Ledger(ledger.study, ledger.source, ledger.limits, ledger.model)
        self.run(slots, again, work({}))
        recipes = [
            str(t.user_attrs["recipe"])
            for t in ledger.study.get_trials(states=(TrialState.COMPLETE,))
        ]
        assert len(recipes) == len(set(recipes)) == 6

    def test_failing_on_and_on_ends_with_the_reason(self, slots, ledger, work):
        with pytest.raises(NothingUsable, match="10 trials in a row failed: ValueError: no such"):
            self.run(slots, ledger, work(dict.fromkeys(range(40), "raise")))
        assert TrialState.RUNNING not in states(ledger)

    def test_out_of_memory_costs_one_retry_with_half_the_batch(self, slots, ledger, work):
        self.run(slots, ledger, work({1: "need memory"}))
        trials = ledger.study.get_trials()
        assert trials[1].user_attrs["error"] == "out of memory"
        (retry,) = [t for t in trials if t.user_attrs.get("retry_of") == 1]
        assert (retry.state, retry.params) == (TrialState.COMPLETE, trials[1].params)
        assert retry.constraints == {"memory": 1.0}
        assert states(ledger).count(TrialState.COMPLETE) == 6

    def test_a_full_disk_ends_the_search_and_loses_nothing(self, slots, ledger, work):
        with pytest.raises(OSError, match="disk is full"):
            self.run(slots, ledger, work({1: "fill the disk"}))
        assert TrialState.RUNNING not in states(ledger)
        again = Ledger(ledger.study, ledger.source, ledger.limits, ledger.model)
        self.run(slots, again, work({}))
        retried = [t.user_attrs.get("retry_of") for t in ledger.study.get_trials()]
        assert 1 in retried
        assert states(ledger).count(TrialState.COMPLETE) == 6


class TestInline(ExecutorContract):
    def make(self, slots):
        return InlineExecutor(slots)

    def test_a_storage_that_fails_ends_the_search_and_is_no_fault_of_the_trial(
        self, slots, ledger, work, monkeypatch
    ):
        def fail(*_):
            raise StorageFailed("it is away", 300.0)

        monkeypatch.setattr(ledger, "report", fail)
        with pytest.raises(StorageFailed):
            self.run(slots, ledger, work({}))
        (trial,) = ledger.study.get_trials(states=(TrialState.FAIL,))
        assert trial.user_attrs["error"] == "the search was stopped while it ran"
        assert states(ledger) == [TrialState.FAIL, TrialState.WAITING]

    def test_trains_in_this_process(self, slots, ledger, work, tmp_path):
        self.run(slots, ledger, work({}))
        assert {path.read_text() for path in tmp_path.glob("ran-*")} == {str(os.getpid())}


@pytest.mark.ray
class TestRay(ExecutorContract):
    def make(self, slots):
        from bcauto.execute.ray_tune.executor import RayExecutor

        return RayExecutor(lambda nodes: slots)

    def test_process_that_dies_costs_a_retry(self, slots, ledger, work):
        self.run(slots, ledger, work({1: "die"}))
        dead = ledger.study.get_trials()[1]
        assert dead.state is TrialState.FAIL
        assert "the training process died" in dead.user_attrs["error"]
        retry = next(t for t in ledger.study.get_trials() if t.user_attrs.get("retry_of") == 1)
        assert retry.state is TrialState.COMPLETE
        assert retry.params == dead.params
        assert states(ledger).count(TrialState.COMPLETE) == 6

    def test_what_tune_loses_has_a_reason_and_is_tried_again(self, slots, ledger, work):
        self.run(slots, ledger, work({1: "kill the trainable"}))
        lost = ledger.study.get_trials()[1]
        assert lost.user_attrs["error"] == "Ray lost the trial (SYSTEM_ERROR)"
        assert 1 in [t.user_attrs.get("retry_of") for t in ledger.study.get_trials()]
        assert states(ledger).count(TrialState.COMPLETE) == 6

    def test_a_trial_that_hangs_is_ended_and_tried_again(self, slots, ledger, work):
        self.run(slots, ledger, replace(work({1: "hang"}), patience=15.0))
        hung = ledger.study.get_trials()[1]
        assert hung.user_attrs["error"] == "no epoch ended within 15 s"
        assert 1 in [t.user_attrs.get("retry_of") for t in ledger.study.get_trials()]
        assert states(ledger).count(TrialState.COMPLETE) == 6

    def test_processes_are_kept_between_trials(self, slots, ledger, work, tmp_path):
        self.run(slots, ledger, work({}))
        assert len({path.read_text() for path in tmp_path.glob("ran-*")}) <= slots.workers

    def test_a_process_that_grows_is_replaced(self, ledger, work, tmp_path):
        self.run(Slots(1, 1), ledger, work(dict.fromkeys(range(6), "hoard")))
        pids = [path.read_text() for path in sorted(tmp_path.glob("ran-*"))]
        assert max(map(pids.count, pids)) <= 2
        assert states(ledger) == [TrialState.COMPLETE] * 6

    def test_ray_that_does_not_start_is_told_in_one_line(self, slots, ledger, work, monkeypatch):
        import ray

        def fail(**_):
            raise Exception("The current node timed out during startup.\nAdvice")  # noqa: TRY002

        monkeypatch.setattr(ray, "init", fail)
        line = r"^Ray did not start \(The current node timed out during startup\.\); the same"
        with pytest.raises(NothingUsable, match=line):
            self.run(slots, ledger, work({}))

    def test_a_raylet_that_died_is_told_in_one_line(self, slots, ledger, work, monkeypatch):
        from ray._private.node import Node as RayNode

        monkeypatch.setattr(RayNode, "dead_processes", lambda _: [("raylet", None)])
        with pytest.raises(NothingUsable, match=r"^Ray's raylet died; all is saved, the same "):
            self.run(slots, ledger, work({}))
        assert TrialState.RUNNING not in states(ledger)

    def test_leaves_nothing_behind(self, slots, ledger, work, monkeypatch, tmp_path):
        monkeypatch.setenv("TMPDIR", str(tmp_path / ("long" * 20)))
        mine = f"bcauto-*-{os.getpid()}-*"  # others may run beside it
        before = set(Path("/tmp").glob(mine))
        self.run(slots, ledger, work({}))
        assert set(Path("/tmp").glob(mine)) <= before


TERMINATED = """
import os, signal, time
from bcauto.execute.ray_tune import executor
import ray

heard = []
signal.signal(signal.SIGTERM, lambda signum, _: heard.append(signum))
connect = ray._private.worker.connect

def connect_and_terminate(*arguments, **named):
    connect(*arguments, **named)  # with Ray's own handler, in native code
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.2)

ray._private.worker.connect = connect_and_terminate
with executor._own_signal_handlers():
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(4)  # as long as it may take to end
ray.shutdown()
print(heard)
"""


@pytest.mark.ray
def test_a_sigterm_while_ray_starts_does_not_abort_what_ends_after_it():
    command = [sys.executable, "-c", TERMINATED]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "[15, 15]"


class Stubborn:
    """Turns what a report raises into an error of its own."""

    def __init__(self, payload, threads):
        pass

    def run(self, job, report):
        try:
            report(1, job / 10)
        except TrialStopped:
            raise RuntimeError("stopped") from None
        return TrialResult(job / 10, 0.9, scores_of())


@pytest.mark.ray
class TestTrainerProcess:
    def test_what_a_stopped_job_says_last_is_not_said_of_the_next(self, monkeypatch):
        from bcauto.execute.ray_tune.process import Report, TrainerProcess, ray

        monkeypatch.setattr(ray, "get", lambda payload: payload)
        process = TrainerProcess([None], Stubborn, threads=1)
        assert process.begin(1) == Report(1, 0.1)
        assert process.begin(2) == Report(1, 0.2)
        assert process.advance() == TrialResult(0.2, 0.9, scores_of())


class TestSlots:
    @pytest.mark.parametrize(
        ("nodes", "workers", "share", "slots"),
        [
            ([Node(1)], None, 1.0, Slots(1, 1)),
            ([Node(16)], None, 1.0, Slots(2, 8)),
            ([Node(16)], 4, 1.0, Slots(4, 4)),
            ([Node(2)], 5, 1.0, Slots(5, 1)),
            ([Node(16, 2)], None, 1.0, Slots(2, 8, 1.0)),
            ([Node(16, 2)], None, 0.5, Slots(4, 4, 0.5)),
            ([Node(4), Node(16, 4), Node(8, 4)], None, 1.0, Slots(8, 2, 1.0)),
            ([Node(2), Node(2)], None, 1.0, Slots(4, 1)),
            ([Node(8), Node(8)], 2, 1.0, Slots(2, 8)),
            ([Node(16, 3)], None, 0.6, Slots(3, 5, 0.6)),
            ([Node(20, 2)], None, 0.1, Slots(20, 1, 0.1)),
            ([Node(8, 6), Node(64, 1), Node(64, 1)], None, 1.0, Slots(8, 1, 1.0)),
        ],
    )
    def test_as_many_as_fit_on_every_machine(self, nodes, workers, share, slots):
        assert Slots.on(nodes, workers, share) == slots

    def test_machines_without_a_core_or_a_gpu_are_refused(self, refused):
        with refused("must have a CPU core or a GPU when a search starts, got 2 machine"):
            Slots.on([Node(0), Node(0)], None, 1.0)

    @pytest.mark.parametrize(
        ("slots", "gpus"),
        [
            (Slots(4, 1), 0),
            (Slots(2, 1, 0.7), 2),
            (Slots(5, 1, 0.5), 3),
            (Slots(20, 1, 0.1), 2),
            (Slots(3, 1, 1.0), 3),
        ],
    )
    def test_a_share_of_a_gpu_never_lies_on_two(self, slots, gpus):
        assert slots.whole_gpus == gpus


class TestWaiting:
    """A driver none of whose trials is live, since others run the last ones."""

    def test_it_hears_that_it_should_end_and_shows_that_it_lives(self, ledger):
        from bcauto.execute.ray_tune.hooks import Bridge, LedgerSearcher

        def check():
            raise Interrupted

        beaten = []
        ledger.beat = lambda: beaten.append(True)
        bridge = Bridge(ledger, 2, LocalFileStore(), check)
        assert LedgerSearcher(bridge).suggest("1") == "FINISHED"
        assert isinstance(bridge.error, Interrupted)
        assert beaten
        assert states(ledger) == []
