import re
import tomllib

import pytest
import tomli_w
from pydantic import BaseModel, ValidationError

from bcauto.augment.policies import Augment, AugMix, Basic, CutMix, MixUp, RandAugment
from bcauto.augment.wide import WideChain
from bcauto.io.toml import parse
from bcauto.recipe.network import Hypermodel, Network
from bcauto.recipe.recipe import Recipe, read_recipe
from bcauto.recipe.training import Training, TrainingStage

PLAIN = Recipe(model=Network(backbone="MobileNet"))
MODEL = 'model.backbone = "MobileNet"\n'
OTHER_VALUES = {
    "model.backbone": "MobileNetV2",
    "model.alpha": 0.25,
    "model.pretrained": False,
    "model.image_side": 128,
    "model.frozen_layers": 1,
    "model.trainable_layers": 1,
    "model.trainable_fraction": 0.5,
    "model.train_only": "convolutions",
    "model.frozen_batch_norm": False,
    "model.pooling": "max",
    "model.head_units": (64,),
    "model.normalization": "batch",
    "model.activation": "gelu",
    "model.dropout": 0.31,
    "model.squeeze_excitation": True,
    "model.feature_normalization": "batch",
    "model.pooled_normalization": "layer",
    "model.l2": 1e-3,
    "training.optimizer": "lion",
    "training.weight_decay": 0.01,
    "training.gradient_clipping": 1.0,
    "training.batch_size": 33,
    "training.head_epochs": 3,
    "training.head_learning_rate": 2e-3,
    "training.rate_factor": 2.0,
    "training.epochs": 11,
    "training.learning_rate": 2e-4,
    "training.schedule": "constant",
    "training.decay_to": 0.25,
    "training.plateau_patience": 4,
    "training.plateau_factor": 0.1,
    "training.warmup": 0.1,
    "training.monitor": "auc",
    "training.early_stopping": 5,
    "training.restore_best": True,
    "training.weight_average": 0.99,
    "training.loss": "focal",
    "training.focal_gamma": 1.0,
    "training.label_smoothing": 0.1,
    "training.balance": "class_weight",
    "training.oversample_to": 2000,
    "training.stages": (TrainingStage(epochs=1, frozen_layers=3),),
    "augment.engine": "keras-cv",
    "augment.fill": "wrap",
    "augment.basic": Basic(),
    "augment.wide": WideChain(),
    "augment.randaugment": RandAugment(),
    "augment.augmix": AugMix(),
    "augment.mixup": MixUp(),
    "augment.cutmix": CutMix(),
}
BELONGING = {
    "weight_decay": Training(optimizer="lion"),
    "plateau_patience": Training(schedule="reduce_on_plateau"),
    "plateau_factor": Training(schedule="reduce_on_plateau"),
    "focal_gamma": Training(loss="focal"),
    "oversample_to": Training(balance="oversample"),
}
"""The training in which a field that belongs to another one's value may be set."""


def fitting(key):
    """A plain recipe in which the key may have another value."""
    training = BELONGING.get(key.removeprefix("training."), PLAIN.training)
    return PLAIN.model_copy(update={"training": training})


def changed(recipe, key, value):
    table, _, field = key.partition(".")
    part = getattr(recipe, table).model_copy(update={field: value})
    return recipe.model_copy(update={table: part})


@pytest.fixture
def read(tmp_path):
    def read_text(text):
        path = tmp_path / "recipe.toml"
        path.write_text(text, encoding="utf-8")
        return read_recipe(path)

    return read_text


def test_a_recipe_needs_only_its_backbone(read):
    assert read(MODEL) == Recipe(model=Network(backbone="MobileNet"))
    assert (read(MODEL).training, read(MODEL).augment) == (Training(), Augment())


