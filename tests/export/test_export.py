from __future__ import annotations

import io
import json
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from study_fixtures import scores_of

from bcauto.augment.policies import Augment, Basic, RandAugment
from bcauto.errors import BadInput, NothingUsable
from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.make import make_proxy
from bcauto.recipe.network import Network
from bcauto.recipe.recipe import Recipe, Training, read_recipe
from bcauto.results.trials import CompletedTrial
from bcauto.study.folder import StudyFolder
from bcauto.study.settings import DataRecord, Identity, Settings, StudyRecord
from bcauto.training.device import start_keras
from bcauto.trial import RunRecord

pytestmark = pytest.mark.keras

NAMES = ("red", "green", "blue")
RECIPE = Recipe(
    model=Network(backbone="MobileNet", alpha=0.25, frozen_layers=3, head_units=(8, 4)),
    training=Training(optimizer="lion", learning_rate=3e-4),
    augment=Augment(basic=Basic(flip=True), randaugment=RandAugment(magnitude=0.2)),
)
RECORD = StudyRecord(
    settings=Settings(space="quick", storage="sqlite:///study.db", seed=11),
    identity=Identity(data="d", space="s", proxy="p", seed=11, weights="none", storage="x"),
    data=DataRecord(
        fingerprint="d", class_names=NAMES, train=90, val=30, image_size=(10, 12), cleaning={}
    ),
    versions={"keras": "3"},
)


@pytest.fixture(scope="module", autouse=True)
def keras() -> Any:
    start_keras(1)
    import keras

    return keras


@pytest.fixture(scope="module")
def exporting() -> Any:
    from bcauto.export import trial as export

    return export


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (30, 10, 12, 3), np.uint8)


@pytest.fixture
def make_model(keras) -> Callable[..., Any]:
    """Makes a linear classifier of 10 x 12 images with random weights."""

    def make(seed: int = 0, layer: Any = None) -> Any:
        keras.utils.set_random_seed(seed)
        image = keras.Input((10, 12, 3))
        x = keras.layers.Rescaling(1 / 255)(image)
        x = keras.layers.Flatten()(layer(x) if layer else x)
        return keras.Model(image, keras.layers.Dense(3, activation="softmax")(x))

    return make


@pytest.fixture
def folder(tmp_path, make_model, pictures) -> StudyFolder:
    """A study whose trials 4 and 10 have models."""
    folder = StudyFolder(tmp_path / "studies" / "cells")
    folder.models.mkdir(parents=True)
    config = ProxyConfig(families=("colour",), held_out=("blur",), severities=(3,), copies=2)
    make_proxy(pictures, np.arange(30) % 3, config, seed=1).save(folder.proxy)
    for number in (4, 10):
        make_model(number).save(folder.model(number))
    return folder


@pytest.fixture
def best(folder) -> CompletedTrial:
    """Trial 4 with the score that its model does reach."""
    return best_of(folder, objective_of(folder, 4))


def best_of(folder, objective, number=4):
    run = RunRecord(epochs=3)
    return CompletedTrial(number, objective, 0.4, scores_of({"sensor": 0.5}), RECIPE, run)


def objective_of(folder, number):
    """The mean over the searched cells of the accuracy in each, counted in the plainest way."""
    import keras

    stored = np.load(folder.proxy)
    predicted = keras.saving.load_model(folder.model(number)).predict(stored["images"], verbose=0)
    right = predicted.argmax(axis=1) == stored["labels"]
    searched = [place for place in np.unique(stored["cell"]) if "blur" not in family(stored, place)]
    return float(np.mean([right[stored["cell"] == place].mean() for place in searched]))


def family(stored, place):
    from bcauto.proxy.corruptions import CORRUPTIONS

    return CORRUPTIONS[str(stored["cells"][place]).split("/")[0]].family


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_an_export_is_a_model_a_recipe_and_a_manifest(exporting, folder, best, tmp_path):
    out = tmp_path / "a" / "b"
    assert exporting.export_trial(folder, RECORD, best, out) == out
    assert set(contents(out)) == {"model.keras", "recipe.toml", "manifest.json"}
    assert (out / "model.keras").read_bytes() == folder.model(4).read_bytes()
    assert read_recipe(out / "recipe.toml") == RECIPE


def test_a_manifest_says_where_the_model_comes_from(exporting, folder, best):
    out = exporting.export_trial(folder, RECORD, best, folder.best)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest == {
        "study": "cells",
        "trial": 4,
        "objective": best.objective,
        "confirmed": None,
        "objective_after_loading": pytest.approx(best.objective),
        "clean_accuracy": 0.4,
        "scores": scores_of({"sensor": 0.5}).model_dump(mode="json"),
        "class_names": list(NAMES),
        "image_size": [10, 12],
        "input": "RGB, 0-255, (n, height, width, 3)",
        "fingerprints": {"data": "d", "space": "s", "proxy": "p"},
        "seed": 11,
        "versions": {"keras": "3"},
        "run": RunRecord(epochs=3).model_dump(mode="json"),
    }


