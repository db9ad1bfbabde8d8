"""What an export over views or of several models is, and what it gains and costs, as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bcauto.export.combined import Combined, Handed

__all__ = ["combined_lines"]

_OVER = {
    "none": "",
    "mirror": ", over the picture and its mirror",
    "mirrors": ", over four mirrors of the picture",
    "turns": ", over eight turns and mirrors of the picture",
}


def combined_lines(made: Combined) -> list[str]:
    """Return what was exported, its scores beside the single model's, and what they are worth."""
    chosen = made.chosen
    if not any(step.taken for step in chosen.steps):
        return ["no views or ensemble scored clearly better; the single model was exported"]
    repeats = " + ".join(
        f"{count} x trial {run.of_trial} (repeat {run.number})" for run, count in made.members
    )
    lines = [
        f"combined: {repeats}{_OVER[chosen.combination.views]}",
        f"  objective {made.combined.objective:.4f}, beside {made.single.objective:.4f} of the "
        f"single model ({made.own.name}); held out {_held_out(made.combined)}, beside "
        f"{_held_out(made.single)}",
        f"  {made.combined.parameters:,} parameters, beside {made.single.parameters:,}; "
        f"{made.combined.milliseconds:.2f} ms a picture, beside {made.single.milliseconds:.2f}",
        f"  It was proposed on {chosen.proposed_on} and taken by a part of {chosen.decided_on}, "
        "which gives the objective; the held-out families chose nothing. All are made of the same "
        "validation images.",
    ]
    if made.distilled:
        student = made.distilled
        lines += [
            "exported is one network that was trained on what the combined model says:",
            f"  objective {student.objective:.4f}; held out {_held_out(student)}; "
            f"{student.parameters:,} parameters; {student.milliseconds:.2f} ms a picture",
        ]
    return lines


def _held_out(handed: Handed) -> str:
    values = handed.held_out.values()
    return f"{sum(values) / len(values):.4f}" if values else "-"
