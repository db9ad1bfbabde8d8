import re

import pytest
from pydantic import ValidationError

from bcauto.space.files import read_space
from bcauto.space.space import Space

MOBILENET = '[recipe.model]\nbackbone = "MobileNet"\n'
OPTIMIZERS = '"training.optimizer" = ["adam", "lion"]\n'
LION = """
"training.learning_rate@lion" = {low = 1e-5, high = 1e-4, when = {"training.optimizer" = "lion"}}
"""


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (
            '"training.lerning_rate" = [0.1]',
            "'training.lerning_rate'; did you mean 'learning_rate'?",
        ),
        ('"trainin.epochs" = [1]', "'trainin'; did you mean 'training'? Legal: augment, model, tr"),
        ('"dropout" = [0.1]', "'dropout'; Legal: augment, model, training"),
        ('"augment.augmix.chain" = [1]', "'augment.augmix.chain'; did you mean 'chains'? Legal: "),
        ('"" = [1]', "''; Legal: augment, model, training"),
        ('"@lion" = [1]', "''; Legal: augment, model, training"),
    ],
)
def test_a_dimension_of_an_unknown_key_is_refused_with_file_and_nearest_key(
    search, message, space_of, refused
):
    with refused(rf"space\.toml: unknown key {re.escape(message)}"):
        space_of(search)


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (
            '"model.dropout" = {lo = 0, high = 1}',
            "search.model.dropout: unknown key 'lo'; did you mean 'low'? Legal: high, log, low",
        ),
        (
            "model.dropout = {low = 0.1, high = 0.2}",
            "search.model: unknown key 'dropout'; Legal: high, log, low, reverse_log, step, values",
        ),
    ],
)
def test_an_unknown_key_of_a_dimension_is_refused_with_its_name(search, message, space_of, refused):
    with refused(rf"space\.toml: {re.escape(message)}"):
        space_of(search)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "serch = 1",
            "'serch'; did you mean 'search'? Legal: confirm, export, proxy, recipe, search",
        ),
        ("proxy.copes = 1", "'proxy.copes'; did you mean 'copies'? Legal: copies, families, held"),
    ],
)
def test_an_unknown_key_of_the_space_itself_is_refused(text, message, space_of, refused):
    with refused(rf"space\.toml: unknown key {re.escape(message)}"):
        space_of(recipe=f'{text}\n[recipe.model]\nbackbone = "SmallCNN"\n')


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("", "recipe.model is missing; a file without it goes with --hypermodel"),
        ("[recipe.model]\n", "model.backbone is missing"),
        ("[recipe]\nmodel = 3\n", "model must be a table, got 3"),
        ("recipe = 3\n", "recipe must be a table, got 3"),
        ("start = 3\n", "start must be a list, got 3"),
        ("start = [3]\n", "start.0 must be a table, got 3"),
        ("start = {'model.dropout' = 1}\n", "start must be a list, got {'model.dropout': 1}"),
        ("proxy = 3\n", "proxy must be a table, got 3"),
        (
            "[recipe.model]\nbackbon = 'VGG16'\n",
            "unknown key 'model.backbon'; did you mean 'backbone'? Legal: activation, ",
        ),
        (
            "[recipe.modle]\n",
            "unknown key 'modle'; did you mean 'model'? Legal: augment, m",
        ),
        (
            "[recipe.model]\nbackbone = 'MobileNetV9'\n",
            "model.backbone: unknown backbone 'MobileNetV9'; did you mean 'MobileNetV2'?",
        ),
        (
            "[recipe.model]\nbackbone = 'MobileNet'\nalpha = 0.35\n",
            "model: alpha of MobileNet must be one of 0.25, 0.5, 0.75, 1.0, got 0.35",
        ),
        (
            "[recipe.model]\nbackbone = 'VGG16'\nfrozen_layers = 20\n",
            "model: frozen_layers of VGG16 must be 0 to 19, got 20",
        ),
        (
            "[proxy]\nfamilies = ['colr']\n",
            "proxy: families must name known families, got 'colr'; d",
        ),
        (
            "[proxy]\nseverities = [9]\n",
            "proxy: severities must rise and be among (1, 2, 3, 4, 5), ",
        ),
        ("[proxy]\ncopies = true\n", "proxy.copies must be a whole number, got True"),
    ],
)
def test_constants_that_no_recipe_can_have_are_refused(recipe, message, space_of, refused):
    with refused(rf"space\.toml: {re.escape(message)}"):
        space_of(recipe=recipe)


