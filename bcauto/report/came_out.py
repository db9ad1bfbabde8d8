"""What came out? The winner, what it scores, and who comes after it."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

from plotly import graph_objects as go

from bcauto.page.parts import Block, Cell, Column, Facts, Figure, Section, Table, Text
from bcauto.report.figures import SCORE_AXIS
from bcauto.report.subject import Subject
from bcauto.results.leaderboard import Entry
from bcauto.results.state import State

__all__ = ["came_out", "interval_text", "winner_sentence"]

_RUNNERS_UP = 2
_SHOWN = 50  # rows of the leaderboard
_COLUMNS = (
    Column("trial", numeric=True),
    Column("model"),
    Column("estimate", numeric=True),
    Column("95 %", numeric=True),
    Column("repeats", numeric=True),
    Column("search score", numeric=True),
    Column("its 95 %", numeric=True),
    Column("held out", numeric=True),
    Column("clean", numeric=True),
    Column("parameters", numeric=True),
    Column("minutes", numeric=True, digits=1),
)


def came_out(subject: Subject) -> Section:
    """Return the section."""
    return Section("came-out", "What came out?", tuple(_blocks(subject)))


def _blocks(subject: Subject) -> Iterator[Block]:
    yield from _unfinished(subject)
    won = subject.board.winner
    if won is None:
        yield Text("No trial is complete yet, so there is no winner and no score to show.", "note")
        return
    yield Text(winner_sentence(subject, won), "lead")
    yield _facts(won)
    yield from _beside(subject, won)
    yield _leaderboard(subject, won)


def _unfinished(subject: Subject) -> Iterator[Text]:
    """Yield what is still missing of a study that is not finished."""
    if subject.state == State.FINISHED:
        return
    counted, repeats = subject.counted, subject.board.repeats
    ended = counted.trials["complete"] + counted.trials["pruned"]
    now = "A search is going on" if subject.state == State.SEARCHING else "The search is not over"
    again = ""
    if repeats.wanted:
        again = f", and {repeats.done} of {repeats.wanted} repeats of the best are done"
    yield Text(
        f"{now}: {ended} of {counted.target} trials have ended{again}. All below is what is known "
        "so far; another recipe may still win.",
        "note",
    )


def winner_sentence(subject: Subject, won: Entry) -> str:
    """Return who won and what it scored, in a sentence or two."""
    model, score = won.recipe.model.label, f"{won.score:.4f}"
    who = f"Trial {won.number} ({model})"
    where = "on the corrupted validation pictures"
    if not (again := won.confirmed):
        best = f"{who} scored best: {score} {where} (95 %: {interval_text(won)})."
        return (
            f"{best} It was trained once, and not again on fresh seeds, so luck helped choose it."
        )
    times = {1: "once", 2: "twice"}.get(len(again.runs), f"{len(again.runs)} times")
    best = f"{who} wins with {score} {where} (95 %: {interval_text(won)})"
    text = f"{best}, trained {times} more on fresh seeds and newly made corruptions."
    leader = subject.board.entries[0]
    if leader.number != won.number:
        text += f" The search itself had trial {leader.number} first."
    return text


def interval_text(entry: Entry) -> str:
    """Return the 95 % interval of a recipe's score."""
    low, high = entry.interval
    return f"{low:.4f} to {high:.4f}"


def _facts(won: Entry) -> Facts:
    """Return the winner's numbers, all of the models that were trained last."""
    again = won.confirmed
    runs = again.runs if again else (won.trial,)
    by = ", mean of repeats" if len(runs) > 1 else ", of the repeat" if again else ""
    held_out = [run.held_out for run in runs if run.held_out is not None]
    facts = {
        "estimate, after repeats" if again else "score of the search": f"{won.score:.4f}",
        "95 % interval": interval_text(won),
        **({f"held-out corruptions{by}": f"{fmean(held_out):.4f}"} if held_out else {}),
        f"clean pictures{by}": f"{fmean(run.clean_accuracy for run in runs):.4f}",
        **({"score of the search, once trained": f"{won.trial.objective:.4f}"} if again else {}),
        "parameters": f"{won.trial.run.parameters:,}",
        f"minutes to train{by}": f"{fmean(run.run.seconds for run in runs) / 60:.1f}",
    }
    return Facts(facts)


def _beside(subject: Subject, won: Entry) -> Iterator[Block]:
    """Yield the winner's families beside those of the first starting point and of runners-up."""
    shown = {f"trial {won.number}, the winner": won}
    start = subject.first_start
    if start and start.number != won.number:
        shown[f"trial {start.number}, the first starting point"] = start
    others = [
        e for e in _ranked(subject) if e.number not in {each.number for each in shown.values()}
    ]
    shown |= {f"trial {each.number}, a runner-up": each for each in others[:_RUNNERS_UP]}
    families = won.trial.scores.families | won.trial.scores.held_out
    if not families:
        yield Text("The trials' scores by family of corruptions are not stored.", "note")
        return
    yield Figure(
        "families",
        _family_bars(shown, won),
        "Score by family of corruptions, each model as the search trained it once. Higher is "
        'better; families marked "held out" chose nothing.',
        "Bars by family. The winner scores "
        + ", ".join(f"{value:.2f} on {name}" for name, value in families.items())
        + ".",
    )


def _family_bars(shown: dict[str, Entry], won: Entry) -> go.Figure:
    names = {name: name for name in won.trial.scores.families}
    names |= {name: f"{name}<br>(held out)" for name in won.trial.scores.held_out}
    figure = go.Figure()
    for title, entry in shown.items():
        scores = entry.trial.scores.families | entry.trial.scores.held_out
        bars = [scores.get(name) for name in names]
        figure.add_bar(
            x=list(names.values()),
            y=bars,
            name=title,
            hovertemplate="%{x}: %{y:.4f}",
        )
    figure.update_layout(barmode="group", yaxis=SCORE_AXIS | {"range": [0, 1]})
    figure.update_xaxes(title="family of corruptions")
    return figure


def _ranked(subject: Subject) -> list[Entry]:
    """Return the recipes: those that were trained again first, the best mean first."""
    again = {each.candidate.number: place for place, each in enumerate(subject.board.confirmed)}
    return sorted(subject.board.entries, key=lambda e: again.get(e.number, len(again)))


def _leaderboard(subject: Subject, won: Entry) -> Table:
    ranked = _ranked(subject)
    shown = ranked[:_SHOWN]
    some = f"the best {_SHOWN} of " if len(ranked) > _SHOWN else "all "
    caption = (
        f"Leaderboard: {some}{len(ranked)} complete trials. The estimate comes from repeats on "
        "fresh seeds; the search's score is of one training, and the best of many such scores is "
        "too good to be true. A click on a title sorts."
    )
    rows = tuple(map(_row, shown))
    marked = frozenset(at for at, entry in enumerate(shown) if entry.number == won.number)
    return Table(caption, _COLUMNS, rows, marked)


def _row(entry: Entry) -> tuple[Cell, ...]:
    trial, again = entry.trial, entry.confirmed
    low, high = trial.scores.interval
    return (
        trial.number,
        trial.recipe.model.label,
        again.score if again else None,
        interval_text(entry) if again else "",
        len(again.runs) if again else None,
        trial.objective,
        f"{low:.4f} to {high:.4f}",
        trial.held_out,
        trial.clean_accuracy,
        trial.run.parameters,
        trial.run.seconds / 60,
    )
