"""A study on disk: where its files lie, which study was written last."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from bcauto.errors import BadInput, did_you_mean

__all__ = [
    "StudyFolder",
    "check_name",
    "existing_studies",
    "find_study",
    "latest_study",
    "make_name",
]

_CONFIRM = ".confirm"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_PART = 48  # characters of each of the two parts of a name that is made


@dataclass(frozen=True)
class StudyFolder:
    """The paths of one study, ``<studies>/<name>/``."""

    path: Path

    @property
    def name(self) -> str:
        """The study's name, in the storage too."""
        return self.path.name

    @property
    def confirm_name(self) -> str:
        """The name in the storage of the study that confirms this one's best trials."""
        return f"{self.name}{_CONFIRM}"

    @property
    def record(self) -> Path:
        """``study.toml``: settings and fingerprints."""
        return self.path / "study.toml"

    @property
    def space(self) -> Path:
        """The study's own copy of its search space."""
        return self.path / "space.toml"

    @property
    def data(self) -> Path:
        """The data of a study that was begun with arrays in memory."""
        return self.path / "data.npz"

    @property
    def proxy(self) -> Path:
        """The corrupted validation set."""
        return self.path / "proxy.npz"

    @property
    def fingerprints(self) -> Path:
        """Hashes of the pictures that the trials trained and validated on, and of intruders."""
        return self.path / "fingerprints.npz"

    @property
    def models(self) -> Path:
        """Models of the best trials."""
        return self.path / "models"

    @property
    def confirm_proxy(self) -> Path:
        """The corrupted validation set that the best trials are confirmed on."""
        return self.path / "confirm" / "proxy.npz"

    @property
    def best(self) -> Path:
        """Where the winner is exported."""
        return self.path / "best"

    @property
    def report(self) -> Path:
        """Where pictures of the study are drawn."""
        return self.path / "report"

    @property
    def artifacts(self) -> Path:
        """The files that optuna-dashboard shows beside the study, by the ids of its artifacts."""
        return self.path / "artifacts"

    @property
    def lock(self) -> Path:
        """The file that the process that searches the study has locked."""
        return self.path / "lock"

    @property
    def default_storage(self) -> str:
        """The SQLite database in the folder, as a storage URL."""
        from bcauto.storage.url import sqlite_url  # --help would wait for SQLAlchemy

        return sqlite_url(self.path / "study.db")

    def model(self, number: int) -> Path:
        """The model of a trial."""
        return self.models / f"{number}.keras"

    def confirm_model(self, number: int) -> Path:
        """The model of a repeat, by its number in the confirmation."""
        return self.path / "confirm" / "models" / f"{number}.keras"

    def last_written(self) -> float:
        """When the study was last written, in seconds since the epoch."""
        files = (self.record, self.path / "study.db")
        return max(file.stat().st_mtime for file in files if file.exists())


def check_name(name: str) -> str:
    """The name, if it is one a study may have.

    Raises:
        BadInput: it is empty, too long, or could leave the studies folder.
    """
    if not _NAME.fullmatch(name):
        raise BadInput(
            "a study name must be 1 to 100 letters, digits, '.', '_' or '-', beginning with a "
            f"letter or a digit, got {name!r}"
        )
    if name.endswith(_CONFIRM):
        raise BadInput(f"a study name must not end in {_CONFIRM!r}, got {name!r}")
    return name


def make_name(*parts: str) -> str:
    """Return a legal study name made of any texts, such as names of files, that stays the same.

    What a name may not have becomes "_". Where nothing else is left, or the end is cut off, the
    part has some digits of its SHA-256, so that other texts have other names.
    """
    name = "-".join(map(_legal_part, parts))
    return f"{name.removesuffix(_CONFIRM)}_confirm" if name.endswith(_CONFIRM) else name


def _legal_part(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text)
    letters = "".join(one for one in letters if not unicodedata.combining(one))
    cleaned = re.sub(r"[^A-Za-z0-9._-]+", "_", letters)
    cleaned = cleaned.strip("._-")
    if cleaned and len(cleaned) <= _PART:
        return cleaned
    digits = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:6]
    return f"{cleaned[: _PART - 7] or 'data'}-{digits}"


def existing_studies(studies: Path) -> dict[str, StudyFolder]:
    """The studies in a folder, by name."""
    return {file.parent.name: StudyFolder(file.parent) for file in studies.glob("*/study.toml")}


def find_study(studies: Path, name: str | None) -> StudyFolder:
    """The study of that name; without a name, the study written last.

    Raises:
        BadInput: there is none.
    """
    return latest_study(studies) if name is None else _named_study(studies, name)


def latest_study(studies: Path) -> StudyFolder:
    """The study written last.

    Raises:
        BadInput: there is none.
    """
    existing = existing_studies(studies)
    if not existing:
        raise BadInput(f"no study in {studies}; begin one with: bcauto search")
    return max(existing.values(), key=StudyFolder.last_written)


def _named_study(studies: Path, name: str) -> StudyFolder:
    existing = existing_studies(studies)
    if check_name(name) not in existing:
        known = did_you_mean(name, existing) if existing else "there is none yet"
        raise BadInput(f"no study {name!r} in {studies}; {known}")
    return existing[name]
