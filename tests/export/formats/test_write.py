"""Every format, run by its own runtime in the plainest way, against Keras."""

from __future__ import annotations

import ast
import re
import runpy
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bcauto.errors import NothingUsable
from bcauto.export.formats.names import FORMATS, check_formats
from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.make import make_proxy

pytestmark = pytest.mark.keras

EXACT = 1e-5


def probe_of(proxy):
    return proxy.images[proxy.probe]


def floats(proxy):
    return probe_of(proxy).astype(np.float32)


def by_onnx(file, pictures):
    from onnx import checker, load
    from onnxruntime import InferenceSession

    checker.check_model(load(file), full_check=True)
    session = InferenceSession(file)
    [taken] = session.get_inputs()
    assert (taken.name, taken.shape[1:], taken.type) == ("image", [24, 20, 3], "tensor(float)")
    return session.run(None, {taken.name: pictures})[0]


def by_litert(file, pictures):
    """One picture at a time, as on a telephone."""
    from ai_edge_litert.interpreter import Interpreter

    serve = Interpreter(str(file)).get_signature_runner("serving_default")
    [name] = serve.get_output_details()
    return np.concatenate([serve(image=picture[None])[name] for picture in pictures])


def by_saved_model(folder, pictures):
    import tensorflow as tf

    loaded = tf.saved_model.load(folder)  # its variables live as long as it does
    return loaded.serve(pictures).numpy()


@pytest.mark.parametrize(
    ("name", "predict"),
    [("onnx", by_onnx), ("litert", by_litert), ("savedmodel", by_saved_model)],
)
def test_a_format_predicts_what_keras_does(name, predict, written, proxy, expected):
    folder, found = written
    given = predict(folder / FORMATS[name].file, floats(proxy))
    assert given.shape == expected.shape
    assert np.abs(given - expected).max() < EXACT
    assert np.array_equal(given.argmax(axis=1), expected.argmax(axis=1))
    assert found[name].largest_difference < EXACT
    assert found[name].same_labels == 1


def test_the_network_tells_pictures_apart(expected):
    assert len(np.unique(expected.argmax(axis=1))) == 3
    assert expected.std(axis=0).min() > 0.01


def test_int8_is_near_and_its_difference_is_told(written, proxy, expected):
    folder, found = written
    given = by_litert(folder / "model.int8.tflite", floats(proxy))
    difference = np.abs(given - expected).max()
    assert EXACT < difference < 0.1
    assert found["litert-int8"].largest_difference == pytest.approx(difference, abs=1 / 256)
    right = given.argmax(axis=1) == proxy.labels[proxy.probe]
    assert found["litert-int8"].score == pytest.approx(right.mean(), abs=2 / 45)


def test_int8_computes_in_whole_numbers(written):
    from ai_edge_litert.interpreter import Interpreter

    folder, _ = written
    tensors = Interpreter(str(folder / "model.int8.tflite")).get_tensor_details()
    kinds = [np.dtype(tensor["dtype"]).name for tensor in tensors]
    assert kinds.count("int8") + kinds.count("int32") > 0.7 * len(kinds)


def test_scores_are_those_of_the_probe(written, proxy, expected):
    _, found = written
    right = expected.argmax(axis=1) == proxy.labels[proxy.probe]
    for name in ("keras", "onnx", "litert", "savedmodel"):
        assert found[name].score == pytest.approx(right.mean())
    assert found["codabench"].score is None
    assert found["keras"].largest_difference == 0


def test_sizes_and_times_are_told_of_every_format(written):
    folder, found = written
    for each in found.values():
        path = folder / each.file
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        assert each.bytes == sum(len(file.read_bytes()) for file in files) > 1000
        assert 0 < each.milliseconds < 1000
    assert {path.name for path in folder.iterdir()} == {each.file for each in FORMATS.values()}


@pytest.fixture(scope="module")
def submission(written, tmp_path_factory):
    """The model of the submission, as the platform makes it."""
    folder, _ = written
    place = tmp_path_factory.mktemp("platform")
    with zipfile.ZipFile(folder / "submission.zip") as archive:
        archive.extractall(place)
    return runpy.run_path(str(place / "model.py"))["Model"]()


@pytest.mark.parametrize("kind", ["uint8", "float32", "float64"])
def test_a_submission_gives_labels_as_the_platform_asks(kind, submission, written, proxy, expected):
    labels = submission.predict(probe_of(proxy).astype(kind))
    assert np.array_equal(labels, expected.argmax(axis=1))
    assert (labels.dtype, labels.shape) == (np.int64, (45,))
    assert submission.predict(probe_of(proxy)[:0].astype(kind)).shape == (0,)
    _, found = written
    assert (found["codabench"].largest_difference, found["codabench"].same_labels) == (None, 1)


