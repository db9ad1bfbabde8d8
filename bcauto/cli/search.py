"""``bcauto search``: one study, searched or searched on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bcauto.cli.interrupts import watch_signals
from bcauto.cli.options import (
    DataOption,
    StorageOption,
    StudiesDir,
    only_given,
    parse_duration,
    parse_keep,
)

__all__ = ["search"]


def search(  # one parameter an option
    data: DataOption = None,
    space: Annotated[
        str | None, typer.Option(help="A space's name, or a .toml file.", metavar="NAME|FILE")
    ] = None,
    trials: Annotated[
        int | None, typer.Option(help="Finished trials to reach in total. [default: 100]")
    ] = None,
    timeout: Annotated[
        str | None, typer.Option(help="Time for this run, such as 2h or 40m.", metavar="TIME")
    ] = None,
    study: Annotated[
        str | None, typer.Option(help="Its name. [default: made of data and space]")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Trials at a time. [default: by GPUs, else cores up to 2]")
    ] = None,
    gpus_per_trial: Annotated[
        float | None, typer.Option(help="Share of a GPU for each trial. [default: 1]")
    ] = None,
    ray_address: Annotated[
        str | None, typer.Option(help="A Ray cluster to run on. [default: a Ray of our own]")
    ] = None,
    executor: Annotated[
        Literal["ray", "inline"] | None, typer.Option(help="What runs the trials. [default: ray]")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Pretrained weights: imagenet, none, or a folder of <backbone>.weights.h5 files."
            " [default: imagenet]",
            metavar="imagenet|none|DIR",
        ),
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Side in px to resize to. [default: as the data has it]")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything random. [default: 0]")] = None,
    keep: Annotated[
        str | None,
        typer.Option(help="Best trials that keep their model. [default: 5]", metavar="N|all"),
    ] = None,
    studies_dir: StudiesDir = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Search for the best recipe; the same command again goes on where it stopped.

    Without --data it searches on built-in cells, with the space "quick".
    """
    given = only_given(
        data=None if data is None else str(data),
        space=space,
        trials=trials,
        timeout=None if timeout is None else parse_duration(timeout),
        workers=workers,
        gpus_per_trial=gpus_per_trial,
        ray_address=ray_address,
        executor=executor,
        weights=weights,
        image_size=image_size,
        seed=seed,
        keep=None if keep is None else parse_keep(keep),
        storage=storage,
    )
    with watch_signals() as interrupts:
        # Here, or `bcauto --help` would wait for them.
        from bcauto.cli.screen import SearchScreen
        from bcauto.search import plan_search, run_search

        plan = plan_search(given, studies_dir, study)
        with SearchScreen(plan) as screen, interrupts.held(plan.settings.executor == "ray"):
            finished = run_search(plan, screen, interrupts.check)
        screen.conclude(finished)