def test_a_search_that_is_no_table_is_refused(tmp_path, refused):
    (tmp_path / "space.toml").write_text("search = [1]")
    with refused(r"space\.toml: search must be a table, got \[1\]$"):
        read_space(tmp_path / "space.toml")


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ('"training.epochs" = 3', "training.epochs must be a list of choices or a table with low"),
        ('"training.epochs" = []', "training.epochs: values must be a list of one choice or more"),
        ('"training.epochs" = [3, 3]', "training.epochs: the choices must differ, got 3, 3"),
        ('"training.epochs" = {low = 3, high = 1}', "training.epochs: low must not be above high,"),
        (
            '"training.epochs" = {low = true, high = 1}',
            "training.epochs: low must be a number, got",
        ),
        ('"model.dropout" = [nan]', "model.dropout: values: a choice must be a string, a finite"),
        (
            '"model.dropout" = {low = 0.0, high = inf}',
            "model.dropout: high must be a number from -",
        ),
        ('"augment.augmix" = [{chains = 2}]', "augment.augmix: values: a choice must be a string"),
        ('"model.backbone.x" = [1]', "model.backbone.x: backbone must be a table, got 'MobileNet'"),
    ],
)
def test_what_is_not_a_dimension_is_refused_with_its_name(search, message, space_of, refused):
    with refused(rf"space\.toml: search\.{re.escape(message)}"):
        space_of(search, MOBILENET)


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ('"training.epochs" = [true]', "training.epochs must be a whole number, got True"),
        ('"training.epochs" = ["3"]', "training.epochs must be a whole number, got '3'"),
        ('"training.epochs" = [3.0]', "training.epochs must be a whole number, got 3.0"),
        ('"training.epochs" = [1979-05-27]', "training.epochs must be a whole number, got '1979"),
        ('"training.epochs" = {low = 1.0, high = 9.0}', "training.epochs must be a whole number, "),
        (
            '"model.dropout.x" = [1]',
            "model.dropout must be a number from 0 to 0.9, or a list of th",
        ),
        ('"model" = [1]', "model must be a table, got 1"),
        ('"model.head_units" = [64]', "model.head_units must be a list, got 64"),
        ('"model.head_units" = [[true]]', "model.head_units.0 must be a whole number, got True"),
        ('"augment.basic.flip" = [1, 0]', "augment.basic.flip must be true or false, got 1"),
    ],
)
def test_first_values_that_are_illegal_are_refused_with_key_and_value(
    search, message, space_of, refused
):
    with refused(rf"space\.toml: {re.escape(message)}"):
        space_of(search, MOBILENET)


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (
            '"training.epochs" = {low = 1, high = 5000}',
            "training.epochs = 5000: training.epochs must be less than or equal to 1000, got 5000",
        ),
        (
            '"training.optimizer" = ["adam", "rmsprop"]',
            "training.optimizer = 'rmsprop': training.optimizer must be 'adam', 'adamw', 'lion' or",
        ),
        (
            '"model.dropout" = {low = 0.0, high = 1.0}',
            "model.dropout = 1.0: model.dropout must be a number from 0 to 0.9, or a list of them,",
        ),
        (
            '"model.head_units" = [[64], [0]]',
            "model.head_units = [0]: model.head_units.0 must be greater than or equal to 1, got 0",
        ),
        (
            '"model.alpha" = [0.5, 0.35]',
            "model.alpha = 0.35: model: alpha of MobileNet must be one of 0.25, 0.5, 0.75, 1.0, go",
        ),
        (
            '"model.backbone" = ["MobileNet", "MobileNetV9"]',
            "model.backbone = 'MobileNetV9': model.backbone: unknown backbone 'MobileNetV9'; did y",
        ),
        (
            '"model.frozen_layers" = {low = 0, high = 87}',
            "model.frozen_layers = 87: model: frozen_layers of MobileNet must be 0 to 86, got 87",
        ),
    ],
)
def test_values_that_are_illegal_are_refused_with_what_was_sampled_and_the_rule(
    search, message, space_of, refused
):
    with refused(rf"space\.toml: sampled {re.escape(message)}"):
        space_of(search, MOBILENET)


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (
            """
            "model.backbone" = ["MobileNet", "SmallCNN"]
            "model.frozen_layers" = { low = 0, high = 50 }
            """,
            "model.backbone = 'SmallCNN', model.frozen_layers = 50: "
            "model: frozen_layers of SmallCNN must be 0 to 16, got 50",
        ),
        (
            """
            "model.backbone" = ["VGG16", "SmallCNN"]
            "model.frozen_layers" = { low = 0, high = 19, when = {"model.backbone" = "SmallCNN"} }
            """,
            "model.backbone = 'SmallCNN', model.frozen_layers = 19: "
            "model: frozen_layers of SmallCNN must be 0 to 16, got 19",
        ),
        (
            """
            "model.backbone" = ["VGG16", "MobileNet", "SmallCNN"]
            [search."model.frozen_layers"]
            low = 0
            high = 19
            when = { "model.backbone" = ["VGG16", "SmallCNN"] }
            """,
            "model.backbone = 'SmallCNN', model.frozen_layers = 19: "
            "model: frozen_layers of SmallCNN must be 0 to 16, got 19",
        ),
        (
            """
            "model.backbone" = ["MobileNet", "MobileNetV2"]
            "model.alpha" = [0.5, 0.25]
            """,
            "model.backbone = 'MobileNetV2', model.alpha = 0.25: "
            "model: alpha of MobileNetV2 must be one of 0.35, 0.5, 0.75, 1.0, 1.3, 1.4, got 0.25",
        ),
        (
            """
            "augment.augmix.min_depth" = [1, 3]
            "augment.augmix.max_depth" = [3, 2]
            """,
            "augment.augmix.min_depth = 3, augment.augmix.max_depth = 2: "
            "augment.augmix: min_depth must not be above max_depth, got 3 and 2",
        ),
    ],
)
def test_two_dimensions_that_do_not_fit_together_are_refused(search, message, space_of, refused):
    with refused(rf"space\.toml: sampled {re.escape(message)}"):
        space_of(search)


