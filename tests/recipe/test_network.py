import re

import pytest
from pydantic import ValidationError

from bcauto.recipe.backbones import BACKBONES
from bcauto.recipe.network import Network
from bcauto.recipe.recipe import Recipe, read_recipe
from bcauto.recipe.training import Training, TrainingStage


@pytest.fixture
def read(tmp_path):
    def read_text(text):
        path = tmp_path / "recipe.toml"
        path.write_text(f'model.backbone = "MobileNet"\n{text}', encoding="utf-8")
        return read_recipe(path)

    return read_text


DROPOUT = "model.dropout must be a number from 0 to 0.9, or a list of them, got"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model.dropout = 0.95", f"{DROPOUT} 0.95"),
        ("model.dropout = -0.1", f"{DROPOUT} -0.1"),
        ("model.dropout = nan", f"{DROPOUT} nan"),
        ("model.dropout = true", f"{DROPOUT} True"),
        ("model.dropout = '0.5'", f"{DROPOUT} '0.5'"),
        ("model.dropout = [0.1, 1]", f"{DROPOUT} [0.1, 1]"),
        ("model.dropout = [[0.1]]", f"{DROPOUT} [[0.1]]"),
        (
            "model.head_units = [8, 4]\nmodel.dropout = [0.1, 0.2]",
            "model: dropout must be one number, or 3: after pooling and each of head_units, "
            "got [0.1, 0.2]",
        ),
        ("model.pretrained = 1", "model.pretrained must be true or false, got 1"),
        ("model.pooling = 'mean'", "model.pooling must be 'average', 'max' or 'flatten', got"),
        ("model.normalization = 'group'", "model.normalization must be 'none', 'batch' or 'layer'"),
        ("model.activation = 'elu'", "model.activation must be 'relu', 'leaky_relu' or 'gelu', go"),
        ("model.train_only = 'dense'", "model.train_only must be 'all' or 'convolutions', got 'd"),
        ("model.l2 = -1", "model.l2 must be greater than or equal to 0, got -1"),
        ("model.image_side = 96.0", "model.image_side must be a whole number, got 96.0"),
        ("model.image_side = 2048", "model.image_side must be less than or equal to 1024, got 20"),
        (
            "model.image_side = 31",
            "model: image_side of MobileNet must be 0 (native), or 32 or more",
        ),
        ("model.trainable_layers = 87", "model: trainable_layers of MobileNet must be 0 to 86, g"),
        ("model.trainable_fraction = 1.5", "model.trainable_fraction must be less than or equal"),
        (
            "model.frozen_layers = 30\nmodel.trainable_fraction = 0.5",
            "model: frozen_layers and trainable_fraction exclude each other, got 30 and 0.5",
        ),
        (
            "model.frozen_layers = 0\nmodel.trainable_layers = 0",
            "model: frozen_layers and trainable_layers exclude each other, got 0 and 0",
        ),
    ],
)
def test_a_broken_rule_is_refused_with_file_key_rule_and_value(text, message, read, refused):
    with refused(rf"recipe\.toml: {re.escape(message)}"):
        read(text)


@pytest.mark.parametrize(("name", "entry"), BACKBONES.items())
def test_every_backbone_refuses_more_layers_than_it_has_and_smaller_sides(name, entry):
    Network(backbone=name, frozen_layers=entry.layers, image_side=entry.least_side)
    Network(backbone=name, trainable_layers=entry.layers)
    for field, value in [
        ("frozen_layers", entry.layers + 1),
        ("trainable_layers", entry.layers + 1),
        ("image_side", entry.least_side - 1),
    ]:
        with pytest.raises(ValidationError, match=rf"{field} of {name} must be .* got {value}"):
            Network(backbone=name, **{field: value})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "training.stages.0.epochs is missing"),
        ("{epochs = 0}", "training.stages.0.epochs must be greater than or equal to 1, got 0"),
        ("{epochs = 1, frozen = 1}", "unknown key 'training.stages.0.frozen'; did you mean 'froze"),
        (
            "{epochs = 1, frozen_layers = 3, trainable_fraction = 0.5}",
            "training.stages.0: frozen_layers and trainable_fraction exclude each other, got 3 and",
        ),
        (
            "{epochs = 1}, {epochs = 1, frozen_layers = 87}",
            "training.stages.1: frozen_layers of MobileNet must be 0 to 86, got 87",
        ),
        (
            "{epochs = 1, trainable_layers = 100}",
            "training.stages.0: trainable_layers of MobileNet must be 0 to 86, got 100",
        ),
    ],
)
def test_a_stage_that_cannot_be_is_refused(text, message, read, refused):
    with refused(rf"recipe\.toml: {re.escape(message)}"):
        read(f"training.stages = [{text}]")


