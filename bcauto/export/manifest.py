"""What an export says of itself: how to use the model, and every number under what it is of."""

from __future__ import annotations

from typing import Any

from bcauto.export.combined import Combined
from bcauto.export.model import ExportedModel
from bcauto.io.model_file import INPUT
from bcauto.results.leaderboard import Entry
from bcauto.results.open_study import OpenStudy
from bcauto.results.state import trials_left

__all__ = ["make_manifest"]


def make_manifest(
    opened: OpenStudy, entry: Entry, model: ExportedModel, combined: Combined | None
) -> dict[str, Any]:
    """Return the manifest of an exported model, as plain values that JSON can hold.

    ``model`` holds the scores of the model in the folder, ``search`` those of the trial as the
    search trained it, ``confirmation`` the estimate of its recipe and the scores of its repeats.
    """
    record = opened.record
    return {
        "study": opened.folder.name,
        "class_names": list(record.data.class_names),
        "image_size": list(record.data.image_size),
        "resize": record.settings.resize,
        **({"bits": record.data.bits} if record.data.bits else {}),
        "input": INPUT,
        "model": model.as_dict(),
        **({"combined": combined.as_dict()} if combined else {}),
        **entry.as_dict(),
        "trials": {"left": trials_left(opened), "wanted": record.settings.trials},
        "repeats": opened.leaderboard.repeats.as_dict(),
        "fingerprints": record.identity.model_dump(include={"data", "space", "proxy"}),
        "seed": record.settings.seed,
        "versions": record.versions,
    }
