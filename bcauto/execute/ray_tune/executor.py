"""The Ray executor: starts Ray or joins a cluster, and lets Tune run the ledger's jobs."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

# Ray reads these when it is imported.
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".*")  # no raylet output on the screen
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_prestart_worker_first_driver", "0")  # a process per core, for no use
os.environ.setdefault("RAY_ENABLE_MAC_LARGE_OBJECT_STORE", "1")  # the proxy may take over 2 GB
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
os.environ.setdefault("TUNE_WARN_THRESHOLD_S", "60")

import ray
from ray import tune

from bcauto.errors import BadInput, NothingUsable, first_line
from bcauto.execute.contract import Node, Slots, Work
from bcauto.execute.ray_tune.files import ClusterFiles
from bcauto.execute.ray_tune.hooks import Bridge, LedgerCallback, LedgerScheduler, LedgerSearcher
from bcauto.execute.ray_tune.trainable import TuneTrial
from bcauto.io.files import LocalFileStore, temporary_folder
from bcauto.study.ledger import Ledger

__all__ = ["RayExecutor"]

_QUIET: dict[str, Any] = {"logging_level": logging.CRITICAL, "log_to_driver": False}
_LEAST_STORE = 256 * 2**20  # bytes of object store, beside the payload


class RayExecutor:
    """Runs the ledger's jobs in training processes that Ray places.

    Args:
        slots_on: how many trials run at a time on which machines.
        address: ``local`` for a Ray of our own on this machine, else a cluster's address.
    """

    def __init__(self, slots_on: Callable[[Sequence[Node]], Slots], address: str = "local") -> None:
        self.slots_on, self.address = slots_on, address

    def run(self, ledger: Ledger, work: Work, check: Callable[[], None]) -> None:
        """Take jobs from the ledger until there are no more."""
        with (
            _session(self.slots_on, self.address, work.nbytes) as slots,
            temporary_folder("tune") as folder,
        ):
            files = LocalFileStore() if self.address == "local" else ClusterFiles()
            bridge = Bridge(ledger, slots.workers, files, lambda: _check(check))
            try:
                self._tuner(bridge, slots, work, folder).fit()
            except Exception as error:
                raise (bridge.error or ledger.broken or error) from None
            finally:
                ledger.release("the search was stopped while it ran")
        if bridge.error or ledger.broken:
            raise bridge.error or ledger.broken  # type: ignore[misc]

    def _tuner(self, bridge: Bridge, slots: Slots, work: Work, folder: Path) -> tune.Tuner:
        # In a list, since a bare reference would be copied for every actor.
        payload = [ray.put(work.payload)]
        trainable = tune.with_parameters(
            TuneTrial,
            payload=payload,
            make_runner=work.make_runner,
            slots=slots,
            epoch_timeout=work.epoch_timeout,
        )
        share = {"CPU": slots.threads, **({"GPU": slots.gpus} if slots.gpus else {})}
        resources = tune.PlacementGroupFactory([{"CPU": 0}, share])
        return tune.Tuner(
            tune.with_resources(trainable, resources),
            tune_config=tune.TuneConfig(
                search_alg=LedgerSearcher(bridge),
                scheduler=LedgerScheduler(bridge),
                num_samples=-1,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name="search",
                storage_path=str(folder),
                verbose=0,
                callbacks=[LedgerCallback(bridge)],
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        )


@contextmanager
def _session(
    slots_on: Callable[[Sequence[Node]], Slots], address: str, nbytes: int
) -> Iterator[Slots]:
    """Start Ray or join a cluster, without a word on the screen; give its slots; shut it down.

    A Ray that this process has joined already is used as it is, and stays.

    Raises:
        BadInput: the cluster cannot be reached.
        NothingUsable: a Ray of our own does not start.
    """
    for name in ("ray", "ray.tune", "ray.data", "ray.train"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # In the main thread Ray would put a SIGTERM handler that just exits in place of ours. The
    # thread that starts Ray has to stay: Linux ends Ray's processes with it.
    with temporary_folder("ray") as folder, ThreadPoolExecutor(1) as starter:
        joined = ray.is_initialized()
        begin = partial(_join, slots_on, address)
        if joined:
            begin = partial(_slots_of_cluster, slots_on)
        elif address == "local":
            begin = partial(_start, slots_on, nbytes, folder)
        try:
            with _sigterm_handler_kept(), _command_line_hidden():
                slots = starter.submit(begin).result()
            yield slots
        finally:
            if not joined:
                starter.submit(ray.shutdown).result()


def _start(slots_on: Callable[[Sequence[Node]], Slots], nbytes: int, folder: Path) -> Slots:
    """Start a Ray of our own on this machine.

    Raises:
        NothingUsable: it does not start, as where one of its processes is killed.
    """
    here = Node.here()
    slots = slots_on([here])
    try:
        ray.init(
            address="local",
            num_cpus=slots.workers * slots.threads,
            num_gpus=min(slots.whole_gpus, int(here.gpus)),
            object_store_memory=nbytes + nbytes // 4 + _LEAST_STORE,
            include_dashboard=False,
            _temp_dir=str(folder),
            **_QUIET,
        )
    except Exception as error:  # Ray raises errors of many types
        reason = first_line(error)
        message = f"Ray did not start ({reason}); the same command goes on"
        raise NothingUsable(message) from error
    return slots


def _join(slots_on: Callable[[Sequence[Node]], Slots], address: str) -> Slots:
    """Connect to a cluster of which this machine is a node.

    Raises:
        BadInput: it cannot be reached.
    """
    try:
        ray.init(address=address, **_QUIET)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise BadInput(f"--ray-address {address} cannot be reached: {error}") from None
    return _slots_of_cluster(slots_on)


def _slots_of_cluster(slots_on: Callable[[Sequence[Node]], Slots]) -> Slots:
    """Return the slots of the machines of the Ray that this process has joined."""
    resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return slots_on([Node(int(each.get("CPU", 0)), each.get("GPU", 0.0)) for each in resources])


def _check(user: Callable[[], None]) -> None:
    """Check that nobody asked for an end, and that the raylet of a Ray of our own lives.

    Ray itself ends this process some seconds after its raylet, with messages of its own; it has no
    public way to ask.

    Raises:
        NothingUsable: the raylet has died.
    """
    user()
    if any(name == "raylet" for name, _ in ray._private.worker._global_node.dead_processes()):
        raise NothingUsable("Ray's raylet died; all is saved, the same command goes on")


@contextmanager
def _command_line_hidden() -> Iterator[None]:
    """Have Ray list this job as ``bcauto``: a storage's password may stand on the command line.

    Ray has no setting for it.
    """
    own = ray._private.utils.get_entrypoint_name
    ray._private.utils.get_entrypoint_name = lambda: "bcauto"
    try:
        yield
    finally:
        ray._private.utils.get_entrypoint_name = own


@contextmanager
def _sigterm_handler_kept() -> Iterator[None]:
    """Put this process's SIGTERM handler back after Ray's start, which sets one in native code.

    On a SIGTERM that comes before that, the native handler calls ours, but also sets an alarm that
    would abort this process three seconds later, while it ends as it should. It is taken back.
    """
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)
            signal.alarm(0)
