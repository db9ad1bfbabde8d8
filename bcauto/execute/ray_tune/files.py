"""Trials' files on a cluster: sent to the driver's disk, as no file system need be shared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from bcauto.io.files import LocalFileStore, temporary_folder

__all__ = ["ClusterFiles"]


class ClusterFiles:
    """Files of a driver on another machine, through an actor that runs beside the driver.

    It is made in the driver, and sent to the processes that train.
    """

    def __init__(self) -> None:
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        keeper = ray.remote(
            num_cpus=0, scheduling_strategy=here, max_restarts=-1, max_task_retries=-1
        )
        self._keeper: Any = keeper(_Keeper).remote()

    @contextmanager
    def atomic_write(self, path: Path) -> Iterator[Path]:
        """Give a path on this machine; the file that is there at the end is sent to the driver."""
        with temporary_folder("files") as folder:
            local = folder / path.name
            yield local
            ray.get(self._keeper.write.remote(path, local.read_bytes()))

    def read(self, path: Path) -> bytes | None:
        """Return the content of the driver's file; None where there is none."""
        content: bytes | None = ray.get(self._keeper.read.remote(path))
        return content


class _Keeper(LocalFileStore):
    """Reads and writes files on the driver's machine."""

    def write(self, path: Path, content: bytes) -> None:
        with self.atomic_write(path) as partial:
            partial.write_bytes(content)
