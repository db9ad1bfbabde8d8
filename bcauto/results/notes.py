"""Notes in Markdown, which optuna-dashboard shows beside a study and each of its trials."""

from __future__ import annotations

from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

from bcauto.recipe.recipe import Recipe
from bcauto.recipe.words import recipe_in_words
from bcauto.results.confirmation import Confirmed
from bcauto.results.leaderboard import Leaderboard
from bcauto.study.attributes import read_attributes
from bcauto.study.folder import StudyFolder
from bcauto.study.settings import StudyRecord
from bcauto.trial import TrialAttributes

__all__ = ["repeats_note", "study_note", "trial_note"]


def study_note(folder: StudyFolder, record: StudyRecord, board: Leaderboard) -> str:
    """Return what a study searches, what it has come to, and how it goes on.

    Args:
        folder: of the study.
        record: what it was begun with.
        board: its recipes so far.
    """
    settings, data = record.settings, record.data
    lines = [
        f"# {folder.name}",
        f"Searches the space `{settings.space}` on `{settings.data or 'built-in cells'}` "
        f"({data.train} pictures to train on, {data.val} to validate, {len(data.class_names)} "
        f"classes), {settings.trials} trials. A trial's value is its score on corrupted validation "
        "pictures, in 0..1; *held out* is the mean over corruptions that the search never "
        "optimises.",
        *_winner(board),
        f"Go on: `bcauto search --study {folder.name}`, with `--trials N` for more. The report: "
        f"`{folder.report / 'index.html'}`.",
    ]
    return "\n\n".join(lines)


def repeats_note(name: str) -> str:
    """Return what the study of a confirmation is; ``name`` is that of the search."""
    return (
        f"# Confirmation of {name}\n\n"
        f"The best trials of the study `{name}`, trained again on fresh seeds and scored on newly "
        "made corruptions. `trial` is the number there, `repeat` counts its trainings, `length` is "
        "how many times as long it trains."
    )


def trial_note(trial: FrozenTrial, weights: str, again: Confirmed | None = None) -> str:
    """Return what a finished trial trained, and what became of it.

    Args:
        trial: COMPLETE, PRUNED or FAIL.
        weights: what the study's networks start from.
        again: its repeats, where it was trained again.

    Raises:
        NothingUsable: what is stored of it is damaged.
    """
    stored = read_attributes(trial)
    lines = _outcome(trial, stored, again)
    if stored.scores is not None and trial.value is not None:
        lines.append("\n".join(_scores(trial.value, stored)))
    if stored.recipe is not None:
        recipe = Recipe.model_validate(stored.recipe)
        lines.append("\n".join(f"- {each}" for each in recipe_in_words(recipe, weights)))
    if stored.traceback:
        lines.append(f"```\n{stored.traceback.strip()}\n```")
    return "\n\n".join(lines)


def _winner(board: Leaderboard) -> list[str]:
    won = board.winner
    if won is None:
        return ["No trial is complete yet."]
    if won.confirmed is None:
        return [f"**Best so far: trial {won.number}**, {won.score:.4f} by the search alone."]
    low, high = won.interval
    repeats = board.repeats
    unfinished = f"; {repeats.done} of {repeats.wanted} repeats are done" if repeats.left else ""
    return [
        f"**The winner is trial {won.number}**, {won.score:.4f} when trained again (95 %: {low:.4f}"
        f" to {high:.4f}), {won.trial.objective:.4f} by the search{unfinished}."
    ]


def _outcome(trial: FrozenTrial, stored: TrialAttributes, again: Confirmed | None) -> list[str]:
    lines = []
    if stored.of_trial is not None:
        lines.append(f"A repeat of trial {stored.of_trial} of the search.")
    if stored.start is not None:
        lines.append("A starting point of the space.")
    if stored.retry_of is not None:
        lines.append(f"Another try of trial {stored.retry_of}.")
    if stored.error is not None:
        lines.append(f"**Failed:** {stored.error}")
    if trial.state == TrialState.PRUNED:
        after = max(trial.intermediate_values, default=0)
        lines.append(f"**Pruned** after epoch {after}: behind the median of the others there.")
    if again is not None:
        runs = ", ".join(f"{run.objective:.4f}" for run in again.runs)
        lines.append(f"**Trained again:** {runs}; the estimate is {again.score:.4f}.")
    return lines


def _scores(value: float, stored: TrialAttributes) -> Sequence[str]:
    scores = stored.scores
    assert scores is not None
    low, high = scores.interval
    rows = [("corrupted (the value)", f"{value:.4f} (95 %: {low:.4f} to {high:.4f})")]
    if scores.mean_held_out is not None:
        rows.append(("held out", f"{scores.mean_held_out:.4f}"))
    clean = {f"clean, {name.replace('_', ' ')}": each for name, each in scores.clean.items()}
    counted = {f"on {family}": each for family, each in scores.families.items()}
    others = {f"on {family} (held out)": each for family, each in scores.held_out.items()}
    rows += [(title, f"{each:.4f}") for title, each in (clean | counted | others).items()]
    return ["| score | |", "| --- | --- |", *(f"| {title} | {text} |" for title, text in rows)]
