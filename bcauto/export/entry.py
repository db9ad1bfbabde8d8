"""A recipe's model handed over: the model chosen, written, loaded, scored again and described."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bcauto.data.fingerprints import FINGERPRINTS, PictureFingerprints
from bcauto.ensemble.choose import legal_views
from bcauto.errors import BadInput
from bcauto.export.folder import export_folder, write_description
from bcauto.export.formats.names import check_formats
from bcauto.hardware import count_cores
from bcauto.io.model_file import MODEL
from bcauto.proxy.proxy import Proxy
from bcauto.results.kept import Kept, kept_model, kept_repeats
from bcauto.results.leaderboard import Entry
from bcauto.results.open_study import OpenStudy
from bcauto.space.export import Views
from bcauto.study_data import study_dataset
from bcauto.training.device import start_keras
from bcauto.trial import Say

if TYPE_CHECKING:  # it imports Keras
    from bcauto.export.calibration import Calibration
    from bcauto.export.combined import Combined
    from bcauto.export.formats.write import Written
    from bcauto.export.model import ExportedModel

__all__ = ["ExportOptions", "Exported", "export_entry"]

_CONSIDERED = 8  # models for an ensemble: each predicts two thousand pictures in every view


@dataclass(frozen=True)
class ExportOptions:
    """What may be done to a model before it is handed over.

    Attributes:
        views: average over mirrored and turned pictures, where that scores better.
        ensemble: average models of the best trials, where that scores better.
        distil: train one network on what that average says, and hand it over instead.
        formats: names of formats to write besides Keras' own, or comma lists of them.
        calibrate: give the softmax a temperature, fitted on validation images.
    """

    views: bool = False
    ensemble: bool = False
    distil: bool = False
    formats: tuple[str, ...] = ()
    calibrate: bool = False


@dataclass(frozen=True)
class Exported:
    """An export as it was written.

    Attributes:
        folder: where it lies.
        model: whose model it is, and what it scored after it was loaded.
        combined: how views and other models were chosen; None where none was asked for.
        formats: what the model does in each format; Keras' own comes first.
        calibration: its temperature, and what that does; None where none was asked for.
        manifest: all that its ``manifest.json`` says.
    """

    folder: Path
    model: ExportedModel
    combined: Combined | None
    formats: tuple[Written, ...]
    calibration: Calibration | None
    manifest: dict[str, Any]


def export_entry(
    opened: OpenStudy,
    entry: Entry,
    out: Path,
    options: ExportOptions | None = None,
    say: Say = lambda _: None,
) -> Exported:
    """Write model, recipe, manifest and card of a study's recipe to a folder.

    The model is that of ``kept_model``, or a combination of kept models and views that scores
    better, or a network that learned such a combination. It is loaded and scored again first;
    nothing replaces an older export until all is written.

    Args:
        opened: the study.
        entry: one of its leaderboard.
        out: the folder.
        options: what may be done to the model; nothing by default.
        say: told each step that takes long, and each epoch of a distillation.

    Raises:
        BadInput: the model is no longer kept, the options do not fit, a format is unknown or needs
            what is not installed, the data is gone where it is needed, or ``out`` cannot be written
            to.
        NothingUsable: after loading, the model scores otherwise, by more than 0.2 points, or a
            format does not predict what Keras does.
    """
    options = options or ExportOptions()
    formats = check_formats(options.formats)
    kept, views = _sources(opened, entry, options)
    with export_folder(out) as partial:
        calibrates = options.calibrate or any(each.calibrated for each in formats)
        data = study_dataset(opened.record) if calibrates or options.distil else None
        say("loading Keras")
        start_keras(count_cores())  # all else was checked
        from bcauto.export.calibrate import write_calibrated  # these import Keras
        from bcauto.export.card.subject import Subject
        from bcauto.export.card.write import write_texts
        from bcauto.export.combined import write_combined
        from bcauto.export.distilled import write_distilled
        from bcauto.export.formats.write import write_formats
        from bcauto.export.load import load_model
        from bcauto.export.manifest import make_manifest
        from bcauto.export.model import write_kept

        proxy = Proxy.load(kept[0].proxy)
        if views:
            say(_comparing(len(kept), views))
            model, combined = write_combined(opened.folder, kept, views, proxy, partial)
            if options.distil and data and not combined.alone:
                say(f"training one network on what {combined.name} says")
                model, combined = write_distilled(opened, data, combined, proxy, partial, say)
        else:
            say("loading the model and scoring it again")
            model, combined = write_kept(kept[0], proxy, partial), None
        calibration = None
        if options.calibrate and data:
            say("fitting a temperature")
            seed = opened.record.settings.seed
            model, calibration = write_calibrated(partial, model, proxy, data.val, seed)
        written: tuple[Written, ...] = ()
        if formats:
            keras, training = load_model(partial / MODEL).model, data.train.images if data else None
            written = write_formats(keras, formats, partial, proxy, training, say)
        subject = Subject(opened, entry, model, combined, written, calibration)
        manifest = make_manifest(subject, partial / MODEL)
        write_description(partial, manifest, entry.recipe)
        write_texts(partial, subject)
        _copy_fingerprints(opened.folder.fingerprints, partial / FINGERPRINTS, say)
    return Exported(out, model, combined, written, calibration, manifest)


def _copy_fingerprints(file: Path, copy: Path, say: Say) -> None:
    """Copy those of the study's pictures, which a study of an earlier version does not have."""
    if not file.exists():
        return
    try:
        PictureFingerprints.load(file).save(copy)
    except BadInput as error:
        say(f"warning: {error}; this export does not know which pictures it was trained on")


def _comparing(models: int, views: tuple[Views, ...]) -> str:
    over = " and ".join(each for each in views if each != "none")
    what = "the model" if models == 1 else f"{models} models and their means"
    return f"comparing {what}{f' with means over {over} of a picture' if over else ''}"


def _sources(
    opened: OpenStudy, entry: Entry, options: ExportOptions
) -> tuple[list[Kept], tuple[Views, ...]]:
    """Return the kept models that may be handed over, and the views; none for the model as it is.

    Raises:
        BadInput: there is no such model, or it was not trained again and is to be averaged.
    """
    several = options.ensemble or options.distil
    if not (options.views or several):
        return [kept_model(opened.folder, entry)], ()
    if entry.confirmed is None:
        rule = "--views, --ensemble and --distil need a trial that was trained again"
        raise BadInput(f"{rule}; trial {entry.number} was not (see bcauto search --confirm)")
    kept = kept_repeats(opened.folder, entry.confirmed, opened.leaderboard.confirmed)
    views = legal_views(
        opened.export.views if options.views else "none", opened.record.data.image_size
    )
    return kept[: _CONSIDERED if several else 1], views