def test_a_recipe_holds_what_its_file_says(read):
    text = """
    [model]
    backbone = "MobileNetV2"
    alpha = 0.35
    frozen_layers = 88
    head_units = [256, 64]
    dropout = 0
    [training]
    optimizer = "lion"
    batch_size = 16
    head_epochs = 0
    head_learning_rate = 1
    epochs = 5
    learning_rate = 5e-6
    [augment]
    basic = { flip = true }
    randaugment = { ops = 3 }
    [augment.augmix]
    """
    assert read(text) == Recipe(
        model=Network(
            backbone="MobileNetV2", alpha=0.35, frozen_layers=88, head_units=(256, 64), dropout=0.0
        ),
        training=Training(
            optimizer="lion",
            batch_size=16,
            head_epochs=0,
            head_learning_rate=1.0,
            epochs=5,
            learning_rate=5e-6,
        ),
        augment=Augment(basic=Basic(flip=True), randaugment=RandAugment(ops=3), augmix=AugMix()),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "model is missing"),
        ("[model]", "model.backbone is missing"),
        ("model = 3", "model must be a table, got 3"),
        ("model.backbone = 3", "model.backbone must be a string, got 3"),
        (
            "model.backbone = 'mobilenetv9'",
            "model.backbone: unknown backbone 'mobilenetv9'; did you mean 'MobileNetV2'? Legal: "
            "CifarCNN, ConvNeXtBase, ",
        ),
        (
            "model = {backbone = 'VGG16', alpha = 0.5}",
            "model: alpha of VGG16 must be 1.0, got 0.5",
        ),
    ],
)
def test_a_recipe_without_a_known_backbone_is_refused(text, message, read, refused):
    with refused(rf"recipe\.toml: {re.escape(message)}"):
        read(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trainig.epochs = 1", "'trainig'; did you mean 'training'? Legal: augment, model, train"),
        (
            "model.head_unit = [3]",
            "'model.head_unit'; did you mean 'head_units'? Legal: activation, ",
        ),
        ("model.x = 3", "'model.x'; Legal: activation, alpha, backbone, dropout, feature_norm"),
        ("training.optimiser = 'lion'", "'training.optimiser'; did you mean 'optimizer'? Legal: "),
        (
            "augment.fil = 'wrap'",
            "'augment.fil'; did you mean 'fill'? Legal: augmix, basic, cutmix, engine, fill, ",
        ),
        (
            "augment.randaugment.magnitud = 0.5",
            "'augment.randaugment.magnitud'; did you mean 'magnitude'? "
            "Legal: magnitude, magnitude_stddev, ops, probability, rate",
        ),
        (
            "augment.augmix.chain = 2",
            "'augment.augmix.chain'; did you mean 'chains'? "
            "Legal: alpha, chains, max_depth, min_depth, probability, severity",
        ),
    ],
)
def test_an_unknown_key_is_refused_with_file_key_and_the_nearest(text, message, read, refused):
    with refused(rf"recipe\.toml: unknown key {re.escape(message)}"):
        read(f"{MODEL}{text}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "model.alpha = 0.35",
            "model: alpha of MobileNet must be one of 0.25, 0.5, 0.75, 1.0, got",
        ),
        ("model.alpha = true", "model.alpha must be a number, got True"),
        ("model.frozen_layers = 87", "model: frozen_layers of MobileNet must be 0 to 86, got 87"),
        ("model.frozen_layers = -1", "model.frozen_layers must be greater than or equal to 0, got"),
        ("model.frozen_layers = 3.0", "model.frozen_layers must be a whole number, got 3.0"),
        ("model.head_units = 64", "model.head_units must be a list, got 64"),
        (
            "model.head_units = [64, 0]",
            "model.head_units.1 must be greater than or equal to 1, got",
        ),
        ("model.head_units = [8193]", "model.head_units.0 must be less than or equal to 8192, got"),
        ("training = 3", "training must be a table, got 3"),
        (
            "training.optimizer = 'rmsprop'",
            "training.optimizer must be 'adam', 'adamw', 'lion' or 'sgd', got 'rmsprop'",
        ),
        (
            "training.schedule = 'linear'",
            "training.schedule must be 'cosine', 'exponential', 'reduce_on_plateau' or 'constant'",
        ),
        (
            "training.monitor = 'loss'",
            "training.monitor must be 'objective', 'accuracy' or 'auc', ",
        ),
        ("training.restore_best = 1", "training.restore_best must be true or false, got 1"),
        ("training.focal_gamma = true", "training.focal_gamma must be a number, got True"),
        (
            "training.batch_size = 0",
            "training.batch_size must be greater than or equal to 1, got 0",
        ),
        ("training.epochs = 1001", "training.epochs must be less than or equal to 1000, got 1001"),
        ("training.epochs = true", "training.epochs must be a whole number, got True"),
        ("training.epochs = '5'", "training.epochs must be a whole number, got '5'"),
        ("training.learning_rate = 0", "training.learning_rate must be greater than 0, got 0"),
        ("training.learning_rate = inf", "training.learning_rate must be a finite number, got inf"),
        ("training.learning_rate = true", "training.learning_rate must be a number, got True"),
        (
            "training.balance = 'auto'",
            "training.balance must be 'none', 'class_weight' or 'oversample', got 'auto'",
        ),
        ("training.label_smoothing = 1", "training.label_smoothing must be less than 1, got 1"),
        ("augment.basic.flip = 1", "augment.basic.flip must be true or false, got 1"),
        ("augment.randaugment = 0.5", "augment.randaugment must be a table, got 0.5"),
        ("augment.randaugment.ops = true", "augment.randaugment.ops must be a whole number, got"),
        ("augment.augmix.min_depth = 5", "augment.augmix: min_depth must not be above max_depth"),
    ],
)
def test_a_broken_rule_is_refused_with_file_key_rule_and_value(text, message, read, refused):
    with refused(rf"recipe\.toml: {re.escape(message)}"):
        read(f"{MODEL}{text}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "weight_decay = 0.01",
            "weight_decay must be 0 with optimizer 'adam', which with it is 'adamw', got 0.01",
        ),
        (
            "focal_gamma = 0.0",
            "focal_gamma goes with loss = 'focal' only, got 'crossentropy'",
        ),
        (
            "plateau_patience = 3\nschedule = 'constant'",
            "plateau_patience goes with schedule = 'reduce_on_plateau' only, got 'constant'",
        ),
        (
            "plateau_factor = 0.5",
            "plateau_factor goes with schedule = 'reduce_on_plateau' only, got 'cosine'",
        ),
        (
            "oversample_to = 2000\nbalance = 'class_weight'",
            "oversample_to goes with balance = 'oversample' only, got 'class_weight'",
        ),
    ],
)
def test_a_field_that_nothing_makes_use_of_is_refused(text, message, read, refused):
    with refused(rf"recipe\.toml: training: {re.escape(message)}"):
        read(f"{MODEL}[training]\n{text}")


