"""Sources of pretrained weights: Keras' ImageNet download, a folder of files, or none."""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from bcauto.errors import BadInput
from bcauto.io.files import atomic_write
from bcauto.recipe.network import Hypermodel, Network

__all__ = [
    "Weights",
    "check_models",
    "check_weights",
    "download_lock",
    "is_at_hand",
    "read_weights",
    "unpack_weights",
]

_HOST = ("storage.googleapis.com", 443)  # where keras.applications downloads from
_TIMEOUT = 4.0  # seconds
_SIDES = {  # px of square images that have a download of their own; others have that of 224
    "MobileNet": (128, 160, 192, 224),
    "MobileNetV2": (96, 128, 160, 192, 224),
}


@dataclass(frozen=True)
class Weights:
    """A source of pretrained weights: ``imagenet``, ``none``, or a folder (absolute path)."""

    source: str

    @property
    def folder(self) -> Path | None:
        """The folder of ``<backbone>.weights.h5`` files, if the source is one."""
        return None if self.source in ("imagenet", "none") else Path(self.source)

    def pretrains(self, model: Network | Hypermodel) -> bool:
        """Return whether a network starts from pretrained weights; a hypermodel loads its own."""
        if isinstance(model, Hypermodel):
            return False
        return model.pretrained and model.entry.pretrained and self.source != "none"

    def file(self, network: Network) -> Path | None:
        """Return the weights file of a network, if the source is a folder."""
        name = network.entry.weights_name(network.alpha)
        return self.folder / name if self.folder and self.pretrains(network) else None

    def fingerprint(self, models: Iterable[Network | Hypermodel]) -> str:
        """Return what the models start from: the source, or of a folder a SHA-256 of their files.

        The folder's own path does not matter, nor do other files there.
        """
        if not self.folder:
            return self.source
        digest = hashlib.sha256()
        for file in self._files(models):
            with file.open("rb") as content:
                of_file = hashlib.file_digest(content, "sha256").hexdigest()
            digest.update(f"{file.name} {of_file}\n".encode())
        return digest.hexdigest()

    def contents(self, models: Iterable[Network | Hypermodel]) -> dict[str, NDArray[np.uint8]]:
        """Return the bytes of the weights files of models by file name, for other machines."""
        return {file.name: np.fromfile(file, np.uint8) for file in self._files(models)}

    def _files(self, models: Iterable[Network | Hypermodel]) -> list[Path]:
        networks = (model for model in models if isinstance(model, Network))
        return sorted({file for network in networks if (file := self.file(network))})


def unpack_weights(contents: Mapping[str, NDArray[np.uint8]]) -> Weights:
    """Write ``Weights.contents`` to this machine's cache, and return that as a source."""
    digest = hashlib.sha256()
    for name in sorted(contents):
        digest.update(name.encode())
        digest.update(contents[name].data)
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "bcauto" / "weights" / digest.hexdigest()[:16]
    for name, content in contents.items():
        if not (folder / name).exists():
            with atomic_write(folder / name) as partial:
                content.tofile(partial)
    return Weights(str(folder))


def read_weights(source: str) -> Weights:
    """Return the source that ``--weights`` names.

    Raises:
        BadInput: it is neither ``imagenet`` nor ``none`` nor a folder.
    """
    if source in ("imagenet", "none"):
        return Weights(source)
    if not (source and Path(source).is_dir()):
        raise BadInput(f"--weights must be imagenet, none or a folder of weights, got {source!r}")
    return Weights(str(Path(source).resolve()))


def check_models(
    models: Iterable[Network | Hypermodel], image_size: tuple[int, int], weights: Weights
) -> None:
    """Check that all models of a space take images of (h, w) px and can get their weights.

    Raises:
        BadInput: one does not.
    """
    models = list(models)
    for model in models:
        model.check_takes(image_size)
    check_weights(weights, models, image_size)


def check_weights(
    weights: Weights, models: Iterable[Network | Hypermodel], image_size: tuple[int, int]
) -> None:
    """Check, before any work, that every network can get its weights.

    Args:
        weights: their source.
        models: the models that will be trained.
        image_size: (height, width) in px of the data; some networks have weights for each size.

    Raises:
        BadInput: a file is missing from the folder, or a download has no network.
    """
    networks = (model for model in models if isinstance(model, Network))
    wanted = {n.label: n for n in networks if weights.pretrains(n)}
    missing = [n for n in wanted.values() if not is_at_hand(weights, n, image_size)]
    if not missing or (not weights.folder and _online()):
        return
    if weights.folder:
        files = ", ".join(n.entry.weights_name(n.alpha) for n in missing)
        raise BadInput(f"--weights {weights.folder} lacks {files}, which the space asks for")
    labels = ", ".join(n.label for n in missing)
    raise BadInput(
        f"ImageNet weights of {labels} cannot be downloaded ({_HOST[0]} cannot be reached): "
        "give --weights DIR with <backbone>.weights.h5 files, --weights none to train from "
        "scratch, or search the space quick, which needs none"
    )


def is_at_hand(weights: Weights, network: Network, image_size: tuple[int, int]) -> bool:
    """Return whether the pretrained weights of a network are on this machine.

    Args:
        weights: their source, a folder or ``imagenet``, of which Keras may have a download.
        network: a pretrained one.
        image_size: (height, width) in px of the data; some networks have weights for each size.
    """
    if weights.folder:
        return _readable(weights.file(network))
    return _cached(network, network.input_size(image_size))


@contextmanager
def download_lock(network: Network, size: tuple[int, int]) -> Iterator[None]:
    """Let only one process at a time download the ImageNet weights of a network.

    Keras downloads to the place where it looks for the weights, so it would take another process'
    partial file for a damaged one. A process that waited finds the whole file. Where the lock file
    cannot be made, no process waits.

    Args:
        network: the network that is built inside the ``with``.
        size: (height, width) in px at which it sees images.
    """
    file = _keras_models() / _download(network, size)
    lock = _locked(file.with_name(f"{file.name}.lock"))
    if lock is None:
        yield
        return
    with lock:
        if lock.read():  # a process was killed during its download and left a partial file
            file.unlink(missing_ok=True)
        if not file.exists():
            lock.write("downloading")
            lock.flush()
            try:
                yield
            finally:
                lock.truncate(0)
            return
    yield


def _locked(path: Path) -> TextIO | None:
    """Wait for the lock of a file and return it; None if it cannot be made or locked."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="ascii")
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:
        file.close()
        return None
    file.seek(0)
    return file


def _readable(file: Path | None) -> bool:
    return file is not None and os.access(file, os.R_OK)


def _cached(network: Network, size: tuple[int, int]) -> bool:
    return (_keras_models() / _download(network, size)).exists()


def _download(network: Network, size: tuple[int, int]) -> str:
    """Return the name of the file that Keras downloads for images of (h, w) px."""
    height, width = size
    has_own = height == width and height in _SIDES.get(network.backbone, ())
    name = network.entry.cached_name(network.alpha)
    return name.replace("*", str(height if has_own else 224))


def _keras_models() -> Path:
    return Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"


def _online() -> bool:
    try:
        socket.create_connection(_HOST, timeout=_TIMEOUT).close()
    except OSError:
        return False
    return True
