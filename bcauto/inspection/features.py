"""The features that pictures are compared by: of a pretrained network, or colour and texture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bcauto.data.labelled import Images
from bcauto.errors import BadInput, did_you_mean
from bcauto.hardware import count_cores
from bcauto.inspection.texture import texture_features
from bcauto.recipe.backbones import BACKBONES
from bcauto.recipe.network import Network
from bcauto.recipe.pretrained import Weights, check_weights, is_at_hand, read_weights

__all__ = [
    "Extractor",
    "Features",
    "Standard",
    "check_weights_folder",
    "find_extractor",
    "standard_of",
]

Features = NDArray[np.float32]
"""(n, d), a row for each picture."""

_FIRST = ("MobileNet-0.25", "MobileNet-0.5", "MobileNet-0.75", "MobileNetV2-0.35")
"""Looked for first, as the fastest."""
_LEAST_SIDE = 96  # px: smaller pictures are enlarged, as networks see little in them
_MOST_SIDE = 160  # px: larger ones are made smaller, as they would take long
_BATCH = 128


@dataclass(frozen=True, eq=False)
class Standard:
    """What makes features comparable: each is centred, and scaled to a deviation of 1.

    What all pictures have in common then says nothing of two of them.

    Attributes:
        mean: (d,).
        deviation: (d,); infinite for a feature that is the same in all pictures.
    """

    mean: Features
    deviation: Features

    def __call__(self, raw: Features) -> Features:
        """Return features (n, d), standardised."""
        found: Features = (raw - self.mean) / self.deviation
        return found


def standard_of(raw: Features) -> Standard:
    """Return how features (n, d) are standardised; each picture's content should be there once."""
    deviation = raw.std(axis=0)
    same = deviation <= 1e-6 * max(float(deviation.max()), 1e-9)
    return Standard(raw.mean(axis=0), np.where(same, np.float32(np.inf), deviation))


@dataclass(frozen=True)
class Extractor:
    """What gives features.

    Attributes:
        network: pretrained; None for colour and texture.
        weights: where its weights come from.
    """

    network: Network | None
    weights: Weights

    @property
    def label(self) -> str:
        """Whose features they are, in words."""
        return f"{self.network.label}, pretrained" if self.network else "colour and texture"

    def start(self, image_size: tuple[int, int]) -> Callable[[Images], Features]:
        """Return what gives the features of images (n, h, w, 3) uint8 of a size; starts Keras."""
        if self.network is None:
            return texture_features
        from bcauto.training.device import start_keras

        start_keras(count_cores())
        from bcauto.models.features import pretrained_features

        extract = pretrained_features(self.network, image_size, self.weights)

        def in_batches(images: Images) -> Features:
            batches = [images[at : at + _BATCH] for at in range(0, len(images), _BATCH)]
            return np.concatenate([extract(batch) for batch in batches]).astype(np.float32)

        return in_batches


def find_extractor(
    weights: str | None, backbone: str | None, image_size: tuple[int, int]
) -> Extractor:
    """Return what gives features, checked before any work.

    Args:
        weights: ``imagenet``, ``none`` or a folder of weights; None takes a network whose ImageNet
            weights Keras has downloaded before.
        backbone: a label such as ``MobileNet-0.25``; None takes a small one that is at hand.
            Without any there are colour and texture.
        image_size: (height, width) of the pictures in px.

    Raises:
        BadInput: the weights or the backbone do not exist, or do not go together.
    """
    source = read_weights(weights) if weights is not None else Weights("imagenet")
    if backbone is not None:
        network = _network(backbone, image_size)
        if not source.pretrains(network):
            rule = "--backbone needs pretrained weights"
            raise BadInput(f"{rule}, got --backbone {backbone} with --weights {source.source}")
        check_weights(source, [network], image_size)
        return Extractor(network, source)
    if source.source == "none":
        return Extractor(None, source)
    networks = [_network(name, image_size) for name in _labels()]
    found = next((n for n in networks if is_at_hand(source, n, image_size)), None)
    if found is None and source.folder:
        rule = "--weights must hold the weights of a backbone, such as mobilenet_0.25.weights.h5"
        raise BadInput(f"{rule}, got none in {source.folder}")
    if found is None and weights is not None:
        check_weights(source, networks[:1], image_size)  # it will be downloaded
        found = networks[0]
    return Extractor(found, source)


def check_weights_folder(weights: str | None) -> None:
    """Refuse what ``--weights`` cannot be, before the data is read."""
    if weights is not None:
        read_weights(weights)


def _labels() -> Iterator[str]:
    """Yield the labels of all pretrained backbones, those to look for first at the head."""
    yield from _FIRST
    pretrained = [entry for entry in BACKBONES.values() if entry.pretrained]
    for entry, alpha in [(each, alpha) for each in pretrained for alpha in each.alphas]:
        label = f"{entry.name}-{alpha}" if len(entry.alphas) > 1 else entry.name
        if label not in _FIRST:
            yield label


def _network(label: str, image_size: tuple[int, int]) -> Network:
    legal = [*_labels()]
    if label not in legal:
        hint = did_you_mean(label, legal)
        raise BadInput(f"--backbone must be a pretrained one, got {label!r}; {hint}")
    network = Network(backbone=label)
    least = max(_LEAST_SIDE, network.entry.least_side)
    side = min(max(min(image_size), least), _MOST_SIDE)
    return network.model_copy(update={"image_side": 0 if side == min(image_size) else side})
