"""What may be handed over beside the winner's own model."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from bcauto.io.toml import Frozen

__all__ = ["Export", "Views"]

Views: TypeAlias = Literal["none", "mirror", "mirrors", "turns"]
"""Over which views of a picture the handed-over model's probabilities are averaged: the picture
alone; with left and right swapped; with top and bottom swapped, too; with quarter turns, too."""


class Export(Frozen):
    """What an export may do to pictures.

    Pictures with an up, as of text or scenes, are not to be turned, nor text to be mirrored.
    ``bcauto best --export --views`` takes views only where they win.
    """

    views: Views = Field("turns", description="the most that may be taken")
