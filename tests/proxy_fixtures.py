"""A proxy whose pictures tell what they are."""

import dataclasses

import numpy as np

from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.make import make_proxy

SIDE = 96  # px, at which a tile is drawn as it is


def coloured_proxy(copies):
    """A proxy of three classes whose every image has its colour: corruption, class and place."""
    rng = np.random.default_rng(0)
    labels = np.arange(24) % 3
    images = rng.integers(0, 256, (24, SIDE, SIDE, 3), dtype=np.uint8)
    config = ProxyConfig(
        families=("colour", "microscopy"),
        held_out=("blur", "sensor"),
        severities=(1, 3, 4, 5),
        copies=copies,
        held_out_copies=2,
    )
    proxy = make_proxy(images, labels, config, 0)
    colours = np.stack(
        [20 + 2 * proxy.corruption, 60 * (1 + proxy.labels), 5 * proxy.base], axis=-1
    )
    filled = np.broadcast_to(colours[:, None, None], proxy.images.shape).astype(np.uint8)
    return dataclasses.replace(proxy, images=filled)