@pytest.mark.parametrize(
    ("when", "message"),
    [
        (
            '{"training.optimizr" = "lion"}',
            "when must name a dimension above it, got 'training.optimizr'; did you mean "
            "'training.optimizer'? Legal: training.epochs, training.optimizer",
        ),
        (
            '{"augment.basic.flip" = true}',
            "when must name a dimension above it, got 'augment.basic.flip', which stands bel",
        ),
        (
            '{"model.dropout" = 0.5}',
            "when must name a dimension above it, got 'model.dropout', the dimension itself; L",
        ),
        (
            '{"training.optimizer" = "lionn"}',
            "when training.optimizer must be one of 'adam', 'lion'; got 'lionn'",
        ),
        (
            '{"training.optimizer" = ["lion", "sgd"]}',
            "when training.optimizer must be one of 'adam', 'lion'; got 'sgd'",
        ),
        (
            '{"training.optimizer" = []}',
            "when training.optimizer must be one value or more, got []",
        ),
        (
            '{"training.epochs" = 9}',
            "when training.epochs must be a whole number from 1 to 5; got 9",
        ),
        ('{"training.epochs" = true}', "when training.epochs must be a number; got True"),
        ('"lion"', "when must be a table, got 'lion'"),
    ],
)
def test_a_condition_that_can_never_hold_is_refused(when, message, space_of, refused):
    above = f'{OPTIMIZERS}"training.epochs" = {{low = 1, high = 5}}\n'
    below = '"augment.basic.flip" = [true, false]\n'
    with refused(rf"space\.toml: search\.model\.dropout: {re.escape(message)}"):
        space_of(f'{above}"model.dropout" = {{low = 0.1, high = 0.5, when = {when}}}\n{below}')


