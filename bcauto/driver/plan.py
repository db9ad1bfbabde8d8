"""A search that has passed every check, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from bcauto.data.dataset import Dataset
from bcauto.driver.inputs import read_inputs
from bcauto.driver.materials import gather_materials, study_proxy
from bcauto.driver.record import make_record
from bcauto.execute.contract import Node, Slots
from bcauto.io.disk import check_room
from bcauto.proxy.own_images import OwnImages
from bcauto.proxy.proxy import Proxy
from bcauto.recipe.pretrained import Weights
from bcauto.seeds import derive
from bcauto.space.space import Confirmation, Space
from bcauto.study.folder import StudyFolder
from bcauto.study.settings import Settings, StudyRecord

__all__ = ["Plan", "plan_search"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A search that has passed every check.

    Attributes:
        folder: the paths of the study.
        settings: what this run was given, merged with what the study stored.
        record: what the study will store in ``study.toml``.
        url: the storage's URL, password included; it is never stored.
        resumed: whether the study was begun before.
        space: recipes are sampled from it.
        space_text: the space as TOML, for the study to keep.
        data: the training and validation images.
        own: the user's own images for the proxy, if there are any.
        proxy: trials are scored on it.
        weights: where pretrained weights are read from.
    """

    folder: StudyFolder
    settings: Settings
    record: StudyRecord
    url: str = field(repr=False)
    resumed: bool
    space: Space
    space_text: str
    data: Dataset
    own: OwnImages | None
    proxy: Proxy
    weights: Weights

    @property
    def confirmation(self) -> Confirmation:
        """The confirmation after the search: as the user gave it, or else as the space says."""
        return self.settings.confirmation(self.space.confirm)

    @cached_property
    def slots(self) -> Slots:
        """How many trials run at a time on this machine, and what each gets.

        Cached, since a search with a time limit reads it at every report, and looking for GPUs
        starts a process.
        """
        return self.slots_on([Node.here()])

    def slots_on(self, nodes: Sequence[Node]) -> Slots:
        """Return the slots of these machines."""
        workers = 1 if self.settings.executor == "inline" else self.settings.workers
        return Slots.on(nodes, workers, self.settings.gpus_per_trial)

    @property
    def unwritten(self) -> int:
        """Bytes of proxies still to be written; the confirmation's is as large as the search's."""
        proxies = [self.folder.proxy]
        if self.confirmation.top:
            proxies.append(self.folder.confirm_proxy)
        return sum(self.proxy.images.nbytes for path in proxies if not path.exists())

    def confirm_proxy(self) -> Proxy:
        """Return the proxy of the confirmation: the same validation images, corrupted anew."""
        seed = derive(self.settings.seed, "confirm")
        return study_proxy(self.data, self.space.proxy, seed, self.own)


def plan_search(given: Mapping[str, Any], studies: Path, study: str | None) -> Plan:
    """Return everything a search needs, checked; nothing is written.

    Args:
        given: the settings that the user gave, by the names of ``Settings``; the rest comes from
            the study, if there is one, and then from the defaults.
        studies: folder of the studies.
        study: name of the study; None for a name made of data and space.

    Raises:
        BadInput: something breaks a rule, or the study was begun with something else.
    """
    inputs = read_inputs(given, studies, study)
    materials = gather_materials(inputs)
    record = make_record(inputs, materials)
    plan = Plan(
        folder=inputs.folder,
        settings=inputs.settings,
        record=record,
        url=inputs.url,
        resumed=inputs.stored is not None,
        space=materials.space,
        space_text=materials.space_text,
        data=materials.data,
        own=materials.own,
        proxy=materials.proxy,
        weights=materials.weights,
    )
    check_room(plan.folder.path, plan.unwritten)
    return plan
