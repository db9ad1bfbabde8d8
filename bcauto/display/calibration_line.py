"""What a temperature does to a model's probabilities, as a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bcauto.export.calibration import Calibration

__all__ = ["calibration_line"]

_KINDS = {"clean": "clean", "corrupted": "corrupted", "held_out": "held-out"}


def calibration_line(found: Calibration) -> str:
    """Return the temperature, and the calibration errors without it and with it."""
    errors = [
        f"{before:.3f} to {found.after[kind]:.3f} on {_KINDS[kind]} pictures"
        for kind, before in found.before.items()
    ]
    return (
        f"  Its softmax has a temperature of {found.temperature:.2f}, which changes the expected "
        f"calibration error from {', '.join(errors)} (cross-fitted), and no class."
    )
