"""What is said while a hypermodel's space is found; the child's own work is tested beside it."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest

from bcauto.errors import BadInput
from bcauto.hypermodels import discover as module

MODEL = {"hypermodel": "mine:build", "input_scale": 255}
TOLD = {"table": {"search": {"model.values.a": {"values": [1]}}, "start": [], "faults": []}}


@pytest.fixture
def discovered(monkeypatch, caplog):
    """Discovers with a child process that takes so long, and gives what was said."""

    def run(seconds, told):
        def asked(request):
            time.sleep(seconds)
            return told

        monkeypatch.setattr(module, "_asked", asked)
        monkeypatch.setattr(module, "check_keras_tuner", lambda user: None)
        monkeypatch.setattr(module, "_SILENCE", 0.2)
        with caplog.at_level(logging.WARNING):
            found = module.discover(MODEL, Path(), (32, 32), 2)
        return found, caplog.messages

    return run


def test_a_word_is_said_only_where_it_takes_long(discovered):
    copy = {"table": {**TOLD["table"]}}
    _, said = discovered(0, copy)
    time.sleep(0.4)
    assert said == []
    found, said = discovered(0.6, TOLD)
    assert said == [
        "--hypermodel mine:build: its space is being found, by a build with every choice"
    ]
    assert found.table["recipe"] == {"model": MODEL}
    assert found.faults == []


def test_no_word_comes_after_a_refusal(discovered, caplog):
    with pytest.raises(BadInput, match="no such"):
        discovered(0, {"refused": "no such"})
    time.sleep(0.4)
    assert caplog.messages == []
