"""What an export says of itself: how to use the model, and every number under what it is of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bcauto.export.card.subject import Subject
from bcauto.io.model_file import INPUT, file_digest
from bcauto.results.state import trials_left

__all__ = ["make_manifest"]


def make_manifest(subject: Subject, file: Path) -> dict[str, Any]:
    """Return the manifest of an exported model, as plain values that JSON can hold.

    ``model`` holds the scores of the model in the folder, ``search`` those of the trial as the
    search trained it, ``confirmation`` the estimate of its recipe and the scores of its repeats.
    """
    opened, combined, calibration = subject.opened, subject.combined, subject.calibration
    record = opened.record
    return {
        "study": opened.folder.name,
        "class_names": list(record.data.class_names),
        "image_size": list(record.data.image_size),
        "resize": record.settings.resize,
        **({"bits": record.data.bits} if record.data.bits else {}),
        "input": INPUT,
        "sha256": file_digest(file),
        "model": subject.model.as_dict(),
        **({"combined": combined.as_dict()} if combined else {}),
        **subject.entry.as_dict(),
        "trials": {"left": trials_left(opened), "wanted": record.settings.trials},
        "repeats": opened.leaderboard.repeats.as_dict(),
        "fingerprints": record.identity.model_dump(include={"data", "space", "proxy"}),
        "seed": record.settings.seed,
        "versions": record.versions,
        **({"calibration": calibration.as_dict()} if calibration else {}),
        **({"formats": [each.as_dict() for each in subject.formats]} if subject.formats else {}),
    }