def test_what_only_a_condition_behind_a_condition_reaches_is_tried_too(space_of, refused):
    search = """
    "model.backbone" = ["VGG16", "MobileNet"]
    "model.alpha" = { values = [1.0, 0.5], when = {"model.backbone" = "MobileNet"} }
    "training.epochs" = { values = [1, 0], when = {"model.alpha" = 0.5} }
    """
    sampled = "model.alpha = 0.5, model.backbone = 'MobileNet', training.epochs = 0"
    with refused(f"sampled {sampled}: training.epochs must be greater than or equal to 1, got 0$"):
        space_of(search, "")


def test_two_variants_of_a_key_that_could_be_sampled_together_are_refused(space_of, refused):
    other = '"training.learning_rate@any" = { low = 1e-3, high = 1e-2 }'
    message = "'training.learning_rate@lion' sets training.learning_rate too, so their conditions "
    with refused(rf"search\.training\.learning_rate@any: {message}must exclude each other, got "):
        space_of(OPTIMIZERS + LION + other)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (
            '"training.optimzer" = "adam"',
            "unknown dimension 'training.optimzer'; did you mean 'training.optimizer'? Legal: mod",
        ),
        (
            '"model.backbone" = "VGG16"',
            "unknown dimension 'model.backbone'; Legal: model.dropout, ",
        ),
        (
            '"training.optimizer" = "sgd"',
            "training.optimizer must be one of 'adam', 'lion'; got 's",
        ),
        ('"model.dropout" = 0.6', "model.dropout must be a number from 0.1 to 0.5; got 0.6"),
        ('"model.dropout" = true', "model.dropout must be a number; got True"),
        ('"model.dropout" = nan', "model.dropout must be a number from 0.1 to 0.5; got nan"),
        ('"training.epochs" = inf', "training.epochs must be a whole number from 1 to 5; got inf"),
        ('"training.epochs" = 1.5', "training.epochs must be a whole number from 1 to 5; got 1.5"),
        (
            '"training.optimizer" = "adam"\n"training.learning_rate@lion" = 1e-5',
            "'training.learning_rate@lion' has no effect, since its condition fails",
        ),
        (
            '"training.learning_rate@lion" = 1e-5',
            "'training.learning_rate@lion' has no effect, since its condition fails",
        ),
    ],
)
def test_a_starting_point_that_cannot_be_sampled_is_refused_by_its_number(
    start, message, space_of, refused
):
    search = f'{OPTIMIZERS}{LION}"model.dropout" = {{low = 0.1, high = 0.5}}\n'
    search += '"training.epochs" = {low = 1, high = 5}\n'
    fine = '[[start]]\n"model.dropout" = 0.2\n'
    with refused(rf"space\.toml: start 2: {re.escape(message)}"):
        space_of(f"{search}{fine}[[start]]\n{start}")


def test_a_starting_point_in_a_space_that_searches_nothing_is_refused(space_of, refused):
    with refused("start 1: unknown dimension 'model.dropout'; Legal: none$"):
        space_of('[[start]]\n"model.dropout" = 0.2')


