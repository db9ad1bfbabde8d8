import doctest
import signal

import pytest

from bcauto import errors
from bcauto.errors import (
    BadInput,
    BcautoError,
    Interrupted,
    NothingUsable,
    TrialFailed,
    did_you_mean,
)


@pytest.mark.parametrize(("error", "code"), [(BadInput, 2), (NothingUsable, 1)])
def test_what_ends_a_command_has_its_exit_code(error, code):
    assert issubclass(error, BcautoError)
    assert error("why").exit_code == code


def test_a_failed_trial_is_no_wrong_use():
    assert issubclass(TrialFailed, BcautoError)
    assert not issubclass(TrialFailed, BadInput | NothingUsable)


@pytest.mark.parametrize(
    ("signum", "name", "code"), [(signal.SIGINT, "SIGINT", 130), (signal.SIGTERM, "SIGTERM", 143)]
)
def test_an_interrupt_names_signal_and_outcome_and_has_the_shells_exit_code(signum, name, code):
    assert str(Interrupted(signum)) == f"{name}; all is saved, the same call goes on"
    assert Interrupted(signum).exit_code == code


def test_an_interrupt_passes_by_what_catches_every_exception():
    assert issubclass(Interrupted, KeyboardInterrupt)
    assert not issubclass(Interrupted, Exception)


@pytest.mark.parametrize(
    ("value", "legal", "message"),
    [
        ("lionn", ["adam", "lion"], "did you mean 'lion'? Legal: adam, lion"),
        ("sgd", ["lion", "adam"], "Legal: adam, lion"),
        ("vgg16", ["VGG19", "VGG16"], "did you mean 'VGG16'? Legal: VGG16, VGG19"),
        ("RESNET50", {"ResNet50": 1}, "did you mean 'ResNet50'? Legal: ResNet50"),
        ("", ["adam"], "Legal: adam"),
        (3, ["adam"], "Legal: adam"),
        ("adam", [], "Legal: none"),
    ],
)
def test_choices_name_the_nearest_first_then_all_in_order(value, legal, message):
    assert did_you_mean(value, legal) == message


def test_the_examples_in_the_docstrings_hold():
    tried = doctest.testmod(errors)
    assert (tried.failed, tried.attempted) == (0, 1)


def test_legal_numbers_are_listed_as_numbers():
    assert did_you_mean("12", ["10", "2", "1"]).endswith("Legal: 1, 2, 10")
    assert did_you_mean("x", ["trial 10", "trial 9"]) == "Legal: trial 9, trial 10"