@pytest.mark.parametrize(
    ("owner", "brought"),
    [
        ({"optimizer": "adamw"}, {"weight_decay": 0.004}),
        ({"optimizer": "lion"}, {"weight_decay": 0.0}),
        ({"schedule": "reduce_on_plateau"}, {"plateau_patience": 3, "plateau_factor": 0.5}),
        ({"loss": "focal"}, {"focal_gamma": 2.0}),
        ({"balance": "oversample"}, {"oversample_to": 0}),
    ],
)
def test_a_value_brings_the_defaults_of_what_belongs_to_it(owner, brought):
    assert Training(**owner) == Training(**owner, **brought)
    assert all(getattr(Training(), field) in (None, 0.0) for field in brought)


@pytest.mark.parametrize("field", [field for field in BELONGING if field != "weight_decay"])
def test_what_belongs_to_a_value_is_a_number_with_it(field):
    with pytest.raises(ValidationError, match=f"{field} must be a number with"):
        Training(**BELONGING[field].model_dump(exclude={field}), **{field: None})


@pytest.mark.parametrize(
    ("field", "edges", "beyond"),
    [
        ("frozen_layers", (0, 86), (-1, 87)),
        ("dropout", (0.0, 0.9), (-1e-9, 0.9 + 1e-9)),
        ("head_units", ((), (1,), (8192, 1)), ((0,), (8193,))),
        ("alpha", (0.25, 0.5, 0.75, 1.0), (0.0, 0.35, 1.3)),
    ],
)
def test_a_networks_bounds_are_legal_and_what_lies_beyond_is_not(field, edges, beyond):
    for value in edges:
        assert getattr(Network(backbone="MobileNet", **{field: value}), field) == value
    for value in beyond:
        with pytest.raises(ValidationError):
            Network(backbone="MobileNet", **{field: value})


