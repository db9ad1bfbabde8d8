"""What mattered? The dimensions of the space, the course of the trials, and what failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState
from plotly import graph_objects as go
from plotly.colors import sample_colorscale

from bcauto.page.parts import Block, Column, Figure, Heading, Section, Table, Text
from bcauto.report.figures import ORANGE_TO_BLUE
from bcauto.report.subject import Subject

__all__ = ["mattered"]

_SLICES = 6  # dimensions with a panel
_PANELS = 3  # side by side
_COORDINATES = 8  # dimensions with an axis
_MANY = 60  # curves, above which they have no points
_COLOURS = {
    TrialState.COMPLETE: "#3b82c4",
    TrialState.PRUNED: "#e08a1e",
    TrialState.FAIL: "#d9483b",
    TrialState.RUNNING: "#2f9e62",
    TrialState.WAITING: "#8a8f94",
}
_WORDS = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


def mattered(subject: Subject) -> Section:
    """Return the section."""
    study = subject.opened.study
    if study is None or not subject.trials:
        blocks = [Text("No trial was begun yet, so there is nothing to show.", "note")]
        return Section("mattered", "What mattered?", tuple(blocks))
    with_optuna = (_dimensions(subject, study), _course(subject, study), _failures(subject))
    return Section("mattered", "What mattered?", tuple(b for part in with_optuna for b in part))


def _dimensions(subject: Subject, study: optuna.Study) -> Iterator[Block]:
    importances = subject.opened.importances()
    yield Heading("Which dimensions of the space set good trials apart?")
    if importances:
        first, share = next(iter(importances.items()))
        yield Text(f"{first} matters most, with {share:.0%} of what is explained.")
        yield _importance_bars(importances)
    else:
        yield Text(
            "This cannot be said: at least 8 complete trials must have a dimension, with different "
            "values.",
            "note",
        )
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    known = {name for trial in complete for name in trial.params}
    names = [*importances, *sorted(known - importances.keys())]
    if len(complete) < 2 or not names:
        yield Text("Slices and parallel coordinates need two complete trials.", "note")
        return
    sliced = names[:_SLICES]
    for at in range(0, len(sliced), _PANELS):
        yield _slices(study, sliced[at : at + _PANELS], at // _PANELS + 1)
    yield _coordinates(study, names[:_COORDINATES])


def _importance_bars(importances: dict[str, float]) -> Figure:
    drawn = go.Figure(
        go.Bar(
            x=list(importances.values()),
            y=list(importances),
            orientation="h",
            text=[f"{share:.0%}" for share in importances.values()],
            hovertemplate="%{y}: %{x:.4f}<extra></extra>",
        )
    )
    drawn.update_xaxes(title="share of the importance (sums to 1)", tickformat=".0%")
    drawn.update_yaxes(type="category", autorange="reversed")
    return Figure(
        "importance",
        drawn,
        "Importance of each dimension for the objective, by conditional PED-ANOVA over the "
        "complete trials. It says what sets the best quarter apart, not in which direction.",
        "Importances: " + ", ".join(f"{name} {share:.0%}" for name, share in importances.items()),
        height=110 + 28 * len(importances),
    )


def _slices(study: optuna.Study, names: list[str], number: int) -> Figure:
    from optuna.visualization import plot_slice  # imports plotly's subplots and SciPy

    drawn = plot_slice(study, params=names, target_name="objective (0 to 1)")
    drawn.update_traces(marker={"colorscale": ORANGE_TO_BLUE})
    return Figure(
        f"slice-{number}",
        drawn,
        f"Objective over {', '.join(sorted(names))}, a point for each complete trial that has it. "
        "Its colour is its number: blue ones came last.",
        f"Panels of the objective over {', '.join(sorted(names))}.",
        least_width=200 * len(names) + 80,
    )


def _coordinates(study: optuna.Study, names: list[str]) -> Figure:
    from optuna.visualization import plot_parallel_coordinate

    drawn = plot_parallel_coordinate(study, params=names, target_name="objective")
    *lines, bar = drawn.data
    lines = [line for line in lines if line.y[0] is not None]  # the others explain line styles
    for line in lines:  # their first coordinate is the objective, 0 to 1 as drawn
        line.line.update(color=sample_colorscale(ORANGE_TO_BLUE, line.y[0])[0], dash="solid")
    drawn.data = [*lines, bar]
    for annotation in drawn.layout.annotations:
        annotation.font.color = None  # that of the page's scheme
    bar.update(marker={"colorscale": ORANGE_TO_BLUE, "reversescale": False})
    return Figure(
        "parallel-coordinates",
        drawn,
        "Each line is a complete trial and crosses each axis at its value; the bluer, the better. "
        '"None" means that the trial does not have that dimension.',
        f"Lines of all complete trials over {', '.join(sorted(names))}.",
        height=460,
        least_width=100 * (len(names) + 1) + 90,
    )


def _course(subject: Subject, study: optuna.Study) -> Iterator[Block]:
    from optuna.visualization import plot_optimization_history, plot_timeline

    won = subject.board.winner
    yield Heading("How did the trials go?")
    if won:
        history = plot_optimization_history(study, target_name="objective (0 to 1)")
        history.update_xaxes(title="trial")
        best = subject.board.entries[0].trial.objective
        yield Figure(
            "history",
            history,
            "Objective of each complete trial, and the best so far.",
            f"Points by trial; the best objective is {best:.4f}.",
        )
    curves = [trial for trial, _ in subject.trials.values() if trial.intermediate_values]
    if curves:
        yield _curves(study, curves, won.number if won else None)
    else:
        yield Text("No trial has ended an epoch yet, so there are no curves.", "note")
    if any(trial.datetime_start for trial, _ in subject.trials.values()):
        yield _timeline(subject, plot_timeline(study))


def _curves(study: optuna.Study, trials: list[FrozenTrial], winner: int | None) -> Figure:
    from optuna.visualization import plot_intermediate_values

    drawn, states = plot_intermediate_values(study), {each.number: each.state for each in trials}
    seen = set[TrialState]()
    for trace in drawn.data:
        number = int(trace.name.removeprefix("Trial"))
        state = states.get(number, TrialState.WAITING)
        trace.update(
            mode="lines" if len(trials) > _MANY else "lines+markers",
            line={"color": _COLOURS[state], "width": 4 if number == winner else 1.3},
            opacity=1 if number == winner else 0.6,
            name=_WORDS[state],
            legendgroup=_WORDS[state],
            showlegend=state not in seen,
            hovertemplate=f"trial {number}, epoch %{{x}}: %{{y:.4f}}<extra></extra>",
        )
        seen.add(state)
    drawn.update_layout(showlegend=True)
    drawn.update_xaxes(title="epoch")
    drawn.update_yaxes(title="score on the probe (0 to 1)", tickformat=".2f")
    pruned = sum(each.state == TrialState.PRUNED for each in trials)
    thick = ", the winner in a thick line" if winner is not None else ""
    return Figure(
        "curves",
        drawn,
        f"Score after every epoch, on one corrupted copy of each validation picture{thick}. Pruned "
        "trials were stopped early, as they were well behind others.",
        f"Curves of {len(trials)} trials, {pruned} of them pruned.",
        height=440,
    )


def _timeline(subject: Subject, drawn: go.Figure) -> Figure:
    texts = {number: _told(trial) for number, (trial, _) in subject.trials.items()}
    for trace in drawn.data:  # its own texts hold all that is stored of a trial
        trace.text = [texts.get(number, f"trial {number}") for number in trace.y]
        trace.update(hovertemplate="%{text}<extra></extra>", **_look(trace.name))
    drawn.update_xaxes(title="time")
    drawn.update_yaxes(title="trial")
    return Figure(
        "timeline",
        drawn,
        "When each trial ran; bars above one another ran at the same time, on different workers.",
        f"Bars of {len(texts)} trials over time.",
        height=min(320 + 4 * len(texts), 900),
    )


def _look(state: str) -> dict[str, Any]:
    """Return name and colour of the bars of a state, by Optuna's name of it."""
    known = TrialState[state]
    return {"name": _WORDS[known], "marker": {"color": _COLOURS[known]}}


def _told(trial: FrozenTrial) -> str:
    value = f", {trial.value:.4f}" if trial.state == TrialState.COMPLETE else ""
    took = f", {trial.duration.total_seconds() / 60:.1f} min" if trial.duration else ""
    return f"trial {trial.number}: {_WORDS[trial.state]}{value}{took}"


def _failures(subject: Subject) -> Iterator[Block]:
    counted = subject.counted
    yield Heading("What failed, and why?")
    if not (counted.failures or counted.retries):
        yield Text("No trial failed.")
        return
    numbers: dict[str, list[int]] = {}
    for number, (trial, stored) in subject.trials.items():
        if trial.state == TrialState.FAIL:
            numbers.setdefault(stored.error or "no reason is stored", []).append(number)
    rows = [
        (reason, count, "yes" if again else "no", ", ".join(map(str, numbers.get(reason, [])[:8])))
        for again, reasons in ((False, counted.failures), (True, counted.retries))
        for reason, count in reasons.items()
    ]
    yield Table(
        "Trials that failed, by reason; what was tried again failed by no fault of its own",
        (
            Column("reason"),
            Column("trials", numeric=True),
            Column("tried again"),
            Column("such as trials"),
        ),
        tuple(rows),
    )
