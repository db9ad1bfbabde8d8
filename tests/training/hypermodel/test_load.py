"""A hypermodel loaded by its name."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.keras


def test_a_class_gets_shape_and_classes_by_the_names_that_it_has(tutorials, monkeypatch):
    import sys

    from bcauto.training.hypermodel.load import load_hypermodel

    monkeypatch.setitem(sys.modules, "tutorial_models", tutorials)
    made = load_hypermodel("tutorial_models:ConvolutionalModel", (24, 32), 5)
    assert (made.input_shape, made.num_classes) == ((24, 32, 3), 5)
    resnet = load_hypermodel("keras_tuner.applications:HyperResNet", (48, 32), 7)
    assert (resnet.input_shape, resnet.classes) == ((48, 32, 3), 7)


def test_a_long_error_is_cut():
    from bcauto.training.hypermodel.load import in_one_line

    assert in_one_line(ValueError("a\n\n  b")) == "ValueError: a b"
    assert in_one_line(ValueError()) == "ValueError"
    assert len(in_one_line(ValueError("word " * 1000))) < 400