@pytest.mark.parametrize("target", ["", "model.keras"])
def test_an_export_loads_as_the_model_it_was(target, exporting, folder, best, make_model, pictures):
    out = exporting.export_trial(folder, RECORD, best, folder.best)
    loaded = exporting.load_model(out / target)
    assert (loaded.image_size, loaded.class_names) == ((10, 12), NAMES)
    expected = make_model(4).predict(pictures, verbose=0).argmax(axis=1)
    assert np.array_equal(loaded.predict(pictures), expected)
    assert len(set(expected.tolist())) > 1


def test_a_new_export_takes_the_place_of_the_old_one(exporting, folder, best):
    exporting.export_trial(folder, RECORD, best, folder.best)
    other = best_of(folder, objective_of(folder, 10), number=10)
    exporting.export_trial(folder, RECORD, other, folder.best)
    assert (folder.best / "model.keras").read_bytes() == folder.model(10).read_bytes()
    assert json.loads((folder.best / "manifest.json").read_text())["trial"] == 10
    assert len(contents(folder.best)) == 3


def test_a_score_that_does_not_come_back_is_refused_and_the_old_export_stays(
    exporting, folder, best
):
    exporting.export_trial(folder, RECORD, best, folder.best)
    before = contents(folder.best)
    wrong = best_of(folder, best.objective + 0.003)
    with pytest.raises(NothingUsable, match=f"^the model of trial 4 scores {best.objective:.4f} "):
        exporting.export_trial(folder, RECORD, wrong, folder.best)
    assert contents(folder.best) == before


def test_a_model_is_scored_again_by_the_studys_own_objective(exporting, folder, pictures):
    families = ("colour", "exposure")
    config = ProxyConfig(
        families=families, held_out=(), copies=9, objective="worst_family", metric="auc"
    )
    make_proxy(pictures, np.arange(30) % 3, config, seed=1).save(folder.proxy)
    expected = worst_family_auc(folder, 4)
    assert abs(expected - objective_of(folder, 4)) > 0.1
    out = exporting.export_trial(folder, RECORD, best_of(folder, expected), folder.best)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["objective_after_loading"] == pytest.approx(expected)


def worst_family_auc(folder, number):
    """The least of the families' means over their cells of the AUC in each."""
    import keras

    stored = np.load(folder.proxy)
    predicted = keras.saving.load_model(folder.model(number)).predict(stored["images"], verbose=0)
    by_family: dict[str, list[float]] = {}
    for place in range(len(stored["cells"])):
        inside = stored["cell"] == place
        truth, guess = stored["labels"][inside], predicted[inside]
        aucs = [roc_auc_score(truth == c, guess[:, c]) for c in np.unique(truth)]
        by_family.setdefault(family(stored, place), []).append(np.mean(aucs))
    return min(map(np.mean, by_family.values()))


def test_two_thousandths_are_no_difference(exporting, folder, best):
    near = best_of(folder, best.objective - 0.0019)
    assert exporting.export_trial(folder, RECORD, near, folder.best) == folder.best


def test_a_model_that_was_changed_is_refused(exporting, folder, best, make_model):
    changed = make_model(4)
    kernel, bias = changed.layers[-1].get_weights()
    changed.layers[-1].set_weights([kernel[:, ::-1], bias])
    changed.save(folder.model(4))
    with pytest.raises(NothingUsable, match="it is not handed over"):
        exporting.export_trial(folder, RECORD, best, folder.best)
    assert not list(folder.best.iterdir())


def test_a_model_that_is_damaged_is_refused(exporting, folder, best, refused):
    kept = folder.model(4)
    kept.write_bytes(kept.read_bytes()[:2000])
    with refused("not a Keras model that can be loaded"):
        exporting.export_trial(folder, RECORD, best, folder.best)
    assert not list(folder.best.iterdir())


def test_an_export_that_cannot_be_finished_leaves_the_old_one(exporting, folder, best, monkeypatch):
    exporting.export_trial(folder, RECORD, best, folder.best)
    before = contents(folder.best)

    def full(*_, **__):
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match="no space"):
            exporting.export_trial(folder, RECORD, best_of(folder, best.objective), folder.best)
    assert contents(folder.best) == before


def test_a_model_that_is_gone_is_refused_with_those_that_are_kept(exporting, folder, refused):
    (folder.models / ".7.partial.keras").write_bytes(b"")
    with refused(r"^trial 7 has no model any more; kept are those of \[4, 10\]$"):
        exporting.export_trial(folder, RECORD, best_of(folder, 0.5, number=7), folder.best)
    assert not folder.best.exists()


@pytest.mark.parametrize("below", [False, True])
def test_a_file_in_the_folders_place_is_refused(below, exporting, folder, best, tmp_path, refused):
    file = tmp_path / "file"
    file.write_text("mine")
    with refused("^--out must be a folder that can be written to, got "):
        exporting.export_trial(folder, RECORD, best, file / "out" if below else file)
    assert file.read_text() == "mine"


def test_a_model_without_a_manifest_has_numbers_for_class_names(exporting, make_model, tmp_path):
    make_model().save(tmp_path / "mine.keras")
    assert exporting.load_model(tmp_path / "mine.keras").class_names == ("0", "1", "2")


