from __future__ import annotations

import importlib.util

import pytest

from bcauto.export.formats import names
from bcauto.export.formats.names import check_formats


def names_of(*given):
    return [each.name for each in check_formats(given)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), []),
        (("keras",), ["keras"]),
        (("onnx",), ["keras", "onnx"]),
        (("codabench, ONNX", "litert", "onnx"), ["keras", "onnx", "litert", "codabench"]),
        (("litert-int8,savedmodel",), ["keras", "litert-int8", "savedmodel"]),
    ],
)
def test_names_may_be_repeated_or_listed_and_keras_is_always_there(given, expected):
    assert names_of(*given) == expected


@pytest.mark.parametrize("given", ["onx", "onnx,", "", "tflite"])
def test_an_unknown_format_is_refused_with_those_there_are(given, refused):
    legal = "codabench, keras, litert, litert-int8, onnx, savedmodel"
    with refused(rf"^unknown --format '.*'; .*Legal: {legal}$"):
        check_formats([given])


@pytest.mark.parametrize(
    ("name", "module", "message"),
    [
        (
            "onnx",
            "tf2onnx",
            r'^--format onnx needs tf2onnx, which is .*: pip install "bcauto\[onnx\]"$',
        ),
        ("litert-int8", "ai_edge_litert", r'needs ai_edge_litert, .* "bcauto\[litert\]"$'),
    ],
)
def test_what_is_not_installed_is_named_with_its_remedy(
    name, module, message, monkeypatch, refused
):
    found = importlib.util.find_spec
    monkeypatch.setattr(names, "find_spec", lambda one: None if one == module else found(one))
    with refused(message):
        check_formats([name])
    assert names_of("savedmodel") == ["keras", "savedmodel"]


def test_all_that_is_not_installed_is_named_at_once(monkeypatch, refused):
    monkeypatch.setattr(names, "find_spec", lambda one: None)
    with refused("needs onnx and tf2onnx and onnxruntime, which are not installed"):
        check_formats(["onnx"])


def test_other_backends_export_only_keras(monkeypatch, refused):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert names_of("keras") == ["keras"]
    with refused("^--format onnx, savedmodel needs Keras on tensorflow, got 'jax'"):
        check_formats(["savedmodel", "onnx"])
