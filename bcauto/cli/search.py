"""``bcauto search``: begins a study, or goes on with it."""

from __future__ import annotations

from pathlib import Path

from bcauto.cli.options import (
    ConfirmLengthOption,
    ConfirmOption,
    ConfirmRepeatsOption,
    DataOption,
    EpochTimeoutOption,
    ExecutorOption,
    GpusPerTrialOption,
    GroupsOption,
    HypermodelOption,
    ImageSizeOption,
    InputScaleOption,
    KeepOption,
    LabelsOption,
    LeaksOption,
    PreferOption,
    ProxyAddOption,
    ProxyDataOption,
    RayAddressOption,
    ResizeOption,
    SamplerOption,
    SeedOption,
    SkipDamagedOption,
    SpaceOption,
    StorageOption,
    StudiesDir,
    StudyOption,
    TimeoutOption,
    TrialsOption,
    WeightsOption,
    WorkersOption,
    given_settings,
)
from bcauto.errors import Interrupted
from bcauto.interrupts import watch_signals
from bcauto.study.settings import Settings

__all__ = ["search"]


def search(  # one parameter an option
    data: DataOption = None,
    labels: LabelsOption = None,
    groups: GroupsOption = None,
    space: SpaceOption = None,
    trials: TrialsOption = None,
    timeout: TimeoutOption = None,
    study: StudyOption = None,
    weights: WeightsOption = None,
    image_size: ImageSizeOption = None,
    resize: ResizeOption = None,
    seed: SeedOption = None,
    sampler: SamplerOption = None,
    keep: KeepOption = None,
    confirm: ConfirmOption = None,
    confirm_repeats: ConfirmRepeatsOption = None,
    confirm_length: ConfirmLengthOption = None,
    prefer: PreferOption = None,
    workers: WorkersOption = None,
    gpus_per_trial: GpusPerTrialOption = None,
    executor: ExecutorOption = None,
    ray_address: RayAddressOption = None,
    epoch_timeout: EpochTimeoutOption = None,
    leaks: LeaksOption = None,
    skip_damaged: SkipDamagedOption = None,
    proxy_data: ProxyDataOption = None,
    proxy_add: ProxyAddOption = None,
    hypermodel: HypermodelOption = None,
    input_scale: InputScaleOption = None,
    studies_dir: StudiesDir = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Search for the best recipe, or go on searching.

    The same command again goes on where the search stopped; --study alone is enough, too.
    """
    given = given_settings(Settings, locals())
    with watch_signals() as interrupts:
        # Imported here, or `bcauto --help` would wait for them.
        from rich.console import Console

        from bcauto.display.search_screen import SearchScreen
        from bcauto.driver.plan import plan_search
        from bcauto.driver.run import run_search

        try:
            with Console().status("checking data, space and weights"):  # in a terminal only
                plan = plan_search(given, studies_dir, study)
        except Interrupted as error:
            error.outcome = "nothing was begun and nothing written, the same command begins anew"
            raise
        with SearchScreen(plan) as screen, interrupts.held(plan.settings.executor == "ray"):
            study_and_confirmed = run_search(plan, screen, interrupts.check)
        screen.conclude(*study_and_confirmed)
