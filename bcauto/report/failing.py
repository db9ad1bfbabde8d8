"""Where does it fail? Corruptions and severities, classes, sureness, and pictures of mistakes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

import numpy as np
from plotly import graph_objects as go

from bcauto.export.calibration import expected_calibration_error
from bcauto.export.evaluation import class_table, evaluate_labels
from bcauto.page.parts import Block, Cell, Column, Figure, Heading, Section, Table, Text
from bcauto.proxy.corruptions import CorruptionAtSeverity
from bcauto.report.figures import heat_map
from bcauto.report.look import Look, Seen
from bcauto.report.missing import Missing
from bcauto.report.mistakes import flips, worst_mistakes
from bcauto.report.subject import Subject

__all__ = ["failing"]

_BINS = 10  # of the calibration's figure
_PX = 26  # of a row of a heat map


def failing(subject: Subject) -> Section:
    """Return the section."""
    return Section("failing", "Where does it fail?", tuple(_blocks(subject)))


def _blocks(subject: Subject) -> Iterator[Block]:
    won = subject.board.winner
    if won is None:
        yield Text("No trial is complete yet, so no mistake is known.", "note")
        return
    yield Heading("Under which corruptions?")
    scores = subject.mean_corruptions(won)
    if scores:
        yield from _severities(scores, won.trial.scores.held_out, bool(won.confirmed))
    else:
        yield Text("The scores by corruption are not stored.", "note")
    look = subject.look
    if isinstance(look, Missing):
        yield Heading("On which classes, and how surely?")
        yield Text(f"Confusions, classes and mistakes are not shown: {look.reason}.", "note")
        return
    yield from _classes(look, subject.class_names)
    yield from _calibration(look)
    yield from worst_mistakes(look, subject.class_names)
    yield from flips(look, subject.class_names)


def _severities(
    scores: Mapping[str, float], held_out: Mapping[str, float], repeated: bool
) -> Iterator[Block]:
    known = {name: CorruptionAtSeverity.named(name) for name in scores}
    worst, best = min(scores, key=scores.__getitem__), max(scores, key=scores.__getitem__)
    yield Text(
        f"The winner fails most under {_words(known[worst])} ({scores[worst]:.2f}), and least "
        f"under {_words(known[best])} ({scores[best]:.2f})."
    )
    severities = sorted({each.severity for each in known.values()})
    rows: dict[str, dict[int, float]] = {}
    by_family = sorted(known.items(), key=lambda each: (each[1].family in held_out, each[1].family))
    for (family, corruption), each in groupby(
        by_family, key=lambda one: (one[1].family, one[1].corruption)
    ):
        title = f"{family}: {corruption.replace('_', ' ')}"
        rows[title] = {one.severity: scores[name] for name, one in each}
    drawn = heat_map(
        list(rows),
        [str(severity) for severity in severities],
        [[row.get(severity) for severity in severities] for row in rows.values()],
        shown=".2f",
    )
    chose_nothing = f" The last ones, {' and '.join(held_out)}, chose nothing." if held_out else ""
    drawn.update_xaxes(title="severity (1 to 5)")
    drawn.update_traces(colorbar={"title": "score"})
    source = "the mean over its repeats" if repeated else "as the search trained it"
    yield Figure(
        "severities",
        drawn,
        f"The winner's score (0 to 1) by corruption and severity, {source}.{chose_nothing}",
        f"Heat map of {len(rows)} corruptions at {len(severities)} severities; worst "
        f"{_words(known[worst])}, {scores[worst]:.2f}.",
        height=90 + _PX * len(rows),
    )


def _words(each: CorruptionAtSeverity) -> str:
    return f"{each.corruption.replace('_', ' ')} at severity {each.severity}"


def _classes(look: Look, names: tuple[str, ...]) -> Iterator[Block]:
    yield Heading("On which classes?")
    copies, clean = look.corrupted, look.clean
    pictures = len(np.unique(copies.base))
    yield Text(
        f"The model of {look.model} was asked about {len(copies.labels)} corrupted copies of "
        f"{pictures} validation pictures, held-out corruptions included"
        + ("." if isinstance(clean, Missing) else f", and about {len(clean.labels)} clean ones.")
    )
    if isinstance(clean, Missing):
        yield Text(f"Clean pictures are not shown: {clean.reason}.", "note")
    else:
        yield _confusion("clean", clean, names)
    yield _confusion("corrupted", copies, names)
    yield _class_table(look, names)


def _confusion(kind: str, seen: Seen, names: tuple[str, ...]) -> Figure:
    matrix = np.array(evaluate_labels(seen.labels, seen.predicted, names)["confusion_matrix"])
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    drawn = heat_map(names, names, shares.tolist(), shown=".0%")
    drawn.update_traces(
        customdata=matrix.tolist(),
        hovertemplate="%{y} taken for %{x}: %{customdata} (%{z:.1%})<extra></extra>",
    )
    drawn.update_xaxes(title="said")
    drawn.update_yaxes(title="true class")
    right = float(np.mean(seen.labels == seen.predicted))
    side = max(340, 200 + _PX * len(names))
    return Figure(
        f"confusion-{kind}",
        drawn,
        f"Confusion matrix on {kind} pictures: what share of each true class (row) is taken for "
        f"each class (column). {right:.1%} are right.",
        f"Confusion matrix of {len(names)} classes on {kind} pictures, {right:.1%} right.",
        height=side,
        least_width=min(side + 60, 2800),
    )


def _class_table(look: Look, names: tuple[str, ...]) -> Table:
    copies, clean = look.corrupted, look.clean
    corrupted = class_table(copies.labels, copies.probabilities, names)
    as_is = None
    if not isinstance(clean, Missing):
        as_is = class_table(clean.labels, clean.probabilities, names)
    rows = []
    for at, row in enumerate(corrupted):
        wrong = copies.predicted[(copies.labels == at) & (copies.predicted != at)]
        taken_for = names[int(np.bincount(wrong).argmax())] if len(wrong) else ""
        cells: list[Cell] = [names[at], as_is[at]["recall"] if as_is else None]
        cells += [row[key] for key in ("recall", "precision", "f1", "roc_auc", "support")]
        rows.append((*cells, taken_for))
    titles = ("recall, clean", "recall", "precision", "F1", "ROC AUC")
    return Table(
        "Each class, on corrupted copies where nothing else is said",
        (
            Column("class"),
            *(Column(title, numeric=True, digits=3) for title in titles),
            Column("copies", numeric=True),
            Column("mostly taken for"),
        ),
        tuple(rows),
    )


def _calibration(look: Look) -> Iterator[Block]:
    yield Heading("Is it right as often as it says?")
    kinds = {"corrupted": look.corrupted}
    if not isinstance(look.clean, Missing):
        kinds = {"clean": look.clean, **kinds}
    errors = {
        kind: expected_calibration_error(seen.probabilities, seen.labels)
        for kind, seen in kinds.items()
    }
    told = ", ".join(f"{error:.3f} on {kind} pictures" for kind, error in errors.items())
    yield Text(
        f"The expected calibration error (0 is best) is {told}. bcauto best --export --calibrate "
        "gives the model a temperature that is fitted to make it smaller."
    )
    figure = go.Figure()
    for kind, seen in kinds.items():
        _add_bins(figure, kind, seen)
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"dash": "dot", "width": 1, "color": "#8a8f94"},
        name="perfect",
        hoverinfo="skip",
    )
    figure.update_xaxes(title="how sure it says it is (0 to 1)", range=[0, 1.05])
    figure.update_yaxes(title="how often it is right (0 to 1)", range=[-0.03, 1.05])
    yield Figure(
        "calibration",
        figure,
        "How often the model is right, by how sure it is. Below the dotted line it is too sure of "
        "itself. Larger points stand for more pictures.",
        f"Curves of accuracy over confidence; the expected calibration error is {told}.",
    )


def _add_bins(figure: go.Figure, kind: str, seen: Seen) -> None:
    place = np.minimum((seen.sure * _BINS).astype(int), _BINS - 1)
    counts = np.bincount(place, minlength=_BINS)
    used = counts > 0
    sure = np.bincount(place, seen.sure, _BINS)[used] / counts[used]
    right = np.bincount(place, seen.predicted == seen.labels, _BINS)[used] / counts[used]
    figure.add_scatter(
        x=sure.tolist(),
        y=right.tolist(),
        mode="lines+markers",
        name=kind,
        marker={"size": (6 + 14 * np.sqrt(counts[used] / counts.max())).tolist()},
        customdata=counts[used].tolist(),
        hovertemplate="sure %{x:.2f}, right %{y:.2f}, %{customdata} pictures",
    )