def test_what_leads_into_what_is_no_table_is_refused(space_of, refused):
    recipe = '[recipe]\nmodel = {backbone = "SmallCNN"}\naugment = 3\n'
    with refused(r"search\.augment\.augmix\.chains: augment must be a table, got 3$"):
        space_of('"augment.augmix.chains" = [1]', recipe)


def test_two_dimensions_of_one_table_are_tried_together_however_deep_they_lie():
    lion = {"when": {"training.optimizer": "lion"}}
    search = {
        "augment.engine": ["bcauto", "keras-cv"],
        "training.optimizer": ["adam", "lion"],
        "augment.wide.ops.posterize.probability": {"low": 0.1, "high": 0.5, **lion},
        "augment.wide.ops.posterize.magnitude": {"low": 0.1, "high": 0.5, **lion},
    }
    with pytest.raises(ValidationError, match="posterize needs engine bcauto"):
        Space.model_validate({"recipe": {"model": {"backbone": "SmallCNN"}}, "search": search})


@pytest.mark.parametrize(
    ("recipe", "search", "message"),
    [
        (
            '"MobileNet"',
            '"model.alpha" = {low = 0.25, high = 1.0}',
            "model.alpha = 0.625: model: alpha of MobileNet must be one of 0.25, 0.5, 0.75, 1.0, g",
        ),
        (  # its middle is legal
            '"MobileNet"',
            '"model.alpha" = {low = 0.25, high = 0.75}',
            "model.alpha = 0.25000000000000006: model: alpha of MobileNet must be one of 0.25, 0.5",
        ),
        (
            '"MobileNetV2"',
            '"model.alpha" = {low = 0.35, high = 1.4, step = 0.35}',
            "model.alpha = 0.7: model: alpha of MobileNetV2 must be one of 0.35, 0.5, 0.75, 1.0, 1",
        ),
        (
            '"SmallCNN"',
            '"model.image_side" = {low = 0, high = 64}',
            "model.image_side = 1: model: image_side of SmallCNN must be 0 (native), or 32 or more",
        ),
        (  # only beside the other backbone
            '"SmallCNN"',
            '"model.backbone" = ["SmallCNN", "InceptionV3"]\n'
            '"model.image_side" = {low = 0, high = 128, step = 32}',
            "model.backbone = 'InceptionV3', model.image_side = 64: "
            "model: image_side of InceptionV3 must be 0 (native), or 75 or more, got 64",
        ),
        (
            '"SmallCNN"',
            '"model.image_side" = {low = 0, high = 128, step = 32}\n'
            '"model.backbone" = ["SmallCNN", "InceptionV3"]',
            "model.backbone = 'InceptionV3', model.image_side = 64: "
            "model: image_side of InceptionV3 must be 0 (native), or 75 or more, got 64",
        ),
    ],
)
def test_a_range_that_is_legal_at_its_ends_alone_is_refused(
    recipe, search, message, space_of, refused
):
    with refused(rf"space\.toml: sampled {re.escape(message)}"):
        space_of(search, f"[recipe.model]\nbackbone = {recipe}\n")


def test_a_hypermodels_scale_is_legal_at_the_ends_of_a_range_alone(space_of, refused):
    recipe = '[recipe.model]\nhypermodel = "mine:build"\n'
    with refused("sampled model.input_scale = 128: model.input_scale must be 1 or 255, got 128$"):
        space_of('"model.input_scale" = {low = 1, high = 255}', recipe)


@pytest.mark.parametrize(
    "line",
    [
        '"model.alpha" = {low = 0.25, high = 1.0, step = 0.25}',
        '"model.image_side" = {low = 32, high = 64}',
        '"model.image_side" = {low = 0, high = 64, step = 32}',
    ],
)
def test_a_range_that_is_legal_throughout_is_taken(line, space_of):
    assert space_of(line, MOBILENET).search


STAGES = """
[[recipe.training.stages]]
epochs = 2
{}
[[recipe.training.stages]]
epochs = 3
{}
"""


