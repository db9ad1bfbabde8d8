from __future__ import annotations

import hashlib
import io
import json
import resource
import zipfile

import h5py
import numpy as np
import pytest

from bcauto.errors import BadInput, NothingUsable

pytestmark = pytest.mark.keras


def test_a_model_without_a_manifest_has_numbers_for_class_names(load_model, make_model, tmp_path):
    make_model().save(tmp_path / "mine.keras")
    assert load_model(tmp_path / "mine.keras").class_names == ("0", "1", "2")


def test_a_manifest_of_other_classes_is_not_the_models(load_model, make_model, tmp_path, caplog):
    make_model().save(tmp_path / "mine.keras")
    (tmp_path / "manifest.json").write_text('{"class_names": ["a", "b"]}')
    assert load_model(tmp_path / "mine.keras").class_names == ("0", "1", "2")
    assert "names 2 classes, but mine.keras has 3; it is not used" in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[1]",
        "{}",
        '{"class_names": 3}',
        '{"class_names": null}',
        '{"class_names": "abc"}',
        '{"class_names": ["a", "a", "b"]}',
        '{"class_names": [0, 1, 2]}',
        '{"class_names": ["a", "b", "c"], "resize": "tear"}',
        '{"class_names": ["a", "b", "c"], "resize": [1]}',
        '{"class_names": ["a", "b", "c"], "bits": 40}',
        '{"class_names": ["a", "b", "c"], "bits": "12"}',
    ],
)
def test_a_damaged_manifest_is_refused(text, load_model, make_model, tmp_path, refused):
    make_model().save(tmp_path / "model.keras")
    (tmp_path / "manifest.json").write_text(text)
    with refused(r"manifest\.json: damaged"):
        load_model(tmp_path)


@pytest.mark.parametrize(("more", "resize"), [("", "stretch"), (', "resize": "fit"', "fit")])
def test_a_manifest_says_how_pictures_are_resized(more, resize, load_model, make_model, tmp_path):
    make_model().save(tmp_path / "model.keras")
    (tmp_path / "manifest.json").write_text(f'{{"class_names": ["a", "b", "c"]{more}}}')
    assert load_model(tmp_path).resize == resize
    assert load_model(tmp_path).bits is None


@pytest.mark.parametrize("name", ["", "no.keras", "no/model.keras"])
def test_a_missing_model_is_refused(name, load_model, tmp_path, refused):
    with refused(r"^MODEL must be a \.keras file or a folder with model\.keras, got "):
        load_model(tmp_path / name)


@pytest.mark.parametrize("name", ["text.keras", "text.txt", "text.h5"])
def test_a_text_is_refused(name, load_model, tmp_path, refused):
    (tmp_path / name).write_text("hello\n")
    with refused(f"{name}: not a Keras model that can be loaded"):
        load_model(tmp_path / name)


@pytest.mark.parametrize("part", [0, 0.3, 0.95])
def test_a_truncated_model_is_refused(part, load_model, make_model, tmp_path, refused):
    file = tmp_path / "cut.keras"
    make_model().save(file)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(part * len(whole))])
    with refused("not a Keras model that can be loaded"):
        load_model(file)


def test_a_model_with_code_in_it_is_refused(load_model, make_model, keras, tmp_path, refused):
    make_model(layer=keras.layers.Lambda(lambda x: x * 2)).save(tmp_path / "code.keras")
    with refused("can be loaded: .*Lambda"):
        load_model(tmp_path / "code.keras")


@pytest.fixture
def described(keras, make_model, tmp_path):
    """Writes a model whose description is changed by replacing one text in it."""

    def write(old, new):
        whole, changed = tmp_path / "whole.keras", tmp_path / "changed.keras"
        make_model(layer=keras.layers.Conv2D(4, 3, name="mine")).save(whole)
        with zipfile.ZipFile(whole) as before, zipfile.ZipFile(changed, "w") as after:
            for name in before.namelist():
                content = before.read(name)
                if name == "config.json":
                    assert old.encode() in content
                    content = content.replace(old.encode(), new.encode(), 1)
                after.writestr(name, content)
        return changed

    return write


def test_a_model_of_a_registered_layer_is_refused_and_its_code_not_run(
    load_model, make_model, keras, tmp_path, refused
):
    ran = []

    @keras.saving.register_keras_serializable("theirs")
    class Quiet(keras.layers.Layer):
        def __init__(self, **given):
            super().__init__(**given)
            ran.append(1)

        def call(self, images):
            return images

    make_model(layer=Quiet()).save(tmp_path / "code.keras")
    ran.clear()
    with refused("must be of Keras' own layers, without Lambda or other code, got .*Quiet"):
        load_model(tmp_path / "code.keras")
    assert ran == []