@pytest.mark.parametrize(
    ("field", "edges", "beyond"),
    [
        ("batch_size", (1, 4096), (0, 4097)),
        ("head_epochs", (0, 1000), (-1, 1001)),
        ("epochs", (1, 1000), (0, 1001)),
        ("learning_rate", (1e-12, 1.0), (0.0, 1.001)),
        ("label_smoothing", (0.0, 0.999), (-0.001, 1.0)),
        ("head_learning_rate", (1e-12, 1.0), (0.0, 1.001)),
        ("weight_decay", (0.0, 10.0), (-0.001, 10.1)),
        ("gradient_clipping", (0.0, 1e6), (-0.001, 1.1e6)),
        ("decay_to", (1e-12, 1.0), (0.0, 1.001)),
        ("plateau_patience", (1, 1000), (0, 1001)),
        ("plateau_factor", (1e-12, 0.999), (0.0, 1.0)),
        ("warmup", (0.0, 0.9), (-0.001, 0.901)),
        ("early_stopping", (0, 1000), (-1, 1001)),
        ("weight_average", (0.0, 0.9999), (-0.001, 1.0)),
        ("focal_gamma", (0.0, 5.0), (-0.001, 5.1)),
        ("oversample_to", (0, 10**6), (-1, 10**6 + 1)),
    ],
)
def test_trainings_bounds_are_legal_and_what_lies_beyond_is_not(field, edges, beyond):
    others = BELONGING.get(field, Training()).model_dump(exclude={field})
    for value in edges:
        assert getattr(Training(**others, **{field: value}), field) == value
    for value in beyond:
        with pytest.raises(ValidationError, match=field):
            Training(**others, **{field: value})


def test_the_fingerprint_never_changes_by_itself():
    """A trial's seed comes from it, so another one would make another trial of a recipe."""
    assert Recipe(model=Network(backbone="SmallCNN")).fingerprint == (
        "6a8ba2ecaebabca6102850a5c70fbce4ed2755a7c3945bf08fac7553e544f9bd"
    )


def test_every_field_is_among_the_other_values():
    tables = {"model": Network, "training": Training, "augment": Augment}
    assert tables.keys() == Recipe.model_fields.keys()
    fields = {f"{name}.{field}" for name, table in tables.items() for field in table.model_fields}
    assert fields == OTHER_VALUES.keys()


@pytest.mark.parametrize(
    ("table", "fingerprint"),
    [
        (
            {
                "model": {
                    "hypermodel": "mine:build",
                    "values": {"units": 32, "rate": 0.5, "batch_norm": True},
                    "input_scale": 1,
                }
            },
            "a38b46645f46d7fbcab292dc0b20f17f2a9c08b19bd376e350d9920a4641c0ee",
        ),
        (
            {
                "model": {
                    "backbone": "MobileNet",
                    "alpha": 0.25,
                    "head_units": [64, 32],
                    "dropout": [0.5, 0.2, 0.1],
                },
                "training": {
                    "optimizer": "adamw",
                    "schedule": "reduce_on_plateau",
                    "loss": "focal",
                    "balance": "oversample",
                    "stages": [
                        {"epochs": 2, "trainable_layers": 0},
                        {"epochs": 3, "learning_rate": 1e-4},
                    ],
                },
                "augment": {
                    "basic": {"flip": True},
                    "augmix": {},
                    "wide": {"ops": {"rotate": {"probability": 0.5, "magnitude": 0.5}}},
                },
            },
            "e3c6ac261ed7f56f798b48620bf7b8a4349c15e7ffca79ecafdc75361c23108a",
        ),
    ],
)
def test_a_stored_fingerprint_of_a_recipe_is_still_its_own(table, fingerprint):
    assert parse(Recipe, table).fingerprint == fingerprint


@pytest.mark.parametrize(("key", "value"), OTHER_VALUES.items())
def test_any_other_value_is_another_fingerprint(key, value):
    assert changed(fitting(key), key, value).fingerprint != fitting(key).fingerprint


@pytest.mark.parametrize(
    ("policy", "field"),
    [(p, field) for p in (Basic, RandAugment, AugMix, MixUp, CutMix) for field in p.model_fields],
)
def test_any_other_strength_is_another_fingerprint(policy, field):
    def fingerprint(part):
        return changed(PLAIN, f"augment.{policy.__name__.lower()}", part).fingerprint

    value = 2 * getattr(policy(), field) + 1 if field != "flip" else True
    assert fingerprint(policy()) != fingerprint(policy().model_copy(update={field: value}))


