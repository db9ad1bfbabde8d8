"""The Ray executor: starts Ray or joins a cluster, and lets Tune run the ledger's jobs."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Ray reads these when it is imported.
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault(
    "RAY_DEDUP_LOGS_SKIP_REGEX", ".*"
)  # the raylet's words to the driver's screen
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
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
from bcauto.execute.ray_tune.process import TuneTrial
from bcauto.io.files import LocalFileStore, temporary_folder
from bcauto.study.ledger import Ledger

__all__ = ["RayExecutor"]

_QUIET: dict[str, Any] = {"logging_level": logging.CRITICAL, "log_to_driver": False}
_LEAST_STORE = 256 * 2**20  # bytes of object store, beside the payload


class RayExecutor:
    """Runs the ledger's jobs in training processes that Ray places.

    ``slots_on`` says how many on which machines; ``address`` is ``local`` for a Ray of our own on
    this one, else a cluster's address.
    """

    def __init__(self, slots_on: Callable[[Sequence[Node]], Slots], address: str = "local") -> None:
        self.slots_on, self.address = slots_on, address

    def run(self, ledger: Ledger, work: Work, check: Callable[[], None]) -> None:
        """Takes jobs from the ledger until there are no more."""
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
        payload = [ray.put(work.payload)]  # in a list: bare, it would be copied per actor
        trainable = tune.with_parameters(
            TuneTrial,
            payload=payload,
            make_runner=work.make_runner,
            slots=slots,
            patience=work.patience,
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
    """Ray up, and down again, without a word on the screen; gives the slots that it has.

    Raises:
        BadInput: the cluster cannot be reached.
    """
    for name in ("ray", "ray.tune", "ray.data", "ray.train"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with temporary_folder("ray") as folder:
        # Or the command line, where a storage's password may stand, is in Ray's list of jobs.
        with _own_signal_handlers(), _replaced("get_entrypoint_name", lambda: "bcauto"):
            if address == "local":
                here = Node.here()
                slots = slots_on([here])
                _start(here, slots, nbytes, folder)
            else:
                _join(address)
                slots = slots_on(_nodes())
        try:
            yield slots
        finally:
            ray.shutdown()


def _start(here: Node, slots: Slots, nbytes: int, folder: Path) -> None:
    """Starts a Ray of our own.

    Raises:
        NothingUsable: it does not start, as where one of its processes is killed.
    """
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
    except Exception as error:  # Ray's own are of no kind
        reason = first_line(error)
        raise NothingUsable(f"Ray did not start ({reason}); the same command goes on") from error


def _check(user: Callable[[], None]) -> None:
    """Makes sure that nobody asked for an end, and that the raylet of a Ray of our own lives.

    Without it Ray would end this process some seconds later, in words of its own.

    Raises:
        NothingUsable: the raylet has died.
    """
    user()
    if any(name == "raylet" for name, _ in ray._private.worker._global_node.dead_processes()):
        raise NothingUsable("Ray's raylet died; all is saved, the same command goes on")


def _join(address: str) -> None:
    """Connects to a cluster, one of whose nodes this machine is."""
    try:
        ray.init(address=address, **_QUIET)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise BadInput(f"--ray-address {address} cannot be reached: {error}") from None


def _nodes() -> list[Node]:
    """The cluster's machines."""
    resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Node(int(each.get("CPU", 0)), each.get("GPU", 0.0)) for each in resources]


@contextmanager
def _replaced(name: str, function: Callable[..., Any]) -> Iterator[None]:
    """Has Ray call another function than its own of that name, which it gives no setting for."""
    own = getattr(ray._private.utils, name)
    setattr(ray._private.utils, name, function)
    try:
        yield
    finally:
        setattr(ray._private.utils, name, own)


@contextmanager
def _own_signal_handlers() -> Iterator[None]:
    """Keeps Ray's start from putting a handler of SIGTERM that just exits in place of ours.

    It does so in Python, which is not let, and in native code, after which ours is put back. Of a
    SIGTERM that came before that, the native one says where it came, calls ours, and sets an alarm
    that would abort this process three seconds later, while it ends as it should.
    """
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with _replaced("set_sigterm_handler", lambda _: None):
            yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)
            signal.alarm(0)