@pytest.mark.parametrize(
    ("stage", "name"),
    [
        ("", "training.epochs"),
        ("", "training.head_epochs"),
        ("frozen_layers = 3", "model.frozen_layers"),
        ("trainable_layers = 3", "model.trainable_layers"),
        ("batch_size = 8", "training.batch_size"),
    ],
)
def test_what_stages_take_the_place_of_is_not_searched(stage, name, space_of, refused):
    message = "must be left out beside training.stages, which say it themselves, got 4"
    with refused(rf"space\.toml: {name} {message}$"):
        space_of(f'"{name}" = [4, 5]', MOBILENET + STAGES.format(stage, stage))


@pytest.mark.parametrize(
    ("stage", "line"),
    [
        ("frozen_layers = 3", '"model.frozen_layers" = [4, 5]'),
        ("learning_rate = 1e-3", '"training.learning_rate" = [1e-3, 1e-4]'),
    ],
)
def test_what_one_stage_leaves_unsaid_is_searched(stage, line, space_of):
    assert space_of(line, MOBILENET + STAGES.format("", stage)).size == 2


def test_stages_are_tried_with_every_backbone(space_of, refused):
    search = """
    "model.backbone" = ["MobileNet", "VGG16"]
    "training.stages" = [[], [{epochs = 1, frozen_layers = 50}]]
    """
    with refused("training.stages.0: frozen_layers of VGG16 must be 0 to 19, got 50"):
        space_of(search)


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        ("foo = 1", "unknown key 'model.foo'; Legal: "),
        (
            "frozen_layers = 500",
            "model: frozen_layers of MobileNet must be 0 to 86, got 500",
        ),
        ("image_side = 3", "model: image_side of MobileNet must be 0 (native), or 32 or mo"),
        ("alpha = 0.3", "model: alpha of MobileNet must be one of 0.25, 0.5, 0.75, 1.0, go"),
        (
            "[recipe.augment.basic]\nrotation = 999",
            "augment.basic.rotation must be less tha",
        ),
        ("[recipe.augment]\nfil = 1", "unknown key 'augment.fil'; did you mean 'fill'?"),
        ("[recipe.training]\nplateau_patience = 2", "training: plateau_patience goes with"),
    ],
)
@pytest.mark.parametrize(
    "search",
    [
        '"model.dropout" = [0.1]',
        '"training.optimizer" = ["adam", "lion"]\n"model.dropout" = {low = 0.1, high = 0.2}',
    ],
)
def test_an_illegal_constant_is_refused_without_a_word_of_what_was_sampled(
    constants, message, search, space_of, refused
):
    with refused(rf"space\.toml: {re.escape(message)}"):
        space_of(search, f"{MOBILENET}{constants}\n")


def test_a_constant_that_a_dimension_makes_legal_is_taken(space_of, refused):
    recipe = "[recipe.training]\nplateau_patience = 2\n"
    search = """
    "model.backbone" = ["SmallCNN"]
    "training.schedule" = ["reduce_on_plateau"]
    """
    assert space_of(search, recipe).size == 1
    with refused("space.toml: model.dropout must be a number from 0 to 0.9"):
        space_of(f'{search}"model.dropout" = [5.0]', recipe)


def test_stages_are_refused_beside_what_they_replace_whatever_is_searched(space_of, refused):
    recipe = f"[recipe.training]\nepochs = 5\n{STAGES.format('', '')}"
    with refused("space.toml: training.epochs must be left out beside training.stages"):
        space_of('"model.backbone" = ["VGG16"]', recipe)


