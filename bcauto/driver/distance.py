"""How near the training of a study comes to each corruption of its proxy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bcauto.errors import BadInput
from bcauto.hardware import count_cores
from bcauto.proxy.corruptions import OWN, CorruptionAtSeverity
from bcauto.proxy.distance import Distance, Extract, distances_by_family, training_distances
from bcauto.recipe.network import Network
from bcauto.recipe.pretrained import Weights, check_weights, read_weights
from bcauto.recipe.recipe import Recipe
from bcauto.results.kept import kept_model
from bcauto.results.open_study import OpenStudy
from bcauto.seeds import generator
from bcauto.space.files import read_space
from bcauto.space.space import given_recipe
from bcauto.study_data import load_data
from bcauto.training.device import start_keras

__all__ = ["MeasuredDistances", "measure_distances"]

_NETWORK = Network(
    backbone="MobileNet", alpha=0.25, image_side=96
)  # the smallest that is pretrained
_FILE = _NETWORK.entry.weights_name(_NETWORK.alpha)
_IMAGES = 50  # Mintun et al. encode a transform by 100
_SAMPLES = 150  # they sample 100,000; these take less than a minute on two cores


@dataclass(frozen=True)
class MeasuredDistances:
    """Distances of a study's corruptions, and what they were measured with.

    Attributes:
        recipe: whose augmentation it is, in words.
        features: whose features they are, in words.
        images: how many validation images were transformed.
        samples: how many transforms the augmentation sampled.
        corruptions: the distance of each corruption at a severity.
    """

    recipe: str
    features: str
    images: int
    samples: int
    corruptions: dict[CorruptionAtSeverity, Distance]

    @property
    def families(self) -> dict[str, Distance]:
        """The mean distances over each family's corruptions."""
        return distances_by_family(self.corruptions)

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values, as ``bcauto proxy --distance --json`` prints them."""
        return {
            "recipe": self.recipe,
            "features": self.features,
            "images": self.images,
            "samples": self.samples,
            "families": {family: asdict(each) for family, each in self.families.items()},
            "corruptions": {each.name: asdict(found) for each, found in self.corruptions.items()},
        }


def measure_distances(
    opened: OpenStudy, corruptions: Sequence[CorruptionAtSeverity], weights: str | None = None
) -> MeasuredDistances:
    """Return how near a study's augmentation brings training to each of the corruptions.

    The augmentation is that of the winner or, before a trial is complete, of the space's first
    recipe. The features are those of the smallest pretrained network, with the weights given or
    else the folder of weights that the study has; without either, those of the study's best model.
    That model learned not to see what its training did, so that its distances are smaller.

    Args:
        opened: the study; its data are read again.
        corruptions: those of its proxy. The user's own images are left out.
        weights: where pretrained weights come from, as ``--weights`` has it.

    Raises:
        BadInput: there is no network to take features from, or the data cannot be read.
    """
    source = _source(weights, opened.record.settings.weights)
    recipe, whose = _recipe(opened)
    file = None if source else _best_model(opened)
    images = _some(load_data(opened.record.settings).val.images)
    if source:
        check_weights(source, [_NETWORK], images.shape[1:3])
    start_keras(count_cores())
    extract, features = _features(source, file, images.shape[1:3])
    real = [each for each in corruptions if each.family != OWN]
    found = training_distances(extract, images, recipe.augment, real, _SAMPLES)
    return MeasuredDistances(whose, features, len(images), _SAMPLES, found)


def _source(given: str | None, stored: str) -> Weights | None:
    """Return where pretrained weights come from; None if they are neither given nor at hand."""
    if given is None:
        at_hand = Path(stored) / _FILE
        return Weights(stored) if at_hand.is_file() else None
    source = read_weights(given)
    if not source.pretrains(_NETWORK):
        raise BadInput(f"--weights must be imagenet or a folder with --distance, got {given!r}")
    if source.folder and not (source.folder / _FILE).is_file():
        raise BadInput(f"--weights {given} lacks {_FILE}, whose features --distance compares")
    return source


def _recipe(opened: OpenStudy) -> tuple[Recipe, str]:
    """Return the recipe that stands for the study, and what it is in words."""
    if best := opened.leaderboard.winner:
        return best.recipe, f"trial {best.number}"
    space = read_space(opened.folder.space)
    first = space.start[0] if space.start else {}
    return given_recipe(first) or space.at(first), "the space's first recipe"


def _best_model(opened: OpenStudy) -> Path:
    """Return the file of the model that stands for the study.

    Raises:
        BadInput: there is none, so that ``--weights`` has to name features.
    """
    best = opened.leaderboard.winner
    needs = f"--distance needs a network's features: give --weights DIR with {_FILE}"
    if not best:
        raise BadInput(f"{needs}, or wait until a trial is complete")
    try:
        return kept_model(opened.folder, best).file
    except BadInput as error:
        raise BadInput(f"{needs} ({error})") from None


def _features(
    source: Weights | None, file: Path | None, image_size: tuple[int, int]
) -> tuple[Extract, str]:
    """Return a function that gives features, and whose they are in words."""
    from bcauto.models.features import penultimate_features, pretrained_features  # imports Keras

    if source:
        return pretrained_features(_NETWORK, image_size, source), f"pretrained {_NETWORK.label}"
    from bcauto.export.load import load_model

    assert file is not None
    return penultimate_features(load_model(file).model), f"the study's own model {file.name}"


def _some(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return up to 50 images, each at most once."""
    order = generator(0, "distance").permutation(len(images))
    return images[np.sort(order[:_IMAGES])]
