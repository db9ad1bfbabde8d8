"""Keras models from recipes: a backbone with its preprocessing inside, and a head."""

from bcauto.models.blocks import Block, blocks_of, count_frozen
from bcauto.models.build import Classifier, build_classifier, count_trainable
from bcauto.models.described import count_described

__all__ = [
    "Block",
    "Classifier",
    "blocks_of",
    "build_classifier",
    "count_described",
    "count_frozen",
    "count_trainable",
]
