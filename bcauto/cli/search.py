"""``bcauto search``: one study, searched or searched on."""

from __future__ import annotations

from pathlib import Path

from bcauto.cli.interrupts import watch_signals
from bcauto.cli.options import (
    ConfirmOption,
    ConfirmRepeatsOption,
    DataOption,
    EpochTimeoutOption,
    ExecutorOption,
    GpusPerTrialOption,
    HypermodelOption,
    ImageSizeOption,
    InputScaleOption,
    KeepOption,
    LeaksOption,
    ProxyAddOption,
    ProxyDataOption,
    RayAddressOption,
    SamplerOption,
    SeedOption,
    SpaceOption,
    StorageOption,
    StudiesDir,
    StudyOption,
    TimeoutOption,
    TrialsOption,
    WeightsOption,
    WorkersOption,
    only_given,
    parse_duration,
    parse_keep,
    parse_number,
)
from bcauto.errors import Interrupted

__all__ = ["search"]


def search(  # one parameter an option
    data: DataOption = None,
    space: SpaceOption = None,
    hypermodel: HypermodelOption = None,
    input_scale: InputScaleOption = None,
    trials: TrialsOption = None,
    timeout: TimeoutOption = None,
    epoch_timeout: EpochTimeoutOption = None,
    study: StudyOption = None,
    workers: WorkersOption = None,
    gpus_per_trial: GpusPerTrialOption = None,
    ray_address: RayAddressOption = None,
    executor: ExecutorOption = None,
    weights: WeightsOption = None,
    image_size: ImageSizeOption = None,
    leaks: LeaksOption = None,
    proxy_data: ProxyDataOption = None,
    proxy_add: ProxyAddOption = None,
    sampler: SamplerOption = None,
    seed: SeedOption = None,
    keep: KeepOption = None,
    confirm: ConfirmOption = None,
    confirm_repeats: ConfirmRepeatsOption = None,
    studies_dir: StudiesDir = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Search for the best recipe; the same command again goes on where it stopped.

    Without --data it searches on built-in cells, with the space "quick".
    """
    given = only_given(
        data=None if data is None else str(data),
        space=space,
        hypermodel=hypermodel,
        input_scale=parse_number(input_scale),
        trials=parse_number(trials),
        timeout=parse_duration("--timeout", timeout),
        epoch_timeout=parse_duration("--epoch-timeout", epoch_timeout),
        workers=parse_number(workers),
        gpus_per_trial=parse_number(gpus_per_trial),
        ray_address=ray_address,
        executor=executor,
        weights=weights,
        image_size=parse_number(image_size),
        leaks=leaks,
        proxy_data=None if proxy_data is None else str(proxy_data),
        proxy_add=None if proxy_add is None else str(proxy_add),
        sampler=sampler,
        seed=parse_number(seed),
        keep=None if keep is None else parse_keep(keep),
        confirm=parse_number(confirm),
        confirm_repeats=parse_number(confirm_repeats),
        storage=storage,
    )
    with watch_signals() as interrupts:
        # Here, or `bcauto --help` would wait for them.
        from rich.console import Console

        from bcauto.cli.screen import SearchScreen
        from bcauto.search.plan import plan_search
        from bcauto.search.run import run_search

        try:
            with Console().status("checking data, space and weights"):  # a terminal's only
                plan = plan_search(given, studies_dir, study)
        except Interrupted as error:
            error.outcome = "nothing was begun and nothing written, the same command begins anew"
            raise
        with SearchScreen(plan) as screen, interrupts.held(plan.settings.executor == "ray"):
            study_and_confirmed = run_search(plan, screen, interrupts.check)
        screen.conclude(*study_and_confirmed)
