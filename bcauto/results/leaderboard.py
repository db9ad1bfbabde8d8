"""A study's recipes and their numbers, read once: what the search found, what repeats say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import optuna

from bcauto.errors import BadInput, NothingUsable
from bcauto.recipe.recipe import Recipe
from bcauto.recipe.words import recipe_in_words
from bcauto.results.confirmation import Confirmed, confirmed, winner
from bcauto.results.trials import CompletedTrial, completed_trials
from bcauto.space.space import Confirmation
from bcauto.study.repeats import RepeatSource
from bcauto.trial import Scores

__all__ = ["Entry", "Leaderboard", "RepeatsLeft", "scores_table"]


@dataclass(frozen=True, repr=False)
class Entry:
    """A recipe of a study.

    Attributes:
        trial: its training in the search.
        confirmed: its repeats on fresh seeds; None where it was not trained again.
    """

    trial: CompletedTrial
    confirmed: Confirmed | None = None

    @property
    def number(self) -> int:
        """The number of its trial."""
        return self.trial.number

    @property
    def recipe(self) -> Recipe:
        """The recipe itself."""
        return self.trial.recipe

    @property
    def scores(self) -> Scores:
        """All that the search's training of it scored."""
        return self.trial.scores

    def in_words(self, weights: str) -> list[str]:
        """Return sentences about its recipe, for the length at which it was confirmed.

        Args:
            weights: what the study's networks start from.
        """
        again = self.confirmed
        return recipe_in_words(self.recipe.longer(again.length) if again else self.recipe, weights)

    def __repr__(self) -> str:
        low, high = self.interval
        model = self.recipe.model.label
        return f"<trial {self.number}: {self.score:.4f} (95 %: {low:.4f} to {high:.4f}), {model}>"

    @property
    def score(self) -> float:
        """What is known best of its objective, in 0..1: its estimate, or else the search's score.

        The estimate comes from its repeats; the search's score is that of one training.
        """
        return self.confirmed.score if self.confirmed else self.trial.objective

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of ``score``."""
        return self.confirmed.interval if self.confirmed else self.trial.scores.interval

    def as_dict(self) -> dict[str, Any]:
        """Return its numbers as JSON can hold them, each under the training it was measured on."""
        trial, again = self.trial, self.confirmed
        return {
            "trial": trial.number,
            "search": {
                **scores_table(trial.objective, trial.clean_accuracy, trial.scores),
                "run": trial.run.model_dump(mode="json"),
            },
            "confirmation": again and _confirmation_table(again),
        }


@dataclass(frozen=True)
class RepeatsLeft:
    """How far a confirmation is: repeats still to be trained, and all that are wanted.

    Both go by the best trials so far.
    """

    left: int
    wanted: int

    @property
    def done(self) -> int:
        """Repeats that need no more training."""
        return self.wanted - self.left

    def as_dict(self) -> dict[str, int]:
        """Return it as plain values that JSON can hold."""
        return {"left": self.left, "wanted": self.wanted}


@dataclass(frozen=True)
class Leaderboard:
    """What a study has come to.

    Attributes:
        study: its name.
        entries: its recipes with a COMPLETE trial, the best of the search first.
        wanted: what its confirmation is to be.
        repeats: how far its confirmation is.
    """

    study: str
    entries: tuple[Entry, ...]
    wanted: Confirmation
    repeats: RepeatsLeft

    @property
    def confirmed(self) -> list[Confirmed]:
        """The trials that were trained again, the best mean first."""
        again = [entry.confirmed for entry in self.entries if entry.confirmed]
        return sorted(again, key=lambda each: -each.mean)

    @property
    def winner(self) -> Entry | None:
        """The winner of those that were trained again, or else the best of the search."""
        again = self.confirmed
        if not again:
            return next(iter(self.entries), None)
        won = winner(again, self.wanted.prefer)
        return Entry(won.candidate, won)

    def find(self, number: int | None = None) -> Entry:
        """Return the entry of a trial, or else the winner.

        Raises:
            BadInput: no COMPLETE trial has that number.
            NothingUsable: no trial is COMPLETE.
        """
        won = self.winner
        if won is None:
            raise NothingUsable(f"no trial of study {self.study!r} is complete yet")
        entries = {entry.number: entry for entry in self.entries}
        if number is not None and number not in entries:
            known = ", ".join(map(str, sorted(entries)))
            raise BadInput(f"--trial must be a complete trial ({known}), got {number}")
        return won if number is None else entries[number]

    def as_dict(self) -> dict[str, Any]:
        """Return the winner's estimate, and how far the confirmation is, as JSON can hold it."""
        won = self.winner.confirmed if self.winner else None
        found = won and {
            "number": won.candidate.number,
            "score": won.score,
            "interval": list(won.interval),
        }
        return {"confirmed": found, "repeats": self.repeats.as_dict()}

    def estimates(self) -> dict[str, Any]:
        """Return every score of trials that were trained again, as a dashboard can show it.

        The search's score, the repeats' and the estimate stand under the trial that they are of.
        """
        trials = {
            f"trial {each.candidate.number}": {
                "search": each.candidate.objective,
                "repeats": [run.objective for run in each.runs],
                "estimate": each.score,
                "interval": list(each.interval),
            }
            for each in self.confirmed
        }
        return {"repeats": f"{self.repeats.done} of {self.repeats.wanted} are done", **trials}

    @classmethod
    def of(
        cls,
        name: str,
        trials: Sequence[CompletedTrial],
        repeats: optuna.Study | None,
        wanted: Confirmation,
        seed: int,
    ) -> Leaderboard:
        """Return the leaderboard of a study.

        Args:
            name: of the study.
            trials: the COMPLETE ones of its search, the best first.
            repeats: its confirmation; None where none was begun.
            wanted: what its confirmation is to be.
            seed: of the study.

        Raises:
            NothingUsable: a repeat is damaged.
        """
        again = confirmed(trials, completed_trials(repeats) if repeats else [])
        by_number = {each.candidate.number: each for each in again}
        entries = tuple(Entry(trial, by_number.get(trial.number)) for trial in trials)
        source = RepeatSource({each.number: each.recipe for each in trials}, wanted, seed)
        count = len(source.candidates) * wanted.repeats
        left = source.left(repeats) if repeats and count else count
        return cls(name, entries, wanted, RepeatsLeft(left, count))


def scores_table(objective: float, clean_accuracy: float | None, scores: Scores) -> dict[str, Any]:
    """Return all that one trained model scored, as plain values that JSON can hold."""
    return {
        "objective": objective,
        "interval": list(scores.interval),
        "held_out": scores.mean_held_out,
        "clean_accuracy": clean_accuracy,
        "scores": scores.model_dump(mode="json"),
    }


def _confirmation_table(again: Confirmed) -> dict[str, Any]:
    """Return the estimate of a recipe, and what each of its repeats scored."""
    return {
        "estimate": again.score,
        "interval": list(again.interval),
        "mean": again.mean,
        "seed_variance": again.seed_variance,
        "optimism": again.optimism,
        "length": again.length,
        "repeats": [
            {
                "repeat": run.number,
                **scores_table(run.objective, run.clean_accuracy, run.scores),
            }
            for run in again.runs
        ],
    }
