"""``bcauto.search``: begins a study, or goes on with it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Unpack

from bcauto.api.data import Data, as_arrays, as_path, as_study_file
from bcauto.api.settings import SearchSettings, given, lists_settings
from bcauto.api.study import Study
from bcauto.api.words import in_python
from bcauto.display.search_screen import SearchScreen
from bcauto.display.waiting import waiting
from bcauto.driver.inputs import default_name
from bcauto.driver.plan import Plan, plan_search
from bcauto.driver.run import run_search
from bcauto.errors import Interrupted, NothingUsable
from bcauto.interrupts import Interrupts, watch_signals
from bcauto.report.after_search import report_after_search
from bcauto.study.callbacks import Callback
from bcauto.study.folder import StudyFolder, check_name
from bcauto.study.monitor import Monitor
from bcauto.study.settings import Settings
from bcauto.training.shared_process import process_kept

__all__ = ["search"]


@lists_settings(Settings)
def search(
    data: Data = None,
    *,
    class_names: Sequence[str] | None = None,
    study: str | None = None,
    studies_dir: str | os.PathLike[str] = "studies",
    callbacks: Sequence[Callback] = (),
    progress: bool = True,
    **settings: Unpack[SearchSettings],
) -> Study:
    """Search for the best recipe, or go on searching.

    The same call again goes on where the search stopped, to the same total. Ctrl-C, or a
    notebook's stop button, saves all and raises KeyboardInterrupt.

    Args:
        data: an ``.npz`` file, or a folder or zip of class folders; or arrays, as
            ``(images, labels)``, ``(images, labels, val_images, val_labels)``, or a mapping with
            the names of an npz file's arrays. Arrays are written once, to ``data.npz`` in the
            study's folder. None: a study's own, or the built-in cells.
        class_names: of arrays, in the order of the labels.
        study: name of the study. Default: made of data and space.
        studies_dir: folder of the studies.
        callbacks: functions of (study, trial) as Optuna's, called in this process after each trial
            of the search that ends. ``study.stop()`` in one ends the search there: trials that
            run are given back, and the best so far are trained again (``confirm=0``: none is).
            What one raises ends the search at once, and all is saved.
        progress: whether to show the search.
    {settings}

    Raises:
        BadInput: something breaks a rule, or the study was begun with something else.
        NothingUsable: no trial was completed, trial after trial fails, or disk or storage do.
        Interrupted: a signal arrived; it is a KeyboardInterrupt.
    """
    options, studies = given(settings), Path(studies_dir)
    with in_python(), watch_signals() as interrupts, process_kept():
        file: AbstractContextManager[Path | None] = nullcontext(as_path(data))
        if (arrays := as_arrays(data, class_names)) is not None:
            study = check_name(study or default_name({**options, "data": "arrays"}))
            file = as_study_file(arrays, StudyFolder((studies / study).resolve()))
        with file as path:
            plan = _plan({**options, **({"data": str(path)} if path else {})}, studies, study)
            _run(plan, interrupts, callbacks, progress)
    return Study(plan.folder.name, studies, options.get("storage"))


def _plan(options: dict[str, Any], studies: Path, study: str | None) -> Plan:
    try:
        with waiting("checking data, space and weights"):
            return plan_search(options, studies, study)
    except Interrupted as error:
        error.outcome = "nothing was begun and nothing written, the same command begins anew"
        raise


def _run(plan: Plan, interrupts: Interrupts, callbacks: Sequence[Callback], progress: bool) -> None:
    screen = SearchScreen(plan) if progress else None
    with screen or nullcontext(), interrupts.held(plan.settings.executor == "ray"):
        found = run_search(plan, screen or Monitor(), interrupts.check, callbacks)
    try:
        if screen:
            screen.conclude(*found)
        elif not found[1].entries:
            raise NothingUsable(f"no trial of study {plan.folder.name!r} was completed")
    finally:  # also where no trial was completed: the report says why
        report_after_search(plan.folder, plan.url, screen.notice if screen else lambda _: None)
