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
from bcauto.storage.outage import StorageFailed
from bcauto.study.attributes import read_attributes
from bcauto.study.ledger import Ledger
from bcauto.trial import TrialResult, TrialStopped


def nothing():
    pass


def states(ledger):
    return [trial.state for trial in ledger.study.get_trials()]


def anew(ledger):
    """The ledger of the same search, started again."""
    return Ledger(ledger.study, ledger.source, ledger.limits, ledger.model_path)


class Executing:
    """A subclass names the executor."""

    def make(self, slots):
        raise NotImplementedError

    def run(self, slots, ledger, work, check=nothing):
        self.make(slots).run(ledger, work, check)


class UndisturbedRun(Executing):
    """What a search is that nothing befalls."""

    def look(self):
        """Called often while trials run."""

    def test_runs_until_the_target(self, slots, ledger, work, tmp_path):
        self.run(slots, ledger, work({}), self.look)
        assert states(ledger) == [TrialState.COMPLETE] * 6
        assert len(list(tmp_path.glob("ran-*"))) == 6
        values = ledger.study.get_trials()[0].intermediate_values
        assert values == dict.fromkeys(range(1, 7), 0.8)


class ExecutorContract(Executing):
    """What every executor owes a search that something befalls."""

    def test_what_is_no_score_has_a_reason_and_the_search_goes_on(
        self, slots, ledger, work, tmp_path
    ):
        """Failures, a lack of memory that costs a retry with half the batch, and a pruned trial."""
        ledger.limits = type(ledger.limits)(9)
        self.run(
            slots,
            ledger,
            work({0: "raise", 1: "fail", 2: "nan", 3: "need memory", 11: "lag"}),
        )
        trials = ledger.study.get_trials()
        failed = {t.number: t for t in trials if t.state is TrialState.FAIL}
        assert failed[0].user_attrs["error"] == "ValueError: no such thing"
        assert "executor_work.py" in read_attributes(failed[0]).traceback
        assert failed[1].user_attrs["error"] == "the loss is nan after epoch 1 (head stage)"
        assert failed[2].user_attrs["error"] == "the objective is nan"
        assert failed[3].user_attrs["error"] == "out of memory"
        assert len(failed) == 4

        (retry,) = [t for t in trials if t.user_attrs.get("retry_of") == 3]
        assert (retry.state, retry.params) == (TrialState.COMPLETE, trials[3].params)
        assert retry.constraints == {"memory": 1.0}

        lagging = trials[11]
        assert lagging.state is TrialState.PRUNED
        assert max(lagging.intermediate_values) < 6
        assert not (tmp_path / "ran-11").exists()
        assert states(ledger).count(TrialState.COMPLETE) == 8

    def test_whatever_ends_it_nothing_is_lost_or_left_running(self, slots, ledger, work):
        """An interruption, then a full disk, then on to the end."""

        def check():
            if ledger.finished >= 2:
                raise Interrupted

        with pytest.raises(Interrupted):
            self.run(slots, ledger, work({}), check)
        assert TrialState.RUNNING not in states(ledger)
        begun = len(states(ledger))
        full = dict.fromkeys(range(begun, begun + 3), "fill the disk")
        with pytest.raises(OSError, match="disk is full"):
            self.run(slots, anew(ledger), work(full))
        assert TrialState.RUNNING not in states(ledger)
        hit = [t.number for t in ledger.study.get_trials() if t.number in full]
        self.run(replace(slots, workers=1), anew(ledger), work({}))
        trials = ledger.study.get_trials()
        assert {*hit} & {t.user_attrs.get("retry_of") for t in trials}
        recipes = [str(read_attributes(t).recipe) for t in trials if t.state is TrialState.COMPLETE]
        assert len(recipes) == len(set(recipes)) == 6

    def test_failing_on_and_on_ends_with_the_reason(self, ledger, work):
        with pytest.raises(NothingUsable, match="10 trials in a row failed: ValueError: no such"):
            self.run(Slots(1, 1), ledger, work(dict.fromkeys(range(40), "raise")))
        assert TrialState.RUNNING not in states(ledger)


class TestInline(UndisturbedRun, ExecutorContract):
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


