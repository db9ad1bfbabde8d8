"""Keras models from recipes: a backbone with its preprocessing inside, and a head."""

from bcauto.models.build import Classifier, build_classifier

__all__ = ["Classifier", "build_classifier"]
