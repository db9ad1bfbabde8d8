"""The known systems as recipes, held to what is known of each, and their small versions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcauto.augment.wide import WideChain
from bcauto.recipe.backbones import BACKBONES
from bcauto.recipe.bundled_files import bundled
from bcauto.recipe.recipe import Recipe, find_recipe, read_recipe
from bcauto.recipe.scale import SMALL_EPOCHS, scaled_small

TEAMS = ["axon_biotech", "deepl", "gradientgang", "machine_dumbening", "spanish_inquisition"]
PUBLIC = ["harry_potter_convnext", "ynwa_efficientnetb2"]
SIDE_MODELS = {
    "deepl": ["EfficientNetV2B0", "VGG16", "VGG16", "CifarCNN"],
    "axon_biotech": ["ResNet50", "ConvNeXtBase"],
    "gradientgang": ["ConvNeXtLarge", "MobileNetV3Small", "FourBlockCNN"],
    "machine_dumbening": [
        *("VGG16", "VGG19", "InceptionV3", "ResNet50", "EfficientNetB0", "UNet"),
    ],
    "spanish_inquisition": [],
}
HIDDEN = {  # reported accuracies on the hidden test set, in %
    "deepl": "82",
    "deepl_efficientnetv2b0": "75",
    "deepl_vgg16_frozen": "49",
    "deepl_vgg16_scratch": "39",
    "deepl_cifar_cnn": "25",
    "axon_biotech": "87",
    "axon_biotech_resnet50": "58",
    "axon_biotech_convnextbase": "80",
    "gradientgang": "89",
    "gradientgang_convnextlarge": "85",
    "gradientgang_cnn": "44",
    "spanish_inquisition": "79",
    "harry_potter_convnext": "96.87",
    "ynwa_efficientnetb2": "94",
}
FINGERPRINTS = {  # as stored by studies that start from them
    "deepl": "c57e38b4e304de2ae61a1636719eca7b270cbb25671e936b1ac8719ab11ed832",
    "deepl_vgg16_frozen": "7b714709701e7e4ceee75f89394d3056a871d3e79e249668366e7c97195a8c03",
    "gradientgang": "a1fa08ac88bab10c986b519fa24af28a856a82efd86732979bcd3260a96df235",
    "harry_potter_convnext": "487b5e4f04f868a156e117f9b1268fb6a8b24f268f704fb39ae41fef56cc59b3",
    "machine_dumbening_unet": "1f7679c30ea992ca80b3e307c4796b47b0332a1851dd2ccaa9c7a7c9d1344e58",
    "spanish_inquisition": "1ab0fdd1c51975c5d1aadc7b22a2c355e425906cc3e9ca9c3939146e7a5fe84b",
}
NAMES = list(bundled("recipe"))


def known(name):
    return read_recipe(find_recipe(name))


def frozen(stage, recipe):
    """How many of the backbone's layers a stage freezes."""
    if stage.trainable_layers is not None:
        return recipe.model.entry.layers - stage.trainable_layers
    return stage.frozen_layers


@pytest.mark.parametrize("name", FINGERPRINTS)
def test_a_studys_fingerprint_of_a_known_recipe_is_still_its_own(name):
    assert known(name).fingerprint == FINGERPRINTS[name]


def test_every_team_with_its_side_models_and_both_public_systems_are_there():
    for team, backbones in SIDE_MODELS.items():
        side = [known(name).model.backbone for name in NAMES if name.startswith(f"{team}_")]
        assert sorted(side) == sorted(backbones)
    assert {*TEAMS, *PUBLIC} <= set(NAMES)
    assert len(NAMES) == 7 + sum(map(len, SIDE_MODELS.values()))


@pytest.mark.parametrize("name", NAMES)
def test_each_says_what_is_known_and_what_was_assumed(name):
    head = find_recipe(name).read_text(encoding="utf-8").partition("\n\n")[0]
    assert all(line.startswith("#") for line in head.splitlines())
    assert "Assumed: " in head
    said = HIDDEN.get(name)
    wanted = f"{said} % on the hidden test set" if said else "hidden test set is not"
    assert wanted in " ".join(head.replace("#", " ").split())


@pytest.mark.parametrize("name", [n for n in NAMES if n not in (*TEAMS, *PUBLIC)])
def test_a_side_model_differs_from_its_team_in_little(name):
    team = next(team for team in TEAMS if name.startswith(team))
    mine, theirs = known(name), known(team)
    assert mine != theirs
    assert mine.training.optimizer == theirs.training.optimizer
    assert mine.training.balance == theirs.training.balance