def test_the_order_of_the_keys_and_what_is_said_by_default_make_no_other_fingerprint(read):
    one = '[training]\nepochs = 10\n[model]\ndropout = 0.3\nalpha = 1\nbackbone = "MobileNet"'
    assert read(one).fingerprint == PLAIN.fingerprint


@pytest.mark.parametrize(
    "part", [PLAIN, PLAIN.model, PLAIN.training, PLAIN.augment], ids=lambda p: type(p).__name__
)
def test_a_recipe_is_frozen_and_hashable_all_through(part):
    assert isinstance(part, BaseModel)
    assert hash(part) == hash(part.model_copy(deep=True))
    for field in type(part).model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, field, getattr(part, field))


@pytest.mark.parametrize(("key", "value"), OTHER_VALUES.items())
def test_what_is_written_as_toml_is_read_back(key, value, read):
    given = changed(fitting(key), key, value).model_dump(mode="json", exclude_none=True)
    recipe = parse(Recipe, given)  # with the defaults that a value brings
    again = read(recipe.to_toml())
    assert (again, again.fingerprint) == (recipe, recipe.fingerprint)


def test_a_policy_that_is_off_is_not_written():
    assert tomllib.loads(PLAIN.to_toml())["augment"] == {"engine": "bcauto", "fill": "reflect"}


@pytest.mark.parametrize(
    ("backbone", "alpha", "label"),
    [
        ("MobileNet", 0.25, "MobileNet-0.25"),
        ("MobileNetV2", 1.0, "MobileNetV2-1.0"),
        ("VGG16", 1.0, "VGG16"),
        ("SmallCNN", 1.0, "SmallCNN"),
    ],
)
def test_the_label_has_the_width_where_there_is_more_than_one(backbone, alpha, label):
    network = Network(backbone=backbone, alpha=alpha)
    assert network.label == label
    assert network.entry.name == backbone


HYPERMODEL = {"hypermodel": "mine.models:Build", "values": {"conv.units": 8, "on": True, "x": 1.0}}


def test_a_hypermodels_recipe_comes_back_from_toml(tmp_path):
    recipe = parse(Recipe, {"model": HYPERMODEL, "training": {"batch_size": 8}})
    assert isinstance(recipe.model, Hypermodel)
    assert recipe.model.label == "Build"
    file = tmp_path / "recipe.toml"
    file.write_text(recipe.to_toml())
    again = read_recipe(file)
    assert again == recipe
    assert again.fingerprint == recipe.fingerprint
    assert [type(value) for value in again.model.values.values()] == [int, bool, float]
    assert "learning_rate" not in tomllib.loads(recipe.to_toml())["training"]
    assert recipe.all_epochs(pretrained=False) == 10


@pytest.mark.parametrize(
    ("model", "training", "message"),
    [
        ({"hypermodel": "mine"}, {}, "model.hypermodel must be package.module:Name, got 'mine'"),
        ({"hypermodel": "a:b", "value": {}}, {}, "unknown key 'model.value'; did you mean 'values"),
        ({"hypermodel": "a:b", "input_scale": 2}, {}, "model.input_scale must be 1 or 255, got 2"),
        ({"hypermodel": "a:b", "backbone": "VGG16"}, {}, "unknown key 'model.backbone'; Legal: hy"),
        ({"hypermodel": "a:b"}, {"learning_rate": 0.1}, "training.learning_rate belongs to the hy"),
        ({"hypermodel": "a:b"}, {"optimizer": "sgd"}, "training.optimizer belongs to the hypermod"),
        ({"hypermodel": "a:b"}, {"balance": "class_weight"}, "must be none or oversample"),
        ({"values": {}}, {}, "unknown key 'model.values'"),
    ],
)
def test_what_is_no_recipe_of_a_hypermodel_is_refused(model, training, message, tmp_path, refused):
    file = tmp_path / "recipe.toml"
    file.write_text(tomli_w.dumps({"model": model, "training": training}))
    with refused(re.escape(message)):
        read_recipe(file)


STAGED = """
[model]
backbone = "VGG16"
{model}
[training]
{training}
[[training.stages]]
epochs = 2
{stage}
[[training.stages]]
epochs = 3
{stage}
"""


