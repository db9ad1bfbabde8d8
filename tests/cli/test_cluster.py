"""A search over several machines."""

import os
import signal
import subprocess
import threading
import time

import pytest
from optuna.trial import TrialState
from test_kill import check_ledger, finished, trials_of, wait_for

pytest_plugins = ["postgres"]
pytestmark = [pytest.mark.ray, pytest.mark.chaos]

OUTAGE = 10.0  # seconds, and at least until the search has noticed it


def started_by(parent, name):
    """The processes of a name that another one started, by their ids."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True)
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return [int(pid) for pid, ppid, args in rows if int(ppid) == parent and args.startswith(name)]


def raylet_of(node):
    """The process id of a machine's raylet."""
    (raylet,) = node.all_processes["raylet"]
    return raylet.process.pid


def heard(process):
    """The lines that a process prints, as it prints them."""
    lines = []

    def hear():
        for line in process.stdout:
            lines.append(line)  # noqa: PERF402  one by one, for who looks meanwhile

    threading.Thread(target=hear, daemon=True).start()
    return lines


def wait_for_line(words, lines, timeout=10.0):
    """Waits until the lines of a process that has ended are all there."""
    end = time.monotonic() + timeout
    while not any(words in line for line in lines):
        assert time.monotonic() < end, lines
        time.sleep(0.1)


@pytest.fixture
def cluster():
    """A Ray cluster of two machines, each with a core."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    yield cluster
    cluster.shutdown()


def test_a_machine_that_is_lost_and_a_database_that_stops_cost_no_trial(
    process, tiny_npz, tiny_space, cluster, postgres
):
    """Trials run on both machines; the second dies in the middle of one, then the database.

    Before them the process that takes the trials' files, which Ray starts again.
    """
    lasting = tiny_space.read_text().replace("epochs = 3", "epochs = 60")
    tiny_space.write_text(lasting)  # or the search might be over when the database stops
    data = ("--data", tiny_npz, "--space", tiny_space, "--trials", "3")
    search = process("search", *data, "--ray-address", cluster.address, "--storage", postgres.url)
    (second,) = cluster.worker_nodes
    wait_for(lambda: started_by(raylet_of(second), "ray::TrainerProcess"), search)
    (keeper,) = started_by(raylet_of(cluster.head_node), "ray::_Keeper")
    os.kill(keeper, signal.SIGKILL)
    cluster.remove_node(second, allow_graceful=False)
    wait_for(lambda: finished(postgres.url) >= 1, search)
    said = heard(search)
    postgres.stop()
    time.sleep(OUTAGE)
    wait_for(lambda: any("the storage cannot be reached" in line for line in said), search)
    postgres.start()
    assert search.wait(timeout=500) == 0, search.stderr.read()
    wait_for_line("the storage is back", said)
    check_ledger(postgres.url, 3)
    lost = [t for t in trials_of(postgres.url) if t.state is TrialState.FAIL]
    assert lost
