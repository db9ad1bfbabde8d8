"""What a manifest, a model card and a README are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bcauto.export.calibration import Calibration
from bcauto.export.combined import Combined
from bcauto.export.formats.write import Written
from bcauto.export.model import ExportedModel
from bcauto.io.toml import checked, read_toml
from bcauto.proxy.config import ProxyConfig
from bcauto.results.leaderboard import Entry
from bcauto.results.open_study import OpenStudy
from bcauto.study.settings import DataRecord

__all__ = ["Subject"]


@dataclass(frozen=True)
class Subject:
    """An export, as its manifest and its card tell of it.

    Attributes:
        opened: the study that it comes from.
        entry: its recipe there.
        model: whose model it is, and what it scored.
        combined: how views and other models were chosen, if they were.
        formats: it has besides Keras' own; Keras comes first, if there are any.
        calibration: its temperature, if it was given one.
    """

    opened: OpenStudy
    entry: Entry
    model: ExportedModel
    combined: Combined | None = None
    formats: Sequence[Written] = ()
    calibration: Calibration | None = None

    @property
    def data(self) -> DataRecord:
        """What is known of the data."""
        return self.opened.record.data

    @property
    def source(self) -> str:
        """The name of the data's file or folder, without the path on the machine."""
        path = self.opened.record.settings.data
        return Path(path).name if path else "bcauto's synthetic cells"

    @property
    def proxy(self) -> ProxyConfig:
        """What the corrupted validation pictures are made of and scored by."""
        file = self.opened.folder.space
        return checked(ProxyConfig, read_toml(file).get("proxy", {}), file)
