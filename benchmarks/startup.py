"""How soon the command line answers, and what it leaves alone to do so.

    python benchmarks/startup.py

Starts ``bcauto --help`` and ``python -c "import keras"`` by turns, five times each, and compares
the medians. Then looks at what ``bcauto status`` and ``bcauto best --json`` import on a study of
three trials.

Asked: help in less than 0.7 s; none of the commands imports TensorFlow, Keras or Ray. Takes half a
minute on two idle cores.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from no_op import bare_runner, new_ledger

from bcauto.execute.contract import Slots, Work
from bcauto.execute.inline import InlineExecutor
from bcauto.study.folder import StudyFolder
from bcauto.study.settings import OWN_STORAGE, DataRecord, Identity, Settings, StudyRecord

_AIM = 0.7  # seconds
_HEAVY = {"keras", "ray", "tensorflow"}
_TRIALS = 3

_HELP = ("-m", "bcauto", "--help")
_KERAS = ("-c", "import keras")


def seconds_of(arguments: tuple[str, ...]) -> float:
    """How long a Python process takes, from its start to its end."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - started


def heavy_imports(arguments: tuple[str, ...]) -> set[str]:
    """Which of the packages that take seconds a Python process imports."""
    command = [sys.executable, "-X", "importtime", *arguments]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    modules = [line.rpartition("|")[2].strip() for line in said.splitlines() if "|" in line]
    return _HEAVY & {module.partition(".")[0] for module in modules}


def make_study(studies: Path) -> None:
    """A finished study of trials that trained nothing."""
    ledger = new_ledger(studies, _TRIALS)
    folder = StudyFolder(studies / ledger.study.study_name)
    folder.space.write_text('[recipe.model]\nbackbone = "SmallCNN"\n', encoding="utf-8")
    a_record().write(folder)
    InlineExecutor(Slots(1, 1)).run(ledger, Work(None, 0, bare_runner), check=lambda: None)


def a_record() -> StudyRecord:
    """What a study's folder has to hold for a command to look at it."""
    same = {"data": "0", "space": "0", "proxy": "0", "weights": "none", "storage": OWN_STORAGE}
    return StudyRecord(
        settings=Settings(space="quick", trials=_TRIALS),
        identity=Identity(**same, seed=0),
        data=DataRecord(
            fingerprint="0", class_names=("a",), train=9, val=1, image_size=(96, 96), cleaning={}
        ),
        versions={},
    )


def check_imports() -> list[str]:
    """What the commands import that they should not, in a line each."""
    with tempfile.TemporaryDirectory() as studies:
        make_study(Path(studies))
        where = ("--studies-dir", studies)
        commands = {
            "help": _HELP,
            "status": ("-m", "bcauto", "status", *where),
            "best --json": ("-m", "bcauto", "best", "--json", *where),
        }
        found = {name: heavy_imports(arguments) for name, arguments in commands.items()}
    return [f"{name} imports {', '.join(sorted(some))}" for name, some in found.items() if some]


def main() -> None:
    """Measures, prints the ratio, and fails where it misses the aim."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5, help="processes of each kind")
    times = parser.parse_args().times
    pairs = [(seconds_of(_HELP), seconds_of(_KERAS)) for _ in range(times)]
    ours, keras = (median(seconds) for seconds in zip(*pairs, strict=True))
    wrong = check_imports()
    print(f"seconds: bcauto --help {ours:.2f} (asked: less than {_AIM}), import keras {keras:.2f}")
    print("\n".join(wrong) or "help, status and best import neither TensorFlow, Keras nor Ray")
    print(f"help {ours / keras:.3f}")
    sys.exit(bool(wrong) or ours >= _AIM)


if __name__ == "__main__":
    main()