def test_a_manifest_of_other_classes_is_not_the_models(exporting, make_model, tmp_path):
    make_model().save(tmp_path / "mine.keras")
    (tmp_path / "manifest.json").write_text('{"class_names": ["a", "b"]}')
    assert exporting.load_model(tmp_path / "mine.keras").class_names == ("0", "1", "2")


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
    ],
)
def test_a_damaged_manifest_is_refused(text, exporting, make_model, tmp_path, refused):
    make_model().save(tmp_path / "model.keras")
    (tmp_path / "manifest.json").write_text(text)
    with refused(r"manifest\.json: damaged"):
        exporting.load_model(tmp_path)


@pytest.mark.parametrize("name", ["", "no.keras", "no/model.keras"])
def test_a_missing_model_is_refused(name, exporting, tmp_path, refused):
    with refused(r"^MODEL must be a \.keras file or a folder with model\.keras, got "):
        exporting.load_model(tmp_path / name)


@pytest.mark.parametrize("name", ["text.keras", "text.txt", "text.h5"])
def test_a_text_is_refused(name, exporting, tmp_path, refused):
    (tmp_path / name).write_text("hello\n")
    with refused(f"{name}: not a Keras model that can be loaded"):
        exporting.load_model(tmp_path / name)


@pytest.mark.parametrize("part", [0, 0.3, 0.95])
def test_a_truncated_model_is_refused(part, exporting, make_model, tmp_path, refused):
    file = tmp_path / "cut.keras"
    make_model().save(file)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(part * len(whole))])
    with refused("not a Keras model that can be loaded"):
        exporting.load_model(file)


def test_a_model_with_code_in_it_is_refused(exporting, make_model, keras, tmp_path, refused):
    make_model(layer=keras.layers.Lambda(lambda x: x * 2)).save(tmp_path / "code.keras")
    with refused("can be loaded: .*Lambda"):
        exporting.load_model(tmp_path / "code.keras")


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
    exporting, make_model, keras, tmp_path, refused
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
        exporting.load_model(tmp_path / "code.keras")
    assert ran == []


@pytest.mark.parametrize("module", ["os", "kerasx.layers", "keras_cv.layers", "bcauto.models"])
def test_a_class_of_another_package_is_refused(module, exporting, described, refused):
    with refused(f"Keras' own layers, .* got '{module}.Conv2D'"):
        exporting.load_model(
            described(
                '"keras.layers", "class_name": "Conv2D"', f'"{module}", "class_name": "Conv2D"'
            )
        )


@pytest.mark.parametrize("name", ["Lambda", "TFSMLayer", "TorchModuleWrapper", "__lambda__"])
def test_a_class_that_runs_what_it_is_given_is_refused(name, exporting, described, refused):
    with refused(f"Keras' own layers, .*{name}'"):
        exporting.load_model(described('"class_name": "Conv2D"', f'"class_name": "{name}"'))


def test_parameters_that_are_not_in_the_file_are_not_made(exporting, described, refused):
    file = described('"units": 3', '"units": 400000000')
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with refused("its parameters must be in the file, got 128,.* bytes of them"):
        exporting.load_model(file)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 2**18  # KiB


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_a_model_that_unpacks_to_too_much_is_refused(member, exporting, tmp_path, refused):
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr(member, bytes(2**26))
    with refused(f"'{member}' may unpack to at most .* bytes, got 67,108,864"):
        exporting.load_model(tmp_path / "bomb.keras")


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "bfloat16"])
def test_a_model_that_keras_wrote_loads(policy, exporting, keras, tmp_path):
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
    loaded = exporting.load_model(tmp_path / "theirs.keras").model
    for mine, theirs in zip(loaded.weights, model.weights, strict=True):
        assert np.array_equal(mine.numpy(), theirs.numpy())


def test_a_model_of_no_weights_loads(exporting, keras, tmp_path):
    image = keras.Input((10, 12, 3))
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
    model.save(tmp_path / "theirs.keras")
    assert exporting.load_model(tmp_path / "theirs.keras").model.count_params() == 0


def test_weights_that_are_packed_are_refused_before_they_are_read(
    exporting, make_model, tmp_path, refused
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
    with refused(r"model\.weights\.h5: .*, got chunked '/layers/dense/vars/0'"):
        exporting.load_model(changed)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 2**18  # KiB


def test_a_refusal_shows_no_whole_configuration(exporting, described):
    with pytest.raises(BadInput) as caught:
        exporting.load_model(described('"class_name": "Conv2D"', '"class_name": "NoSuchLayer"'))
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
def test_what_is_no_image_classifier_is_refused(what, exporting, keras, tmp_path, refused):
    no_classifier(keras, what).save(tmp_path / "other.keras")
    with refused(r"must take \(n, h, w, 3\) and give \(n, classes\), got "):
        exporting.load_model(tmp_path / "other.keras")


def test_refusals_are_wrong_use(exporting, tmp_path):
    with pytest.raises(BadInput) as caught:
        exporting.load_model(tmp_path)
    assert caught.value.exit_code == 2