def test_deepl():
    recipe = known("deepl")
    model, training, augment = recipe.model, recipe.training, recipe.augment
    assert model.backbone == "VGG16"
    assert (model.head_units, model.normalization, model.activation) == ((256,), "batch", "relu")
    assert model.dropouts == (0.0, 0.3)
    assert training.optimizer == "lion"
    assert (training.balance, training.oversample_to) == ("oversample", 2000)
    assert training.schedule == "reduce_on_plateau"
    assert training.early_stopping
    assert training.restore_best
    head, tune = training.stages
    assert frozen(head, recipe) == 19
    assert 0 < frozen(tune, recipe) < 19
    assert augment.randaugment
    assert augment.augmix
    assert known("deepl_efficientnetv2b0").model.head_units == (256, 256)
    assert not known("deepl_vgg16_scratch").model.pretrained
    [only] = known("deepl_vgg16_frozen").training.stages
    assert only.trainable_layers == 0


def test_axon_biotech():
    recipe = known("axon_biotech")
    model, training = recipe.model, recipe.training
    assert model.backbone == "ConvNeXtLarge"
    assert (model.train_only, model.frozen_batch_norm) == ("convolutions", True)
    assert model.feature_normalization == "batch"
    assert model.squeeze_excitation
    assert model.pooling == "average"
    assert (len(model.head_units), model.normalization) == (2, "batch")
    assert model.activation == "leaky_relu"
    assert [frozen(stage, recipe) for stage in training.stages] == [259, 150, 100, 50, 20]
    rates = [stage.learning_rate for stage in training.stages]
    assert training.optimizer == "lion"
    assert rates[0] > max(rates[1:])
    assert training.early_stopping
    augment = recipe.augment
    assert augment.mixup
    assert augment.cutmix
    assert augment.augmix
    assert training.balance == "oversample"


def test_gradientgang():
    recipe = known("gradientgang")
    model, training, augment = recipe.model, recipe.training, recipe.augment
    assert model.backbone == "EfficientNetV2S"
    assert (model.pooling, len(model.head_units)) == ("flatten", 2)
    assert [stage > 0 for stage in model.dropouts] == [False, True, False]
    assert (training.optimizer, training.balance) == ("adam", "class_weight")
    assert [frozen(stage, recipe) for stage in training.stages] == [480, 0]
    assert augment.randaugment.magnitude == 0.5
    assert augment.augmix.severity == 0.3
    basic = augment.basic
    assert basic.flip
    parts = (basic.translation, basic.rotation, basic.zoom, basic.brightness, basic.contrast)
    assert min(parts) > 0
    assert known("gradientgang_cnn").model.l2 == 1e-3


def test_machine_dumbening():
    recipe = known("machine_dumbening")
    model, training, augment = recipe.model, recipe.training, recipe.augment
    assert model.backbone == "MobileNet"
    assert (model.head_units, model.normalization) == ((832, 320), "batch")
    assert model.dropouts == (0.0, 0.3, 0.1)
    head, tune = training.stages
    assert (frozen(head, recipe), head.learning_rate, head.batch_size) == (86, 1e-4, 128)
    assert (frozen(tune, recipe), tune.learning_rate, tune.batch_size) == (86 - 40, 1e-5, 64)
    assert training.optimizer == "adam"
    assert (training.balance, training.oversample_to) == ("oversample", 1500)
    basic = augment.basic
    assert basic.flip
    assert min(basic.rotation, basic.zoom, basic.brightness, basic.contrast) > 0
    assert list(augment.wide.ops) == ["gaussian_noise"]


def test_spanish_inquisition():
    recipe = known("spanish_inquisition")
    model, training = recipe.model, recipe.training
    assert (model.backbone, model.image_side) == ("EfficientNetV2M", 256)
    assert not model.frozen_batch_norm
    assert (model.pooling, model.pooled_normalization) == ("average", "batch")
    assert (model.head_units, model.activation) == ((1024, 512), "leaky_relu")
    assert (training.schedule, training.monitor) == ("reduce_on_plateau", "auc")
    assert training.restore_best
    assert training.balance == "none"
    assert 64 <= training.batch_size <= 128
    shares = [stage.trainable_fraction for stage in training.stages[1:-1]]
    assert shares == sorted(shares)
    assert training.stages[0].trainable_layers == 0
    assert training.stages[-1].frozen_layers == 0
    ops, usual = recipe.augment.wide.ops, WideChain().ops
    assert list(ops) == list(usual)
    lowered = [name for name in usual if ops[name].magnitude < usual[name].magnitude]
    assert lowered == ["translate_x", "translate_y", "grid_mask"]


def test_harry_potter_convnext():
    recipe = known("harry_potter_convnext")
    model, training, augment = recipe.model, recipe.training, recipe.augment
    assert (model.backbone, model.image_side) == ("ConvNeXtXLarge", 224)
    assert (model.pooled_normalization, model.head_units) == ("layer", (1024, 256))
    head, tune = training.stages
    assert (frozen(head, recipe), head.epochs, head.learning_rate) == (259, 15, 5e-5)
    assert (frozen(tune, recipe), tune.epochs, tune.learning_rate) == (0, 10, 5e-6)
    assert tune.learning_rate * training.decay_to == pytest.approx(1.25e-6)
    assert training.optimizer == "lion"
    assert training.balance == "none"
    assert (augment.mixup, augment.cutmix) == (None, None)
    rand = augment.randaugment
    assert (rand.ops, rand.magnitude, rand.probability) == (3, 0.5, 0.4)
    ops = augment.wide.ops
    assert {0.1, 0.2, 0.3, 0.4} >= {op.probability for op in ops.values()}
    assert 0.3 <= ops["translate_x"].magnitude <= 0.4
    assert ops["cutout"].magnitude == 0.2
    assert {"rotate", "shear_x", "grid_mask", "brightness", "contrast", "saturation"} <= set(ops)
    assert {"channel_shift", "degenerate_colour", "solarize"} <= set(ops)


