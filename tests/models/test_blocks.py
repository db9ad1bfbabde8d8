from __future__ import annotations

from typing import Any

import pytest

from bcauto.recipe.network import Freezing

pytestmark = [pytest.mark.keras, pytest.mark.usefixtures("keras")]

FRACTIONS = [0.01, 0.1, 0.25, 0.4, 0.5, 0.75, 0.9, 0.99]
NAMES = ["MobileNet", "MobileNetV2", "MobileNetV3Small", "VGG16", "EfficientNetV2B0", "ResNet50"]


@pytest.fixture(scope="module")
def backbones(keras) -> dict[str, Any]:
    """Some of Keras' own, whose weights have no values, which takes no memory."""
    with keras.StatelessScope(initialize_variables=False):
        return {
            name: getattr(keras.applications, name)(
                include_top=False, weights=None, input_shape=(96, 96, 3)
            )
            for name in NAMES
        }


@pytest.fixture(scope="module")
def models():
    from bcauto.models import blocks

    return blocks


def share(backbone, frozen):
    """Of the parameters, in the layers that are not frozen."""
    parameters = [layer.count_params() for layer in backbone.layers]
    return sum(parameters[frozen:]) / sum(parameters)


def test_the_blocks_of_a_network_are_runs_of_its_layers(models, backbones):
    blocks = models.blocks_of(backbones["VGG16"])
    assert [(block.name, block.first) for block in blocks] == [
        ("block1", 0),
        ("block2", 4),
        ("block3", 7),
        ("block4", 11),
        ("block5", 15),
    ]
    # Two or three convolutions of 3 x 3 each (Simonyan and Zisserman 2015, configuration D).
    assert blocks[1].parameters == (9 * 64 + 1) * 128 + (9 * 128 + 1) * 128
    assert blocks[4].parameters == 3 * (9 * 512 + 1) * 512


@pytest.mark.parametrize("name", NAMES)
def test_blocks_hold_every_parameter_once_and_have_names_of_their_own(name, models, backbones):
    blocks = models.blocks_of(backbones[name])
    assert sum(block.parameters for block in blocks) == backbones[name].count_params()
    assert len({block.name for block in blocks}) == len(blocks)
    assert [block.first for block in blocks] == sorted({block.first for block in blocks})
    assert blocks[0].first == 0


def test_unnamed_layers_belong_to_the_block_around_them(models, keras):
    """Keras numbers the layers that have no name of their own by what was built before."""
    with keras.StatelessScope(initialize_variables=False):
        xception = keras.applications.Xception(
            include_top=False, weights=None, input_shape=(71, 71, 3)
        )
    starts = {block.first for block in models.blocks_of(xception)}
    names = [layer.name for layer in xception.layers]
    assert starts == {0, *(names.index(f"block{n}_sepconv1") for n in (2, 14))} | {
        names.index(f"block{n}_sepconv1_act") for n in range(3, 14)
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_fraction_is_met_as_nearly_as_whole_blocks_can(name, models, backbones):
    backbone = backbones[name]
    possible = [share(backbone, block.first) for block in models.blocks_of(backbone)]
    for fraction in FRACTIONS:
        got = share(backbone, models.count_frozen(Freezing(trainable_fraction=fraction), backbone))
        assert got in possible
        assert abs(got - fraction) == min(abs(one - fraction) for one in possible)


@pytest.mark.parametrize("name", NAMES)
def test_none_and_all_of_the_parameters_are_exact(name, models, backbones):
    backbone = backbones[name]
    assert models.count_frozen(Freezing(trainable_fraction=0), backbone) == len(backbone.layers)
    assert models.count_frozen(Freezing(trainable_fraction=1), backbone) == 0


def test_a_fraction_trains_a_block_at_least(models, backbones):
    # The last block of VGG16 holds 48 %.
    assert models.count_frozen(Freezing(trainable_fraction=1e-6), backbones["VGG16"]) == 15


@pytest.mark.parametrize(
    ("freezing", "frozen"),
    [
        (Freezing(), 0),
        (Freezing(frozen_layers=0), 0),
        (Freezing(frozen_layers=30), 30),
        (Freezing(trainable_layers=0), 86),
        (Freezing(trainable_layers=40), 46),
        (Freezing(trainable_layers=86), 0),
    ],
)
def test_counts_are_from_the_input_and_from_the_output(freezing, frozen, models, backbones):
    assert models.count_frozen(freezing, backbones["MobileNet"]) == frozen
