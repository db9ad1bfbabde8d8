"""A space of ours as a ``keras_tuner.HyperModel``, for KerasTuner's tuners to search."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import keras_tuner

from bcauto.data.dataset import Dataset, load
from bcauto.errors import BadInput
from bcauto.models.build import build_classifier
from bcauto.proxy.make import make_proxy
from bcauto.recipe.network import Network
from bcauto.recipe.pretrained import Weights, check_models, read_weights
from bcauto.recipe.recipe import Recipe
from bcauto.seeds import derive
from bcauto.space.dimensions import Choices, Dimension, Range, Scalar, alternatives
from bcauto.space.files import find_space, read_space
from bcauto.space.space import Space
from bcauto.training.device import detect_device
from bcauto.training.losses import make_loss
from bcauto.training.run import run_trial
from bcauto.training.stages import compile_stage, plan_stages
from bcauto.trial import Job, trial_seed

__all__ = ["SpaceHyperModel", "space_hypermodel"]

_ARGUMENTS = {
    "--weights": "weights",
    "--space": "space",
    "give --image-size or ": "give ",
    "--leaks drop": 'a dataset loaded with leaks="drop"',
    "a CSV file of their labels with --labels": "a dataset loaded with ReadingRules(labels=...)",
    "--skip-damaged": "a dataset loaded with ReadingRules(skip_damaged=True)",
}
"""Command-line options that a message may name, and what to call them in Python."""


def space_hypermodel(space: Any, data: Any, weights: Any, seed: Any) -> SpaceHyperModel:
    """Make the hypermodel of ``bcauto.as_hypermodel``, with its arguments checked as by a search.

    Raises:
        BadInput: an argument breaks a rule, or they do not go together.
    """
    try:
        return _check_and_make(space, data, weights, seed)
    except BadInput as error:
        message = str(error)
        for option, argument in _ARGUMENTS.items():
            message = message.replace(option, argument)
        raise BadInput(message) from error


def _check_and_make(space: Any, data: Any, weights: Any, seed: Any) -> SpaceHyperModel:
    _check_type("space", space, (Space, str, Path), "a Space, its name or a .toml file")
    _check_type("data", data, (Dataset, str, Path), "a Dataset, an .npz file or class folders")
    _check_type("weights", weights, (str, Path), "imagenet, none or a folder of weights")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise BadInput(f"seed must be a whole number from 0 to 2**63 - 1, got {seed!r}")
    if not isinstance(space, Space):
        space = read_space(find_space(str(space)))
    source = read_weights(str(weights))
    if not isinstance(data, Dataset):
        data = load(Path(data), None, seed)
    check_models([recipe.model for recipe in space.edge_recipes], data.image_size, source)
    return SpaceHyperModel(space, data, source, seed)


def _check_type(name: str, given: Any, kinds: tuple[type, ...], legal: str) -> None:
    if not isinstance(given, kinds):
        raise BadInput(f"{name} must be {legal}, got {given!r:.80}")


class SpaceHyperModel(keras_tuner.HyperModel):  # type: ignore[misc]  # KerasTuner has no types
    """The classifiers of a space; see ``bcauto.as_hypermodel``."""

    def __init__(self, space: Space, data: Dataset, weights: Weights, seed: int) -> None:
        super().__init__()
        if not all(isinstance(recipe.model, Network) for recipe in space.edge_recipes):
            raise BadInput("as_hypermodel takes a space of networks, got one of a hypermodel")
        self.space, self.data, self.weights, self.seed = space, data, weights, seed
        proxy_seed = derive(seed, "proxy")  # as in a search
        self.proxy = make_proxy(data.val.images, data.val.labels, space.proxy, proxy_seed)

    def recipe(self, hp: Any) -> Recipe:
        """Declare every dimension in ``hp``, and return the recipe at its values."""
        for name, dimension in self.space.search.items():
            with ExitStack() as scopes:
                for parent, wanted in _conditions(self.space, name):
                    scopes.enter_context(hp.conditional_scope(parent, wanted))
                _declare(hp, name, dimension)
        return self.space.sample(_Values(hp))

    def build(self, hp: Any) -> Any:
        """Return a recipe's classifier, compiled for its last stage with (n, classes) labels."""
        recipe, data = self.recipe(hp), self.data
        assert isinstance(recipe.model, Network)  # all are
        classes = len(data.class_names)
        classifier = build_classifier(recipe.model, data.image_size, classes, self.weights)
        *_, last = plan_stages(recipe, classifier, self.weights.pretrains(recipe.model))
        loss = make_loss(recipe.training, data.train.labels, classes)
        compile_stage(classifier, last, recipe.training, loss, detect_device())
        return classifier.model

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        """Train and score the recipe as ``bcauto search`` does, or train on data of the caller's.

        Returns:
            Without data, ``objective``, ``clean_accuracy`` and ``held_out`` (0..1) by name, each of
            which can be the tuner's objective; ``model`` has the trained weights then. With data,
            what ``model.fit`` returns.

        Raises:
            BadInput: the caller has data, and the recipe averages weights, which ``model.fit`` does
                not do.
        """
        recipe = self.recipe(hp)
        if args or "x" in kwargs:
            if average := recipe.training.weight_average:
                rule = "training.weight_average must be 0 where data is passed to fit"
                raise BadInput(f"{rule}, got {average}")
            return model.fit(*args, **kwargs)
        seed = trial_seed(self.seed, recipe)
        with tempfile.TemporaryDirectory(prefix="bcauto-") as folder:
            job = Job(0, recipe, seed, Path(folder) / "model.keras")
            result = run_trial(job, self.data, self.proxy, self.weights, lambda *_: None)
            trained = keras.saving.load_model(job.model_path, compile=False)
        model.set_weights(trained.get_weights())
        scores = {"objective": result.objective, "clean_accuracy": result.clean_accuracy}
        if (held_out := result.scores.mean_held_out) is not None:
            scores["held_out"] = held_out
        callbacks = keras.callbacks.CallbackList(kwargs.get("callbacks", []), model=model)
        callbacks.on_epoch_end(result.run.epochs - 1, dict(scores))  # tuners save the weights in it
        return scores