def test_ynwa_efficientnetb2():
    recipe = known("ynwa_efficientnetb2")
    model, training, augment = recipe.model, recipe.training, recipe.augment
    assert (model.backbone, model.image_side) == ("EfficientNetB2", 260)
    rand = augment.randaugment
    assert (rand.ops, rand.magnitude, rand.magnitude_stddev, rand.rate) == (4, 0.6, 0.2, 0.8)
    assert list(augment.wide.ops) == ["cutout"]
    assert augment.wide.ops["cutout"].magnitude == 0.2
    assert training.optimizer == "lion"
    assert training.stages[-1].learning_rate == 1e-5
    assert frozen(training.stages[-1], recipe) > 0


@pytest.mark.keras
def test_five_of_seven_blocks_train_in_ynwa():
    """By the names of Keras' layers: what is frozen is the stem and blocks 1 and 2."""
    import keras

    names = [
        layer.name
        for layer in keras.applications.EfficientNetB2(
            include_top=False, weights=None, input_shape=(64, 64, 3)
        ).layers
    ]
    names.insert(3, "rescaling_1")  # which Keras adds where it downloads the weights
    frozen_names = names[: known("ynwa_efficientnetb2").training.stages[-1].frozen_layers]
    first = next(name for name in names if name.startswith("block3a"))
    assert names.index(first) == len(frozen_names)


# --- small versions ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_small_version_is_small_and_keeps_the_rest(name):
    recipe = known(name)
    small = scaled_small(recipe)
    pretrained = recipe.model.pretrained and recipe.model.entry.pretrained
    assert small.model.label in (
        ("MobileNet-0.25", "MobileNetV2-0.35") if pretrained else ("SmallCNN",)
    )
    assert small.model.image_side == 0
    assert small.augment == recipe.augment
    head = ("pooling", "head_units", "normalization", "activation", "dropout", "l2")
    assert all(getattr(small.model, key) == getattr(recipe.model, key) for key in head)
    assert len(small.training.stages) == len(recipe.training.stages)
    epochs = [stage.epochs for stage in small.training.stages]
    assert min(epochs) >= 1
    assert sum(epochs) == max(SMALL_EPOCHS, len(epochs))
    for mine, theirs in zip(small.training.stages, recipe.training.stages, strict=True):
        assert mine.learning_rate == theirs.learning_rate
        share = frozen(mine, small) if mine.trainable_fraction is None else None
        if share is not None:
            old = frozen(theirs, recipe) / recipe.model.entry.layers
            assert abs(share / small.model.entry.layers - old) <= 0.5 / small.model.entry.layers
        else:
            assert mine.trainable_fraction == theirs.trainable_fraction


def test_a_small_version_of_a_recipe_in_two_stages_cuts_both_in_proportion():
    recipe = Recipe.model_validate(
        {
            "model": {"backbone": "ResNet50", "frozen_layers": 100},
            "training": {"head_epochs": 10, "epochs": 30},
        }
    )
    small = scaled_small(recipe)
    assert (small.training.head_epochs, small.training.epochs) == (3, 9)
    assert small.model.frozen_layers == round(100 / 175 * 86)
    short = recipe.model_copy(
        update={"training": recipe.training.model_copy(update={"head_epochs": 1, "epochs": 4})}
    )
    assert scaled_small(short).training == short.training


@given(st.lists(st.integers(1, 200), min_size=1, max_size=20))
def test_epochs_of_stages_are_cut_to_one_budget_in_proportion(epochs):
    stages = [{"epochs": each, "learning_rate": 1e-3} for each in epochs]
    table = {"model": {"backbone": "MobileNet"}, "training": {"stages": stages}}
    small = scaled_small(Recipe.model_validate(table)).training.stages
    cut = [stage.epochs for stage in small]
    budget = min(SMALL_EPOCHS, sum(epochs))
    assert sum(cut) == max(budget, len(epochs))
    assert min(cut) >= 1
    exact = [budget * each / sum(epochs) for each in epochs]
    assert all(n < share + 1 for n, share in zip(cut, exact, strict=True))
    if min(exact) >= 1:
        assert all(n > share - 1 for n, share in zip(cut, exact, strict=True))


def test_every_pretrained_backbone_has_a_small_one():
    for name, entry in BACKBONES.items():
        small = scaled_small(Recipe.model_validate({"model": {"backbone": name}})).model
        assert small.entry.pretrained == entry.pretrained