@pytest.mark.parametrize(
    ("stage", "table", "key", "value"),
    [
        ("", "training", "epochs", 5),
        ("", "training", "head_epochs", 0),
        ("learning_rate = 1e-3", "training", "learning_rate", 1e-3),
        ("learning_rate = 1e-3", "training", "head_learning_rate", 1e-2),
        ("batch_size = 8", "training", "batch_size", 8),
        ("frozen_layers = 3", "model", "frozen_layers", 0),
        ("trainable_fraction = 0.5", "model", "trainable_fraction", 0.5),
        ("trainable_layers = 0", "model", "trainable_layers", 3),
    ],
)
def test_what_has_no_effect_beside_stages_is_refused(stage, table, key, value, read, refused):
    said = {"model": "", "training": "", table: f"{key} = {value}", "stage": stage}
    rule = "must be left out beside training.stages, which say it themselves"
    with refused(f"recipe.toml: {table}.{key} {rule}, got {value}$"):
        read(STAGED.format(**said))


def test_what_a_stage_leaves_to_the_rest_is_taken(read):
    text = STAGED.format(model="frozen_layers = 3", training="batch_size = 8", stage="")
    text += "frozen_layers = 5\nlearning_rate = 1e-3\nbatch_size = 16\n"  # of the last alone
    assert (read(text).model.frozen_layers, read(text).training.batch_size) == (3, 8)


def test_a_whole_recipe_with_stages_as_it_is_written_down_is_read_back(read):
    recipe = read(STAGED.format(model="", training="", stage="frozen_layers = 3"))
    assert parse(Recipe, recipe.model_dump(mode="json")) == recipe
    assert read(recipe.to_toml()) == recipe


def test_stages_take_the_place_of_what_the_extended_recipe_says(read, tmp_path, refused):
    model = "[model]\nbackbone = 'MobileNet'\nfrozen_layers = 3\n"
    training = "[training]\nepochs = 5\nbatch_size = 8\n"
    (tmp_path / "base.toml").write_text(model + training)
    stages = "[[training.stages]]\nepochs = 2\nfrozen_layers = 1\n"
    recipe = read(f'extends = "base.toml"\n{stages}')
    assert recipe.model.frozen_layers is None
    assert (recipe.training.epochs, recipe.training.batch_size) == (Training().epochs, 8)
    assert recipe.all_epochs(pretrained=False) == 2
    with refused("training.epochs must be left out beside training.stages"):
        read(f'extends = "base.toml"\n[training]\nepochs = 4\n{stages}')


def test_a_longer_recipe_has_more_epochs_and_waits_longer_for_a_better_score():
    training = Training(
        head_epochs=2,
        epochs=11,
        early_stopping=4,
        schedule="reduce_on_plateau",
        plateau_patience=3,
    )
    recipe = Recipe(model=Network(backbone="MobileNet"), training=training)
    longer = recipe.longer(2.5)
    changes = {"epochs": 28, "early_stopping": 10, "plateau_patience": 8}  # half to even
    assert longer.model_dump() == {
        **recipe.model_dump(),
        "training": {**training.model_dump(), **changes},
    }
    assert Recipe.model_validate(longer.model_dump(mode="json")) == longer
    assert recipe.longer(1) == recipe


def test_every_stage_of_a_longer_recipe_is_longer():
    stages = (
        TrainingStage(epochs=2, trainable_layers=0),
        TrainingStage(epochs=5, learning_rate=1e-4),
    )
    recipe = Recipe(model=Network(backbone="MobileNet"), training=Training(stages=stages))
    longer = recipe.longer(3)
    assert [stage.epochs for stage in longer.training.stages] == [6, 15]
    assert longer.training.stages[1].learning_rate == 1e-4
    assert Recipe.model_validate(longer.model_dump(mode="json")) == longer


def test_no_recipe_grows_beyond_what_a_recipe_may_be():
    recipe = Recipe(model=Network(backbone="MobileNet"), training=Training(epochs=900))
    assert recipe.longer(100).training.epochs == 1000


def test_the_average_of_a_hypermodels_weights_is_its_own_compiles():
    with pytest.raises(ValidationError, match="weight_average belongs to the hypermodel's own"):
        parse(Recipe, {"model": HYPERMODEL, "training": {"weight_average": 0.99}})
