"""What the child process says of a hypermodel: its space, its faults, and what is refused."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.keras


@pytest.fixture
def described(tutorials, monkeypatch):
    import sys

    from bcauto.hypermodels.describe import describe

    monkeypatch.setitem(sys.modules, "tutorial_models", tutorials)
    return lambda reference: describe(reference, (32, 32), 2, 255)


@pytest.fixture
def one_network(tutorials, monkeypatch):
    """Lets what differs from ConditionalModel by its fit alone build one network, not thirty."""

    def build(model, hp):
        built = tutorials.of_layers()
        built.compile(loss="mse", metrics=["accuracy"])
        return built

    monkeypatch.setattr(tutorials.ConditionalModel, "build", build)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("no_such_module:build_model", "the module must be importable .*, got 'no_such_module'$"),
        ("tutorial_models.deeper:x", "got 'tutorial_models.deeper'|tutorial_models.deeper cannot"),
        ("tutorial_models:build_modle", "did you mean 'build_model'. Legal: ConditionalModel, "),
        ("tutorial_models:SOMETHING_ELSE", r"or a build\(hp\) function, got int"),
        ("tutorial_models:Doubling", r"or a build\(hp\) function, got type"),
        ("tutorial_models:uncompiled", "must return a compiled model with a loss"),
        ("tutorial_models:three_classes", "must return a model of 2 classes, got 3 outputs"),
        ("tutorial_models:broken", r"\(ValueError: kernel size must be odd and more lines\)$"),
        ("tutorial_models:LazyModel", r"build failed \(NotImplementedError\)$"),
        ("tutorial_models:refusing", r"with its defaults \(FailedTrialError: too large\)$"),
    ],
)
def test_what_is_no_hypermodel_of_the_data_is_refused_in_one_line(
    reference, message, described, refused
):
    with refused(f"^--hypermodel.*{message}"):
        described(reference)


@pytest.mark.usefixtures("eagerly")
def test_what_fit_asks_for_is_in_the_space(described):
    search = described("tutorial_models:FittingModel")["search"]
    assert search["model.values.batch_size"] == {"values": [16, 40]}
    assert search["model.values.units@2"]["when"] == {"model.values.model_type": ["cnn"]}
    assert described("tutorial_models:TapeModel")["search"] == {
        "model.values.units": {"low": 16, "high": 32, "step": 16},
        "model.values.batch_size": {"low": 12, "high": 36, "step": 12},
        "model.values.rate": {"low": 2e-3, "high": 1e-2, "log": True},
    }


@pytest.mark.usefixtures("eagerly", "one_network")
def test_what_a_loop_of_its_own_asks_for_is_in_the_space(described):
    looping = described("tutorial_models:LoopingModel")["search"]
    assert looping == {"model.values.size": {"low": 20, "high": 40, "step": 20}}


def test_every_build_is_checked_as_the_first_is(described):
    (fault,) = described("tutorial_models:sometimes_lambda")["faults"]
    assert fault["values"] == {"scaling": "lambda"}
    assert fault["reason"].endswith("got Lambda")
    (fault,) = described("tutorial_models:sometimes_broken")["faults"]
    assert fault == {
        "values": {"kind": "c"},
        "reason": "build failed (RuntimeError: c is not supported)",
    }


def test_a_part_that_some_builds_alone_have_is_found(described):
    (fault,) = described("tutorial_models:sometimes_own_part")["faults"]
    assert fault["values"] == {"activation": "mine"}
    assert fault["reason"].endswith("got the function by_two of Activation")


def test_a_loss_of_other_labels_is_refused_but_where_fit_makes_them(described, refused):
    with refused("^--hypermodel tutorial_models:with_own_loss: build .* or has 'sparse' in its na"):
        described("tutorial_models:with_own_loss")
    assert described("tutorial_models:OwnLossModel")["faults"] == []


@pytest.mark.usefixtures("one_network")
def test_what_fit_asks_for_after_it_has_trained_is_in_the_space(described):
    search = described("tutorial_models:StagedModel")["search"]
    assert search["model.values.first"] == {"low": 1, "high": 2}
    assert search["model.values.rate"] == {"values": [1e-4, 1e-3]}


@pytest.mark.usefixtures("one_network")
def test_a_fit_that_waits_for_a_score_comes_to_an_end(described):
    search = described("tutorial_models:WaitingModel")["search"]
    assert "model.values.again" in search
    assert "model.values.good" not in search
