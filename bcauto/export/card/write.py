"""Writes the card and the README of an export."""

from __future__ import annotations

from pathlib import Path

from bcauto.export.card.card import model_card
from bcauto.export.card.readme import readme
from bcauto.export.card.subject import Subject
from bcauto.io.model_file import CARD, README

__all__ = ["write_texts"]


def write_texts(folder: Path, subject: Subject) -> None:
    """Write card and README beside a model."""
    (folder / CARD).write_text(model_card(subject), encoding="utf-8")
    (folder / README).write_text(readme(subject), encoding="utf-8")