def test_a_constant_that_a_dimension_does_not_go_with_is_refused_with_the_rule(space_of, refused):
    search = '"model.dropout" = [0.1, 0.2]\n"training.optimizer" = ["adam", "adamw"]'
    recipe = f"{MOBILENET}[recipe.training]\nweight_decay = 0.1\n"
    with refused("space.toml: training: weight_decay must be 0 with optimizer 'adam'"):
        space_of(search, recipe)


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (
            """
            "model.dropout" = {low = 0.1, high = 0.3}
            "training.epochs" = {low = 1, high = 2, when = {"model.dropout" = 0.2}}
            """,
            "training.epochs: when model.dropout must be on choices, whole numbers or a range wi",
        ),
        (
            """
            "training.optimizer" = ["adam", "lion"]
            "training.epochs" = {values = [1, 2], when = {"training.optimizer" = "adam"}}
            [search."model.dropout"]
            values = [0.1]
            when = {"training.epochs" = 1, "training.optimizer" = "lion"}
            """,
            "model.dropout: when can never hold: it and its parents' conditions ask for "
            "training.optimizer among ['adam'] and among ['lion']",
        ),
        (
            '"training.optimizer" = {values = ["adam"], when = {"training.optimizer" = "adam"}}',
            "training.optimizer: when must name a dimension above it, got 'training.optimizer', "
            "the dimension itself; there is none above it",
        ),
        (
            """
            "training.optimizer" = {values = ["adam"], when = {"model.pooling" = "max"}}
            "model.pooling" = {values = ["max"], when = {"training.optimizer" = "adam"}}
            """,
            "training.optimizer: when must name a dimension above it, got 'model.pooling', which "
            "stands below it; there is none above it",
        ),
        ('"training.epochs@" = [1]', "training.epochs@ must have one word after one @, got ''"),
        ('"training.epochs@a@b" = [1]', "training.epochs@a@b must have one word after one @, got"),
        ('"training.epochs@a b" = [1]', "training.epochs@a b must have one word after one @, got"),
    ],
)
def test_names_and_conditions_that_make_no_sense_are_refused(search, message, space_of, refused):
    with refused(rf"space\.toml: search\.{re.escape(message)}"):
        space_of(search)


def test_a_value_that_all_conditions_ask_for_is_tried(space_of, refused):
    search = """
    "training.optimizer" = ["adam", "lion", "adamw"]
    "training.epochs" = {values = [1], when = {"training.optimizer" = ["lion", "adamw"]}}
    [search."model.dropout"]
    values = [7.0]
    when = {"training.epochs" = 1, "training.optimizer" = ["adam", "adamw"]}
    """
    message = "model.dropout must be a number from 0 to 0.9, or a list of them, got 7.0"
    with refused(f"sampled training.optimizer = 'adamw': {message}$"):
        space_of(search)


def test_two_dimensions_are_tried_together_where_the_conditions_of_both_hold(space_of, refused):
    search = """
    "training.optimizer" = ["adam", "lion", "adamw"]
    [search."augment.augmix.min_depth"]
    values = [1, 3]
    when = {"training.optimizer" = ["adam", "lion"]}
    [search."augment.augmix.max_depth"]
    values = [3, 2]
    when = {"training.optimizer" = ["adamw", "lion"]}
    """
    with refused("augment.augmix: min_depth must not be above max_depth, got 3 and 2"):
        space_of(search)


@pytest.mark.parametrize("name", ["../given.toml", "/given.toml", "deep/../../given.toml"])
def test_a_starting_recipe_never_lies_elsewhere(name, space_of, refused):
    with refused(f"start 1: must be a name or a .toml file of the same folder, got '{name}'$"):
        space_of(f'[[start]]\nrecipe = "{name}"')


def test_what_the_checks_overlook_is_one_line_when_it_is_sampled(space_of, replay, refused):
    space = space_of('"model.dropout" = [0.1, 0.2]')
    space.recipe["model"]["alpha"] = 0.5  # as if a rule had been overlooked
    sampled = "sampled model.dropout = 0.2: model: alpha of SmallCNN must be 1.0, got 0.5"
    with refused(f"^the space gave an illegal recipe: {sampled}$"):
        space.sample(replay({"model.dropout": 0.2}))
