"""What trains trials of seconds where nothing need be learnt."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bcauto.data.cleaning import Cleaning
from bcauto.data.dataset import Dataset
from bcauto.data.labelled import Labelled
from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.make import make_proxy
from bcauto.recipe.pretrained import Weights
from bcauto.training.trainer import Payload, Trainer


@pytest.fixture(scope="session")
def noise_trainer() -> Any:
    """A trainer on 48 images of 32 x 32 in four classes, without pretrained weights."""
    images = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 3), np.uint8)
    labels = np.arange(64) % 4
    train, val = Labelled(images[:48], labels[:48]), Labelled(images[48:], labels[48:])
    data = Dataset(train, val, ("a", "b", "c", "d"), Cleaning(64, 0, 0, 0))
    config = ProxyConfig(families=("colour",), held_out=(), severities=(2,), copies=2)
    proxy = make_proxy(val.images, val.labels, config, seed=2)
    return Trainer(Payload(data, proxy, Weights("none")), threads=1)
