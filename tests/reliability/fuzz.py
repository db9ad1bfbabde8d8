"""Feed damaged files to every reader; anything but a result or an error of our own is a finding.

    python tests/reliability/fuzz.py --seconds 600            # every reader, the same time each
    python tests/reliability/fuzz.py --seconds 60 --reader proxy --seed 7

Each reader is tried in a process of its own, which may take ``_MEMORY`` more than it begins with,
and ``_SLOW`` seconds for a file. What led to a finding is kept, as small as it can be made. Prints
one JSON object: for every reader how many files it read and how many of them it took, its slowest
file and what its memory grew by. Exit code 1 where there is a finding.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy
from mutations import Case, Link, folders, models, proxies, single, tables, training_sets

from bcauto.errors import BcautoError
from bcauto.recipe.bundled_files import bundled

__all__ = ["READERS", "Finding", "fuzz"]

_SLOW = 10.0  # seconds
_MEMORY = 2**30  # bytes of main memory
_ADDRESSES = 3 * 2**30  # bytes of address space: more is asked for than is ever used
_LINE = 3000  # characters of a message
_START = 300.0  # seconds that a process may take beside its share
_ROUND = 50  # files; few, since the time is looked at only between two rounds


class Finding(AssertionError):
    """A reader did what none may do; the message has the file that led to it."""


class Budget(NamedTuple):
    """How long a reader is tried, and from what seed."""

    rounds: int | None
    seconds: float
    start: int


class Reader(NamedTuple):
    """A strategy of cases, and what reads the folder that a case was written to."""

    cases: SearchStrategy[Case]
    read: Callable[[Path], object]


def fuzz(
    rounds: int | None = None,
    seconds: float = math.inf,
    start: int = 0,
    readers: tuple[str, ...] = (),
) -> dict[str, dict[str, Any]]:
    """Try every reader on so many rounds of files, or for its share of so many seconds.

    Args:
        rounds: of ``_ROUND`` files each; None for as many as there is time for.
        seconds: for all readers together, beside the time that their processes take to start.
        start: the seed of the first round.
        readers: names of ``READERS``; by default all of them.

    Returns:
        The figures of every reader: files, taken, slowest_s, grown_mb.

    Raises:
        Finding: a reader failed; its case is left on disk.
    """
    names = readers or tuple(READERS)
    budget = Budget(rounds, seconds / len(names), start)
    scratch = Path(tempfile.mkdtemp(prefix="bcauto-fuzz-"))
    figures = {name: _in_a_process(name, budget, scratch) for name in names}
    shutil.rmtree(scratch)
    return figures


def _in_a_process(name: str, budget: Budget, scratch: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", str(scratch), "--reader", name]
    command += ["--budget", json.dumps(budget)]
    at_most = None if math.isinf(budget.seconds) else budget.seconds + _START
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=at_most)
    except subprocess.TimeoutExpired:
        raise Finding(f"{name} does not come back from {_case(scratch, name)}") from None
    if ran.returncode:
        raise Finding(
            f"{name} ended with {ran.returncode} on {_case(scratch, name)}\n{ran.stderr[-3000:]}"
        )
    return dict(json.loads(ran.stdout.splitlines()[-1]))


def _case(scratch: Path, name: str) -> Path:
    return scratch / name / "case"


def _try(name: str, budget: Budget, scratch: Path) -> dict[str, Any]:
    """Make and read files."""
    logging.disable()
    reader = READERS[name]()
    folder = _case(scratch, name)
    before = _memory()
    _limit_addresses()
    signal.signal(signal.SIGALRM, _too_slow)
    figures = {"files": 0, "taken": 0, "slowest_s": 0.0}
    end = time.monotonic() + budget.seconds

    def check(case: Case) -> None:
        if time.monotonic() > end:
            return
        _write(folder, case)
        began = time.monotonic()
        signal.alarm(int(2 * _SLOW))
        taken = _takes(reader.read, folder)
        signal.alarm(0)
        took = time.monotonic() - began
        assert took < _SLOW, f"took {took:.1f} s"
        assert _memory() - before < _MEMORY, f"took {_memory() - before} bytes"
        figures["files"] += 1
        figures["taken"] += taken
        figures["slowest_s"] = round(max(figures["slowest_s"], took), 2)

    for number in count() if budget.rounds is None else range(budget.rounds):
        if time.monotonic() > end:
            break
        quiet = settings(
            max_examples=_ROUND,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
        seed(budget.start + number)(quiet(given(reader.cases)(check)))()
    return {**figures, "grown_mb": (_memory() - before) // 2**20}


def _takes(read: Callable[[Path], object], folder: Path) -> bool:
    """Whether the reader takes the file; a refusal must be one line, and not for want of memory."""
    try:
        read(folder)
    except BcautoError as error:
        _check_refusal(error)
        return False
    return True


def _check_refusal(error: BcautoError) -> None:
    line = str(error)
    assert "\n" not in line, f"several lines: {line}"
    assert len(line) < _LINE, f"a line of {len(line)} characters: {line[:_LINE]}"
    cause: BaseException | None = error
    while cause:
        assert not isinstance(cause, MemoryError), f"asked for too much memory: {line}"
        cause = cause.__cause__ or cause.__context__


def _write(folder: Path, case: Case) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in case.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Link):
            path.symlink_to(content)
        else:
            path.write_bytes(content)


def _memory() -> int:
    """Most bytes of main memory that this process has had."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _limit_addresses() -> None:
    statm = Path("/proc/self/statm")
    if statm.exists():
        now = int(statm.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + _ADDRESSES, now + _ADDRESSES))


