r"""What a search finds beside what five teams of the 2024 challenge built.

    python benchmarks/teams.py --data blood_cells_96.npz --weights DIR --study cells --out results

Trains the five teams' recipes with ``--scale small``, as ``bcauto train`` does: on the nearest
small backbone, for twelve epochs in all, on all cores, each in less than five minutes on two.
Beside them stands the best trial of a study that was searched before, its trials of twelve epochs,
too:

    bcauto search --data blood_cells_96.npz --weights DIR --space small \
        --study cells --trials 40

The study must have the same data and seed, and so the same split and the same proxy. ``--out`` is a
folder of the teams' scores; a team that is there is not trained again.

Asked: the search's best is ahead of all five on the held-out families, which neither optimised.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

_TEAMS = ("deepl", "axon_biotech", "gradientgang", "machine_dumbening", "spanish_inquisition")
_SCORES = ("clean_accuracy", "objective", "held_out")


def printed(*arguments: object) -> dict[str, Any]:
    """The object that a command prints."""
    command = [sys.executable, "-m", "bcauto", *map(str, arguments), "--json"]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    scores: dict[str, Any] = json.loads(ran.stdout)
    return scores


def team(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """The scores of a team's recipe, trained unless they are there already."""
    path: Path = given.out / f"{name}.json"
    if not path.exists():
        source = "--data", given.data, "--weights", given.weights, "--seed", given.seed
        path.write_text(json.dumps(printed("train", name, "--scale", "small", *source)))
    scores: dict[str, Any] = json.loads(path.read_text())
    return scores


def searched(given: argparse.Namespace) -> dict[str, Any]:
    """The scores of the study's best trial, as the search trained it."""
    best = printed("best", given.study, "--studies-dir", given.studies_dir)
    return {**best["search"], "recipe": f"{given.study}, trial {best['trial']}"}


def main() -> None:
    """Prints the table; exit code 1 if a team is ahead."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for option in ("--data", "--weights", "--study"):
        parser.add_argument(option, required=True)
    parser.add_argument("--studies-dir", type=Path, default=Path("studies"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)

    teams = {name: team(name, given) for name in _TEAMS}
    best = searched(given)
    print(f"{'':<28}{'clean':>8}{'proxy':>8}{'held out':>10}{'seconds':>9}")
    for name, scores in {**teams, "the search's best": best}.items():
        clean, proxy, held_out = (scores[key] for key in _SCORES)
        seconds = f"{scores['seconds']:.0f}" if "seconds" in scores else ""
        print(f"{name:<28}{clean:>8.3f}{proxy:>8.3f}{held_out:>10.3f}{seconds:>9}")
    ahead = best["held_out"] - max(scores["held_out"] for scores in teams.values())
    print(f"{best['recipe']}: {100 * ahead:+.1f} points of the best team on the held-out families")
    sys.exit(ahead <= 0)


if __name__ == "__main__":
    main()
