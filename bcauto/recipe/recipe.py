"""A recipe: one point of the search space, everything that one training needs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Discriminator, Tag, model_validator

from bcauto.augment.policies import Augment
from bcauto.errors import did_you_mean
from bcauto.io.toml import Frozen, checked, merged, read_extending, to_toml
from bcauto.recipe.bundled_files import find_bundled
from bcauto.recipe.network import Hypermodel, Network
from bcauto.recipe.training import Training, replaced_by_stages

__all__ = ["Recipe", "changed_recipe", "find_recipe", "read_recipe", "replaced_by_changes"]

_FOR_HYPERMODELS = (
    "batch_size",
    "epochs",
    "monitor",
    "early_stopping",
    "restore_best",
    "balance",
    "oversample_to",
)
"""Fields of a hypermodel's training; the rest comes from the ``compile`` in its ``build``."""


def _kind(model: Any) -> str:
    hypermodel = isinstance(model, Hypermodel) or (
        isinstance(model, dict) and "hypermodel" in model
    )
    return "Hypermodel" if hypermodel else "Network"


class Recipe(Frozen):
    """Model, training and augmentation of one trial; equal recipes have equal fingerprints."""

    model: Annotated[
        Annotated[Network, Tag("Network")] | Annotated[Hypermodel, Tag("Hypermodel")],
        Discriminator(_kind),
    ]
    training: Training = Training()
    augment: Augment = Augment()

    @model_validator(mode="after")
    def _stages_freeze_layers_that_are_there(self) -> Recipe:
        if isinstance(self.model, Hypermodel):
            return self
        for number, stage in enumerate(self.training.stages):
            try:
                stage.check_fits(self.model.entry)
            except ValueError as error:
                raise ValueError(f"training.stages.{number}: {error}") from None
        return self

    @model_validator(mode="after")
    def _has_nothing_that_stages_replace(self) -> Recipe:
        if isinstance(self.model, Hypermodel):
            return self
        for key in replaced_by_stages([stage.model_dump() for stage in self.training.stages]):
            table, name = key.split(".")
            part: Network | Training = getattr(self, table)
            got = getattr(part, name)
            if got != type(part).model_fields[name].default:
                rule = f"{key} must be left out beside training.stages, which say it themselves"
                raise ValueError(f"{rule}, got {got}")
        return self

    @model_validator(mode="after")
    def _leaves_a_hypermodel_its_own_training(self) -> Recipe:
        if not isinstance(self.model, Hypermodel):
            return self
        shared = {name: getattr(self.training, name) for name in _FOR_HYPERMODELS}
        plain = Training(**shared)
        for name in Training.model_fields:
            got = getattr(self.training, name)
            if got != getattr(plain, name):
                rule = f"training.{name} belongs to the hypermodel's own compile"
                raise ValueError(f"{rule}, got {got!r}; {did_you_mean(name, _FOR_HYPERMODELS)}")
        if self.training.balance == "class_weight":
            raise ValueError("training.balance of a hypermodel must be none or oversample")
        return self

    def longer(self, length: float) -> Recipe:
        """Return the recipe with ``length`` times the epochs; see ``Training.longer``.

        Args:
            length: 1 or more.
        """
        if length == 1:
            return self
        return self.model_copy(update={"training": self.training.longer(length)})

    def all_epochs(self, pretrained: bool) -> int:
        """Return the epochs of the whole training, if nothing stops early.

        Without pretrained weights, as in a hypermodel, no stage trains the head alone.
        """
        training = self.training
        if pretrained:
            return training.all_epochs
        whole = [stage.epochs for stage in training.stages if stage.trainable_layers != 0]
        return sum(whole) or (training.stages[-1] if training.stages else training).epochs

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over every value, defaults included but for those of newer keys."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def to_toml(self) -> str:
        """Return the recipe as a TOML document that ``read_recipe`` reads back."""
        own = isinstance(self.model, Hypermodel)
        idle = Training.model_fields.keys() - set(_FOR_HYPERMODELS) if own else set()
        return to_toml(self, exclude={"training": idle})


def find_recipe(name: str) -> Path:
    """Return the file of a recipe given by path (ends in ``.toml``) or by name.

    Raises:
        BadInput: there is no recipe of that name.
    """
    return find_bundled("recipe", name)


def read_recipe(path: Path) -> Recipe:
    """Return the recipe in a TOML file, which may change some lines of another.

    ``extends`` names the other: a bundled recipe, or a ``.toml`` file from the file's folder.
    Tables merge key by key, lists are replaced; stages replace all that has no effect beside them.

    Raises:
        BadInput: a file cannot be read, or a value breaks a rule.
    """
    return checked(Recipe, read_extending(Recipe, path, find_recipe, changed_recipe), path)


def changed_recipe(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the raw table of a recipe, or of part of one, that extends ``base`` by ``changes``."""
    replaced = replaced_by_changes(changes)
    left = {
        table: {key: value for key, value in part.items() if f"{table}.{key}" not in replaced}
        if isinstance(part, dict)
        else part
        for table, part in base.items()
    }
    return merged(left, changes)


def replaced_by_changes(changes: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the dotted keys that the stages in a raw table of a recipe replace."""
    training = changes.get("training")
    stages = training.get("stages") if isinstance(training, dict) else None
    tables = isinstance(stages, list) and all(isinstance(stage, dict) for stage in stages)
    return replaced_by_stages(stages) if stages and tables else ()