@pytest.mark.parametrize("module", ["os", "kerasx.layers", "keras_cv.layers", "bcauto.models"])
def test_a_class_of_another_package_is_refused(module, load_model, described, refused):
    with refused(f"Keras' own layers, .* got '{module}.Conv2D'"):
        load_model(
            described(
                '"keras.layers", "class_name": "Conv2D"', f'"{module}", "class_name": "Conv2D"'
            )
        )


@pytest.mark.parametrize("name", ["Lambda", "JaxLayer", "FlaxLayer"])
def test_a_class_that_runs_what_it_is_given_is_refused(name, load_model, described, refused):
    with refused(f"Keras' own layers, .*{name}'"):
        load_model(described('"class_name": "Conv2D"', f'"class_name": "{name}"'))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("TFSMLayer", "deserialization of a `TFSMLayer`"),
        ("__lambda__", "deserialization of a Python lambda"),
        ("TorchModuleWrapper", "torch"),
    ],
)
def test_a_class_that_runs_what_it_is_given_is_refused_by_keras(
    name, message, load_model, described, refused
):
    with refused(rf"not a Keras model that can be loaded \(.*{message}"):
        load_model(described('"class_name": "Conv2D"', f'"class_name": "{name}"'))


def test_a_lambda_of_a_function_of_keras_is_refused(
    load_model, make_model, keras, tmp_path, refused
):
    make_model(layer=keras.layers.Lambda(keras.activations.relu)).save(tmp_path / "code.keras")
    with refused("must be of Keras' own layers, without Lambda or other code, got .*Lambda"):
        load_model(tmp_path / "code.keras")


def test_parameters_that_are_not_in_the_file_are_not_made(load_model, described, refused):
    file = described('"units": 3', '"units": 400000000')
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with refused("its parameters must be in the file, got 128,.* bytes of them"):
        load_model(file)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 2**18  # KiB


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_a_model_that_unpacks_to_too_much_is_refused(member, load_model, tmp_path, refused):
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr(member, bytes(2**26))
    with refused(f"'{member}' may unpack to at most .* bytes, got 67,108,864"):
        load_model(tmp_path / "bomb.keras")


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "bfloat16"])
def test_a_model_that_keras_wrote_loads(policy, load_model, keras, tmp_path):
    image = keras.Input((10, 12, 3))
    common = {"dtype": policy}
    x = keras.layers.RandomFlip(**common)(image)
    x = keras.layers.SeparableConv2D(2, 3, **common)(x)
    inside = keras.Model(image, keras.layers.BatchNormalization(**common)(x))
    inside.compile("adam", "mse")
    x = keras.layers.GlobalAveragePooling2D(**common)(inside(image))
    model = keras.Model(image, keras.layers.Dense(3, **common)(x))
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "theirs.keras")
    loaded = load_model(tmp_path / "theirs.keras").model
    for mine, theirs in zip(loaded.weights, model.weights, strict=True):
        assert np.array_equal(mine.numpy(), theirs.numpy())


def test_a_model_of_no_weights_loads(load_model, keras, tmp_path):
    image = keras.Input((10, 12, 3))
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
    model.save(tmp_path / "theirs.keras")
    assert load_model(tmp_path / "theirs.keras").model.count_params() == 0


