"""Can I trust it? What chose what, how optimistic the search was, what the proxy is worth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from plotly import graph_objects as go

from bcauto.page.figure_json import label
from bcauto.page.parts import Block, Column, Figure, Heading, Items, Section, Table, Text
from bcauto.report.figures import interval_bars
from bcauto.report.missing import Missing
from bcauto.report.subject import Subject
from bcauto.results.confirmation import Confirmed
from bcauto.results.left_out import LeftOut, leave_one_family_out
from bcauto.results.trials import CompletedTrial
from bcauto.results.validity import Validity, Worth, comparable, proxy_validity

__all__ = ["trust"]

_OBJECTIVES = {
    "mean_of_corruptions": "the mean over all counted corruptions",
    "mean_of_families": "the mean over the counted families",
    "worst_family": "the worst of the counted families",
}


def trust(subject: Subject) -> Section:
    """Return the section."""
    return Section("trust", "Can I trust it?", tuple(_blocks(subject)))


def _blocks(subject: Subject) -> Iterator[Block]:
    yield Heading("What was chosen on what")
    yield Items(tuple(_chosen(subject)))
    yield Heading("Was the search too optimistic?")
    yield from _optimism(subject)
    yield Heading("Does the objective rank trials as unseen corruptions do?")
    yield from _validity(subject)
    yield from _families(subject)


def _chosen(subject: Subject) -> Iterator[str]:
    record, board = subject.opened.record, subject.board
    what = "the objective"
    if not isinstance(subject.proxy, Missing):
        what += f", {_OBJECTIVES[subject.proxy.objective]} ({subject.proxy.metric})"
    families = next((e.trial.scores.families for e in board.entries), {})
    counted = f" Counted families: {', '.join(families)}." if families else ""
    yield (
        f"The search chose trials by {what}, on corrupted copies of {record.data.val} validation "
        f"pictures.{counted}"
    )
    held_out = next((e.trial.scores.held_out for e in board.entries), {})
    if held_out:
        yield (
            f"The held-out families ({', '.join(held_out)}) chose nothing. They stand for "
            "corruptions that nobody thought of."
        )
    if len(board.confirmed) > 1:
        yield (
            f"The winner was chosen among {len(board.confirmed)} trials that were trained again on "
            "fresh seeds and scored on newly made corruptions, so its estimate is nearly fair."
        )
    elif board.confirmed:
        yield (
            "The best trial of the search was trained again on fresh seeds and scored on newly "
            "made corruptions. These chose nothing, so the estimate is fair."
        )
    else:
        yield "No trial was trained again, so the best score is too good to be true."
    yield (
        "All scores are of the same validation pictures. None is of a test set: use bcauto "
        "evaluate on pictures that the search has not seen."
    )


def _optimism(subject: Subject) -> Iterator[Block]:
    again = subject.board.confirmed
    if not again:
        yield Text("This is not known yet: no trial was trained again on a fresh seed.", "note")
        return
    won = subject.board.winner
    best = won.confirmed if won else None
    if best and best.optimism is not None:
        side = "too optimistic" if best.optimism >= 0 else "too pessimistic"
        yield Text(
            f"The search scored the winner {best.candidate.objective:.4f}. Trained again, it is "
            f"estimated at {best.score:.4f}: the search was {abs(best.optimism):.4f} {side}."
        )
    elif best:
        yield Text(
            f"The repeats trained {best.length:g} times as long as the search did, so their scores "
            "cannot be compared with the search's."
        )
    if best and best.seed_variance is None:
        yield Text("Each trial was repeated once, so how much seeds differ is not known.", "note")
    yield Figure(
        "optimism",
        _optimism_figure(again),
        "The trials that were trained again: the search's score, the score of each repeat, and the "
        "estimate with its 95 % interval.",
        f"Scores of {len(again)} trials. "
        + " ".join(
            f"Trial {each.candidate.number}: {each.candidate.objective:.3f} in the search, "
            f"{each.score:.3f} estimated."
            for each in again
        ),
        height=120 + 48 * len(again),
    )


def _optimism_figure(again: Sequence[Confirmed]) -> go.Figure:
    names = [f"trial {each.candidate.number}" for each in again]
    repeats = [(name, run) for name, each in zip(names, again, strict=True) for run in each.runs]
    scores = [each.score for each in again]
    figure = go.Figure()
    figure.add_scatter(
        x=[each.candidate.objective for each in again],
        y=names,
        mode="markers",
        name="the search's score",
        marker={"symbol": "circle-open", "size": 11, "line": {"width": 2}},
    )
    figure.add_scatter(
        x=[run.objective for _, run in repeats],
        y=[name for name, _ in repeats],
        mode="markers",
        name="repeats",
        marker={"symbol": "x", "size": 8},
    )
    figure.add_scatter(
        x=scores,
        y=names,
        mode="markers",
        name="estimate, 95 %",
        marker={"symbol": "diamond", "size": 10},
        error_x=interval_bars([each.interval for each in again], scores),
    )
    figure.update_traces(hovertemplate="%{y}: %{x:.4f}")
    figure.update_xaxes(title="score (0 to 1)", tickformat=".2f")
    figure.update_yaxes(type="category", autorange="reversed")
    return figure


def _validity(subject: Subject) -> Iterator[Block]:
    trials = [entry.trial for entry in subject.board.entries]
    compared, found = comparable(trials), proxy_validity(trials)
    if not compared:
        why = "no trial is complete" if not trials else "no family is held out"
        yield Text(f"This cannot be said: {why}.", "note")
        return
    if found.best is None:
        yield Text(
            f"Only {len(compared)} complete trials can be compared; at least 3 are needed.", "note"
        )
    else:
        yield Text(_worth_words("The objective", found.objective))
        yield Text(_worth_words("Clean accuracy", found.clean_accuracy))
    yield _scatter("objective", "objective", compared, found)
    yield _scatter("clean", "accuracy on clean pictures", compared, found)


def _worth_words(what: str, worth: Worth) -> str:
    ranks = f"{what} ranks the trials like the held-out families with a rank correlation of "
    if worth.rho is None:
        ranks = f"{what} is the same for all trials, so it ranks none of them"
    else:
        low, high = worth.rho.interval
        ranks += f"{worth.rho.value:.2f} (95 %: {low:.2f} to {high:.2f}; 1 is perfect, 0 is chance)"
    if worth.choice is None:
        return f"{ranks}."
    taken, lost = f"Choosing by it takes trial {worth.choice.trial}", worth.choice.regret
    if not lost:
        return f"{ranks}. {taken}, the best of all on those families."
    return f"{ranks}. {taken}, which is {lost:.4f} below the best on those families."


def _scatter(name: str, axis: str, compared: Sequence[CompletedTrial], found: Validity) -> Figure:
    objective = name == "objective"
    worth = found.objective if objective else found.clean_accuracy
    x = [each.objective if objective else each.clean_accuracy for each in compared]
    y = [each.held_out for each in compared]
    bars = {"error_x": interval_bars([each.scores.interval for each in compared], x)}
    drawn = go.Figure(
        go.Scatter(
            x=x,
            y=y,
            mode="markers",
            text=[f"trial {each.number}, {label(each.recipe.model.label)}" for each in compared],
            hovertemplate="%{text}<br>" + axis + " %{x:.4f}<br>held out %{y:.4f}<extra></extra>",
            marker={"size": 8, "opacity": 0.85},
            name="trials",
            **(bars if objective else {}),
        )
    )
    if worth.choice:
        at = next(i for i, each in enumerate(compared) if each.number == worth.choice.trial)
        drawn.add_scatter(
            x=[x[at]],
            y=[y[at]],
            mode="markers",
            name=f"what it would choose: trial {worth.choice.trial}",
            marker={"size": 14, "symbol": "circle-open", "line": {"width": 3}},
            hoverinfo="skip",
        )
    drawn.update_xaxes(title=f"{axis} (0 to 1)", tickformat=".2f")
    drawn.update_yaxes(title="held-out score (0 to 1)", tickformat=".2f")
    with_bars = " Bars are 95 % intervals by the validation pictures." if objective else ""
    return Figure(
        f"held-out-over-{name}",
        drawn,
        f"Held-out score over {axis}, a point for each complete trial.{with_bars}",
        f"{len(compared)} points; {axis} from {min(x):.2f} to {max(x):.2f}, held-out score from "
        f"{min(each.held_out or 0 for each in compared):.2f} to "
        f"{max(each.held_out or 0 for each in compared):.2f}.",
    )


def _families(subject: Subject) -> Iterator[Block]:
    found = leave_one_family_out([entry.trial for entry in subject.board.entries])
    ranked = {name: each for name, each in found.items() if each.rho is not None}
    yield Heading("Would the score have worked without each family?")
    if not ranked:
        yield Text("This cannot be said yet: at least 3 complete trials are needed.", "note")
        return
    yield Text(
        "Each family is left out in turn: does the rest rank the trials as that family does? 1 "
        "means the same order, 0 no relation. A low value says that such a corruption is unlike "
        "all others, and that a hidden one of its kind could turn the ranking round."
    )
    yield Figure(
        "left-out",
        _left_out_figure(ranked),
        "Rank correlation of the trials' scores on a family with the mean over the others (of a "
        "held-out family: with the objective), with 95 % intervals from 10 trials on.",
        "Rank correlations: "
        + ", ".join(f"{name} {each.rho:.2f}" for name, each in ranked.items() if each.rho)
        + ".",
        height=110 + 34 * len(ranked),
    )
    yield Table(
        "The same as numbers",
        (
            Column("family"),
            Column("compared with"),
            Column("trials", numeric=True),
            Column("rank correlation", numeric=True, digits=2),
            Column("95 %", numeric=True),
        ),
        tuple(
            (
                name,
                "objective" if each.held_out else "other families",
                each.trials,
                each.rho,
                _range(each),
            )
            for name, each in found.items()
        ),
    )


def _left_out_figure(ranked: dict[str, LeftOut]) -> go.Figure:
    values = [each.rho or 0.0 for each in ranked.values()]
    intervals = [
        each.interval or (value, value) for each, value in zip(ranked.values(), values, strict=True)
    ]
    figure = go.Figure(
        go.Scatter(
            x=values,
            y=[f"{name} (held out)" if each.held_out else name for name, each in ranked.items()],
            mode="markers",
            marker={"size": 9},
            error_x=interval_bars(intervals, values),
            hovertemplate="%{y}: %{x:.2f}<extra></extra>",
        )
    )
    figure.update_xaxes(title="rank correlation (-1 to 1)", range=[-1.05, 1.05])
    figure.update_yaxes(type="category", autorange="reversed")
    return figure


def _range(each: LeftOut) -> str:
    if each.interval is None:
        return "too few trials"
    return f"{each.interval[0]:.2f} to {each.interval[1]:.2f}"
