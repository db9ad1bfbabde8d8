"""Every known system: built at full scale, trained a step in each stage, saved and reloaded.

Nothing is downloaded. Those on large networks are trained where ``-m large`` asks for it.
"""

from __future__ import annotations

import numpy as np
import pytest
from test_every_backbone import CPU, SMALL

from bcauto.augment.engine import Augmenter
from bcauto.data.labelled import Labelled
from bcauto.recipe.bundled_files import bundled
from bcauto.recipe.pretrained import Weights
from bcauto.recipe.recipe import find_recipe, read_recipe

pytestmark = [pytest.mark.keras, pytest.mark.usefixtures("keras", "downloads", "released")]

CLASSES = 3
PRETRAINED = Weights("imagenet")


def recipes():
    """Each recipe by its name; the large ones are marked."""
    for name in bundled("recipe"):
        recipe = read_recipe(find_recipe(name))
        large = [] if recipe.model.backbone in SMALL else [pytest.mark.large]
        yield pytest.param(recipe, marks=large, id=name)


def tiny_data(side):
    images = np.random.default_rng(0).integers(0, 256, (6, side, side, 3), np.uint8)
    return Labelled(images, np.arange(6, dtype=np.int64) % CLASSES)


def differ(some, others):
    return any((one != other).any() for one, other in zip(some, others, strict=True))


@pytest.mark.filterwarnings("ignore:`input_shape` is undefined")
@pytest.mark.parametrize("recipe", list(recipes()))
def test_a_recipe_trains_a_step_in_each_stage_and_is_saved_and_loaded(recipe, keras, tmp_path):
    from bcauto.models.build import build_classifier
    from bcauto.training.batches import Batches
    from bcauto.training.losses import make_loss
    from bcauto.training.run import save_model
    from bcauto.training.stages import compile_stage, plan_stages

    side = recipe.model.entry.least_side
    data = tiny_data(side)
    classifier = build_classifier(recipe.model, (side, side), CLASSES, PRETRAINED)
    loss = make_loss(recipe.training, data.labels, CLASSES)
    batches = Batches(data, CLASSES, 3, Augmenter(recipe.augment, 0))
    model, layers = classifier.model, classifier.backbone.layers
    head = model.get_layer("classes")
    stem = next(place for place, layer in enumerate(layers) if layer.trainable_weights)
    stages = plan_stages(recipe, classifier, PRETRAINED.pretrains(recipe.model))
    assert len(stages) == len(recipe.training.stages or stages)
    for epoch, stage in enumerate(stages):
        compile_stage(classifier, stage, recipe.training, loss, CPU)
        model.run_eagerly = True  # one step is not worth a trace
        before = head.get_weights(), layers[stem].get_weights()
        assert np.isfinite(model.train_on_batch(*batches.make(np.arange(3), epoch)))
        assert differ(head.get_weights(), before[0])
        assert not (stem < stage.frozen_layers and differ(layers[stem].get_weights(), before[1]))
    expected = np.asarray(model(data.images, training=False))
    assert expected.shape == (6, CLASSES)
    save_model(model, tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(np.asarray(again(data.images)), expected, atol=1e-5)