def test_stages_are_tables_and_are_written_as_such(read):
    text = """
    [training]
    learning_rate = 1e-5
    [[training.stages]]
    epochs = 10
    trainable_layers = 0
    learning_rate = 1e-4
    batch_size = 128
    [[training.stages]]
    epochs = 20
    trainable_layers = 40
    batch_size = 64
    """
    recipe = read(text)
    assert recipe.training.stages == (
        TrainingStage(epochs=10, trainable_layers=0, learning_rate=1e-4, batch_size=128),
        TrainingStage(epochs=20, trainable_layers=40, batch_size=64),
    )


@pytest.mark.parametrize(
    ("dropout", "units", "expected"),
    [(0.4, (), (0.4,)), (0.4, (8, 4), (0.4, 0.4, 0.4)), ((0.0, 0.3, 0.1), (8, 4), (0.0, 0.3, 0.1))],
)
def test_dropouts_are_one_after_pooling_and_one_after_each_dense_layer(dropout, units, expected):
    network = Network(backbone="SmallCNN", head_units=units, dropout=dropout)
    assert network.dropouts == expected
    assert network.dropout == dropout  # as it was said


@pytest.mark.parametrize(
    ("side", "size", "expected"),
    [
        (0, (96, 96), (96, 96)),
        (224, (96, 96), (224, 224)),
        (64, (96, 96), (64, 64)),
        (64, (32, 48), (64, 96)),
        (64, (48, 32), (96, 64)),
    ],
)
def test_the_shorter_side_becomes_the_image_side(side, size, expected):
    assert Network(backbone="VGG16", image_side=side).input_size(size) == expected


def test_lists_of_rates_and_stages_are_written_and_read_back(tmp_path):
    recipe = Recipe(
        model=Network(
            backbone="MobileNet",
            pretrained=False,
            image_side=64,
            head_units=(8, 4),
            dropout=(0.1, 0.2, 0.3),
            l2=1e-4,
        ),
        training=Training(stages=(TrainingStage(epochs=2, trainable_fraction=0.0),)),
    )
    path = tmp_path / "recipe.toml"
    path.write_text(recipe.to_toml(), encoding="utf-8")
    assert read_recipe(path) == recipe


@pytest.mark.parametrize(
    ("label", "backbone", "alpha"),
    [("MobileNet-0.25", "MobileNet", 0.25), ("MobileNetV2-1.0", "MobileNetV2", 1.0)],
)
def test_a_label_says_backbone_and_width(label, backbone, alpha):
    network = Network(backbone=label)
    assert network == Network(backbone=backbone, alpha=alpha)
    assert network.label == label
    assert Network(backbone=label, alpha=alpha) == network


def test_a_label_and_another_width_are_refused():
    with pytest.raises(ValidationError, match="alpha must be left out with backbone 'MobileNet-0"):
        Network(backbone="MobileNet-0.25", alpha=0.5)


@pytest.mark.parametrize("name", ["MobileNet-0.3", "VGG16-1.0", "MobileNet-", "Mobile-0.25"])
def test_what_only_looks_like_a_label_is_an_unknown_backbone(name):
    with pytest.raises(ValidationError, match=f"unknown backbone '{name}'"):
        Network(backbone=name)
