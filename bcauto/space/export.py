"""What may be handed over beside the winner's own model."""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = ["Views"]

Views: TypeAlias = Literal["none", "mirror", "mirrors", "turns"]
"""Over which views of a picture the handed-over model's probabilities are averaged: the picture
alone; with left and right swapped; with top and bottom swapped, too; with quarter turns, too."""