def _too_slow(*_: object) -> None:
    raise TimeoutError(f"took more than {2 * _SLOW:.0f} s")


def _npz(*prefixes: str) -> Reader:
    from bcauto.data.reading import read, read_for_evaluation

    def both(folder: Path) -> None:
        read_for_evaluation(
            folder / "data.npz", (9, 8), ("a", "b")
        ) if "test_" in prefixes else read(folder / "data.npz")

    return Reader(single("data.npz", training_sets(prefixes)), both)


def _folders() -> Reader:
    from bcauto.data.reading import read

    return Reader(folders(), read)


def _space() -> Reader:
    from bcauto.space.files import read_space

    files = [bundled("space")["quick"], bundled("hypermodel")["default"]]
    extending = 'extends = "quick"\n[recipe.training]\nepochs = 3\n[search]\n'
    texts = [extending, *(file.read_text(encoding="utf-8") for file in files)]
    return Reader(
        single("space.toml", tables(texts)),
        lambda folder: read_space(folder / "space.toml"),
    )


def _recipe() -> Reader:
    from bcauto.recipe.recipe import read_recipe

    texts = [file.read_text(encoding="utf-8") for file in bundled("recipe").values()]
    return Reader(
        single("space.toml", tables(texts)), lambda folder: read_recipe(folder / "space.toml")
    )


def _record() -> Reader:
    from bcauto.study.folder import StudyFolder
    from bcauto.study.settings import DataRecord, Identity, Settings, StudyRecord

    identity = {"data": "d", "space": "s", "proxy": "p", "seed": 0, "weights": "none"}
    data = {"fingerprint": "d", "class_names": ("a", "b"), "train": 1, "val": 1}
    record = StudyRecord(
        settings=Settings(space="quick", data="train.npz", timeout=3.5),
        identity=Identity(**identity, storage="study.db"),
        data=DataRecord(**data, image_size=(32, 32), cleaning={"kept": 2}),
        versions={"keras": "3"},
    )
    with tempfile.TemporaryDirectory() as name:
        record.write(StudyFolder(Path(name)))
        text = StudyFolder(Path(name)).record.read_text(encoding="utf-8")
    return Reader(
        single("study.toml", tables([text])), lambda folder: StudyRecord.read(StudyFolder(folder))
    )


def _proxy() -> Reader:
    import numpy as np

    from bcauto.proxy.config import ProxyConfig
    from bcauto.proxy.make import make_proxy
    from bcauto.proxy.proxy import Proxy

    images = np.random.default_rng(0).integers(0, 256, (12, 9, 8, 3), np.uint8)
    config = ProxyConfig(families=("colour",), held_out=("blur",), severities=(3,), copies=1)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "proxy.npz"
        make_proxy(images, np.arange(12) % 3, config, seed=1).save(path)
        saved = path.read_bytes()
    return Reader(
        single("proxy.npz", proxies(saved)), lambda folder: Proxy.load(folder / "proxy.npz")
    )


def _model() -> Reader:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from bcauto.training.device import start_keras

    start_keras(1)
    import keras
    import numpy as np

    from bcauto.export.load import load_model

    image = keras.Input((10, 12, 3))
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Conv2D(4, 3, activation="relu")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(3, activation="softmax")(x))
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "model.keras"
        model.save(path)
        saved = path.read_bytes()
        load_model(path).predict(np.zeros((1, 10, 12, 3), np.uint8))  # so that memory is grown
    return Reader(models(saved), load_model)


READERS: dict[str, Callable[[], Reader]] = {
    "challenge npz": lambda: _npz(""),
    "MedMNIST npz": lambda: _npz("train_", "val_"),
    "test npz": lambda: _npz("test_"),
    "class folders": _folders,
    "space": _space,
    "recipe": _recipe,
    "study record": _record,
    "proxy": _proxy,
    "model": _model,
}
"""What makes a reader and its cases, by its name."""


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", choices=READERS, action="append", default=[])
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--budget", help=argparse.SUPPRESS)
    given = parser.parse_args()
    try:
        if given.child:
            budget = Budget(*json.loads(given.budget))
            print(json.dumps(_try(given.reader[0], budget, given.child)))
            return 0
        figures = fuzz(None, given.seconds, given.seed, tuple(given.reader))
        print(json.dumps(figures, indent=1))
    except Finding as finding:
        print(finding)
        return 1
    except Exception as error:
        error.__notes__ = []  # hypothesis would print the file
        traceback.print_exception(error, chain=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