def test_weights_that_are_packed_are_refused_before_they_are_read(
    load_model, make_model, tmp_path, refused
):
    stream = io.BytesIO()
    with h5py.File(stream, "w") as stored:
        place, shape = "layers/dense/vars/0", (200_000_000, 3)
        stored.create_dataset(place, shape, chunks=(100_000, 3), compression="gzip")
    whole, changed = tmp_path / "whole.keras", tmp_path / "changed.keras"
    make_model().save(whole)
    with zipfile.ZipFile(whole) as before, zipfile.ZipFile(changed, "w") as after:
        after.writestr("config.json", before.read("config.json"))
        after.writestr("model.weights.h5", stream.getvalue())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with refused(r"model\.weights\.h5: .*, got another layout of '/layers/dense/vars/0'"):
        load_model(changed)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 2**18  # KiB


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (h5py.SoftLink("/layers/dense/vars/1"), "H5 file with SoftLink"),
        (h5py.ExternalLink("/etc/passwd", "/a"), "H5 file with ExternalLink"),
        (np.dtype("f4"), "expected Dataset, received .*Datatype"),
        (None, "H5 file with external Dataset"),
    ],
)
def test_weights_that_are_elsewhere_are_refused_by_keras(
    entry, message, load_model, make_model, tmp_path, refused
):
    whole, changed = tmp_path / "whole.keras", tmp_path / "changed.keras"
    make_model().save(whole)
    with zipfile.ZipFile(whole) as before, zipfile.ZipFile(changed, "w") as after:
        stream = io.BytesIO(before.read("model.weights.h5"))
        with h5py.File(stream, "r+") as stored:
            del stored["layers/dense/vars/1"]
            if entry is None:
                file = [("/etc/passwd", 0, 12)]
                stored.create_dataset("layers/dense/vars/1", (3,), "f4", external=file)
            else:
                stored["layers/dense/vars/1"] = entry
            # Room for the parameters, so that they are not refused before Keras reads them.
            stored["more"] = np.zeros(2000, np.float32)
        after.writestr("config.json", before.read("config.json"))
        after.writestr("model.weights.h5", stream.getvalue())
    with refused(f"not a Keras model that can be loaded .*{message}"):
        load_model(changed)


def test_a_refusal_shows_no_whole_configuration(load_model, described):
    with pytest.raises(BadInput) as caught:
        load_model(described('"class_name": "Conv2D"', '"class_name": "NoSuchLayer"'))
    assert len(str(caught.value)) < 600


def no_classifier(keras, what):
    image, grey = keras.Input((10, 12, 3)), keras.Input((10, 12, 1))
    any_size, row = keras.Input((None, None, 3)), keras.Input((7,))
    pool, dense = keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)
    ends = {
        "takes rows": (row, keras.layers.Dense(3)(row)),
        "takes grey images": (grey, keras.layers.Dense(3)(pool(grey))),
        "takes images of any size": (any_size, dense(pool(any_size))),
        "takes two images": ([image, keras.Input((10, 12, 3))], dense(pool(image))),
        "gives an image": (image, keras.layers.Conv2D(3, 3)(image)),
        "gives two answers": (image, [dense(pool(image)), pool(image)]),
    }
    return keras.Model(*ends[what])


@pytest.mark.parametrize(
    "what",
    [
        "takes rows",
        "takes grey images",
        "takes images of any size",
        "takes two images",
        "gives an image",
        "gives two answers",
    ],
)
def test_what_is_no_image_classifier_is_refused(what, load_model, keras, tmp_path, refused):
    no_classifier(keras, what).save(tmp_path / "other.keras")
    with refused(r"must take \(n, h, w, 3\) and give \(n, classes\), got "):
        load_model(tmp_path / "other.keras")


def test_refusals_are_wrong_use(load_model, tmp_path):
    with pytest.raises(BadInput) as caught:
        load_model(tmp_path)
    assert caught.value.exit_code == 2


def test_a_manifest_of_another_model_is_refused(load_model, make_model, tmp_path, refused):
    make_model().save(tmp_path / "model.keras")
    digest = hashlib.sha256((tmp_path / "model.keras").read_bytes()).hexdigest()
    manifest = {"class_names": ["a", "b", "c"], "sha256": digest}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert load_model(tmp_path).class_names == ("a", "b", "c")
    other = make_model()
    other.layers[-1].bias.assign([1.0, 2.0, 3.0])
    other.save(tmp_path / "model.keras")
    with refused("must be of model.keras, got that of another model"):
        load_model(tmp_path)


@pytest.mark.parametrize("name", ["\ud800", "a\u001b[2J", ""])
def test_class_names_that_no_screen_shows_are_refused(
    name, load_model, make_model, tmp_path, refused
):
    make_model().save(tmp_path / "model.keras")
    (tmp_path / "manifest.json").write_text(json.dumps({"class_names": ["a", "b", name]}))
    with refused("damaged: class names must not be empty"):
        load_model(tmp_path)


def test_values_that_are_no_numbers_are_told(load_model, make_model, tmp_path):
    broken = make_model()
    broken.layers[-1].bias.assign([float("nan")] * 3)
    broken.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path)
    with pytest.raises(NothingUsable, match="no numbers"):
        loaded.predict(np.zeros((1, *loaded.image_size, 3), np.uint8))