@dataclass(frozen=True)
class _Values:
    """The values that KerasTuner has chosen, for ``Space.sample``."""

    hp: Any

    def choose(self, name: str, options: Sequence[Scalar]) -> Scalar:
        return options[_labels(options).index(self.hp.get(name))]

    def number(self, name: str, bounds: Range) -> float:
        value = self.hp.get(name)
        return int(value) if bounds.integer else min(float(value), float(bounds.high))


def _declare(hp: Any, name: str, dimension: Dimension) -> None:
    """Declare a dimension as a hyperparameter."""
    if isinstance(dimension, Choices):
        hp.Choice(name, _labels(dimension.options))
        return
    sampling = "log" if dimension.log or dimension.reverse_log else "linear"
    kind = hp.Int if dimension.integer else hp.Float
    kind(name, dimension.low, dimension.high, step=dimension.step, sampling=sampling)


def _labels(options: Sequence[Scalar]) -> list[Scalar]:
    """Return what KerasTuner chooses from: values of one type as they are, others as JSON."""
    kinds = {type(option) for option in options}
    if len(kinds) == 1 and bool not in kinds:
        return list(options)
    return [json.dumps(option) for option in options]


def _conditions(space: Space, name: str) -> list[tuple[str, list[Scalar]]]:
    """Return the conditional scopes of a dimension: its parent's, and its own last condition.

    KerasTuner's scopes are nested, so further conditions are left out; a hyperparameter that they
    rule out is declared, but not used.
    """
    if not space.search[name].when:
        return []
    parent, wanted = list(space.search[name].when.items())[-1]
    dimension = space.search[parent]
    options = [dimension.option(value) for value in alternatives(wanted)]
    if isinstance(dimension, Choices):
        labels = _labels(dimension.options)
        options = [labels[dimension.options.index(option)] for option in options]
    return [*_conditions(space, parent), (parent, options)]