@pytest.fixture(scope="module")
def cluster():
    """The address of a Ray that is there; each that a test starts takes half a minute of a core."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))  # for the processes that it starts
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    yield cluster.address
    cluster.shutdown()


@pytest.mark.ray
class TestCluster(ExecutorContract):
    @pytest.fixture(autouse=True)
    def address(self, cluster):
        self.address = cluster

    def make(self, slots):
        from bcauto.execute.ray_tune.executor import RayExecutor

        return RayExecutor(lambda nodes: slots, self.address)

    def test_what_dies_is_lost_or_hangs_has_a_reason_and_is_tried_again(self, ledger, work):
        """One at a time: the others would be lost with it."""
        ledger.limits = type(ledger.limits)(4)
        plan = {1: "die", 3: "kill the trainables", 5: "hang"}
        self.run(Slots(1, 1), ledger, replace(work(plan), epoch_timeout=60.0))
        trials = ledger.study.get_trials()
        died, lost, hung = (trials[number].user_attrs["error"] for number in plan)
        assert "the training process died" in died
        assert lost == "Ray lost the trial (SYSTEM_ERROR)"
        assert hung == "no epoch ended within 60 s"
        assert [trial.state for trial in trials] == [TrialState.COMPLETE, TrialState.FAIL] * 3 + [
            TrialState.COMPLETE
        ]
        for number in plan:
            retry = trials[number + 1]
            assert retry.user_attrs["retry_of"] == number
            assert retry.params == trials[number].params

    def test_a_process_that_grows_is_replaced(self, ledger, work, tmp_path):
        self.run(Slots(1, 1), ledger, work(dict.fromkeys(range(6), "hoard")))
        pids = [path.read_text() for path in sorted(tmp_path.glob("ran-*"))]
        assert max(map(pids.count, pids)) <= 2
        assert states(ledger) == [TrialState.COMPLETE] * 6

    def test_a_raylet_that_died_is_told_in_one_line(self, slots, ledger, work, monkeypatch):
        from ray._private.node import Node as RayNode

        monkeypatch.setattr(RayNode, "dead_processes", lambda _: [("raylet", None)])
        with pytest.raises(NothingUsable, match=r"^Ray's raylet died; all is saved, the same "):
            self.run(slots, ledger, work({}))
        assert TrialState.RUNNING not in states(ledger)


@pytest.mark.ray
class TestOwnRay(UndisturbedRun):
    """A Ray that is started and ended with the search."""

    def make(self, slots):
        from bcauto.execute.ray_tune.executor import RayExecutor

        return RayExecutor(lambda nodes: slots)

    @pytest.fixture(autouse=True)
    def nothing_is_left_behind(self, monkeypatch, tmp_path):
        monkeypatch.setenv("TMPDIR", str(tmp_path / ("long" * 20)))
        mine = f"bcauto-*-{os.getpid()}-*"  # others may run beside it
        before = set(Path("/tmp").glob(mine))
        yield
        assert set(Path("/tmp").glob(mine)) <= before

    def look(self):
        """A storage's password may stand on the command line, which Ray is not told."""
        from ray._private.state import jobs

        assert [job["Entrypoint"] for job in jobs()] == ["bcauto"]

    def test_runs_until_the_target(self, slots, ledger, work, tmp_path):
        super().test_runs_until_the_target(slots, ledger, work, tmp_path)
        processes = {path.read_text() for path in tmp_path.glob("ran-*")}
        assert len(processes) <= slots.workers

    def test_ray_that_does_not_start_is_told_in_one_line(self, slots, ledger, work, monkeypatch):
        import ray

        def fail(**_):
            raise Exception("The current node timed out during startup.\nAdvice")  # noqa: TRY002

        monkeypatch.setattr(ray, "init", fail)
        line = r"^Ray did not start \(The current node timed out during startup\.\); the same"
        with pytest.raises(NothingUsable, match=line):
            self.run(slots, ledger, work({}))


TERMINATED = """
import os, signal, time
from bcauto.execute.contract import Slots
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
with executor._session(lambda nodes: Slots(1, 1), "local", 0):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(4)  # as long as it may take to end
    print(ray.get(ray.remote(lambda: "Ray runs").remote()))
print(heard)
"""


@pytest.mark.ray
def test_a_sigterm_while_ray_starts_does_not_abort_what_ends_after_it():
    command = [sys.executable, "-c", TERMINATED]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-2:] == ["Ray runs", "[15, 15]"]


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
        from bcauto.execute.ray_tune.process import EpochReport, TrainerProcess, ray

        monkeypatch.setattr(ray, "get", lambda payload: payload)
        process = TrainerProcess([None], Stubborn, threads=1)
        assert process.begin(1) == EpochReport(1, 0.1)
        assert process.begin(2) == EpochReport(1, 0.2)
        assert process.advance() == TrialResult(0.2, 0.9, scores_of())

    def test_it_does_not_wait_for_tune(self):
        code = "import sys, bcauto.execute.ray_tune.process; print('ray.tune' in sys.modules)"
        command = [sys.executable, "-c", code]
        assert subprocess.run(command, capture_output=True, check=True).stdout == b"False\n"


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


class TestSearcher:
    def test_a_search_that_should_end_begins_no_other_trial(self, ledger):
        from bcauto.execute.ray_tune.hooks import Bridge, LedgerSearcher

        def check():
            raise Interrupted

        bridge = Bridge(ledger, 2, LocalFileStore(), check)
        assert LedgerSearcher(bridge).suggest("1") == "FINISHED"
        assert isinstance(bridge.error, Interrupted)
        assert states(ledger) == []