def test_a_submission_needs_nothing_of_bcauto():
    from bcauto.export.formats import submission

    imported = {
        node.module if isinstance(node, ast.ImportFrom) else name.name
        for node in ast.walk(ast.parse(Path(submission.__file__).read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert imported == {"pathlib", "typing", "numpy", "tensorflow"}


def test_a_submission_resizes_pictures_of_another_size_as_training_did(submission):
    from bcauto.data.resize import resize_all

    rng = np.random.default_rng(5)
    smooth = rng.integers(30, 226, (20, 4, 4, 3)).astype(np.uint8)
    for size in ((48, 40), (13, 11)):
        given = resize_all(smooth, size)
        resized = submission._resized(given.astype(np.float32)).numpy()
        difference = np.abs(resized - resize_all(given, (24, 20)).astype(np.float32))
        assert np.median(difference) <= 1
        assert difference.mean() < 2
        assert submission.predict(given).shape == (20,)


def test_what_the_readme_says_loads_every_format(written, expected, proxy, monkeypatch):
    from bcauto.export.card.readme import readme

    folder, found = written
    study = SimpleNamespace(folder=SimpleNamespace(name="cells"))
    data = SimpleNamespace(image_size=(24, 20))
    text = readme(SimpleNamespace(opened=study, data=data, formats=[*found.values()]))
    monkeypatch.chdir(folder)
    snippets = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(snippets) == 5
    for snippet in snippets:
        names = {"pictures": probe_of(proxy)}
        exec(snippet, names)
        given = np.array(names["probabilities"])
        tolerance = 0.1 if "int8" in snippet else EXACT
        assert np.abs(given - expected[: len(given)]).max() < tolerance
    assert "submission.zip" in text


def test_a_model_in_half_precision_is_written_in_float32(keras, proxy, tmp_path):
    from bcauto.export.formats.write import write_formats

    keras.utils.set_random_seed(0)
    layers = keras.layers
    inputs = keras.Input((24, 20, 3))
    x = layers.Conv2D(4, 3, activation="relu", dtype="mixed_bfloat16")(
        layers.Rescaling(1 / 255)(inputs)
    )
    x = layers.Flatten()(x)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax", dtype="float32")(x))
    model.save(tmp_path / "model.keras")
    _, onnx = write_formats(model, check_formats(["onnx"]), tmp_path, proxy)
    assert onnx.largest_difference < EXACT
    rounded = model.predict(probe_of(proxy), verbose=0)
    difference = np.abs(by_onnx(tmp_path / "model.onnx", floats(proxy)) - rounded).max()
    assert EXACT < difference < 0.1


def test_a_format_that_predicts_otherwise_is_not_exported(network, proxy, tmp_path, monkeypatch):
    from bcauto.export.formats import write
    from bcauto.export.formats.contract import Codec

    def other(file):
        return lambda images: np.eye(3)[np.zeros(len(images), int)]

    network.save(tmp_path / "model.keras")
    changed = {**write._CODECS, "onnx": Codec(lambda model, file, _: file.touch(), other)}
    monkeypatch.setattr(write, "_CODECS", changed)
    with pytest.raises(
        NothingUsable, match=r"^onnx must predict what Keras does, .* not exported$"
    ):
        write.write_formats(network, check_formats(["onnx"]), tmp_path, proxy)


def test_what_a_converter_cannot_do_is_told_in_one_line(network, proxy, tmp_path, monkeypatch):
    from bcauto.export.formats import write
    from bcauto.export.formats.contract import Codec

    def fail(*_):
        raise RuntimeError("no such op\nand a page more")

    network.save(tmp_path / "model.keras")
    monkeypatch.setattr(write, "_CODECS", {**write._CODECS, "onnx": Codec(fail, fail)})
    message = r"^the model cannot be had as onnx \(RuntimeError: no such op\)$"
    with pytest.raises(NothingUsable, match=message):
        write.write_formats(network, check_formats(["onnx"]), tmp_path, proxy)


def test_formats_are_written_without_a_word(make_model, tmp_path, capfd):
    from bcauto.export.formats.write import write_formats

    images = np.random.default_rng(0).integers(0, 256, (6, 10, 12, 3), np.uint8)
    config = ProxyConfig(families=("colour",), held_out=(), severities=(3,), copies=1)
    proxy = make_proxy(images, np.arange(6) % 3, config, seed=1)
    model = make_model()
    model.save(tmp_path / "model.keras")
    capfd.readouterr()
    write_formats(model, check_formats(["onnx,litert-int8"]), tmp_path, proxy, images)
    assert capfd.readouterr() == ("", "")
