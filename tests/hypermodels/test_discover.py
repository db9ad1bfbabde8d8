"""The notice while a hypermodel's space is found; what the child process does is tested apart."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest

from bcauto.errors import BadInput
from bcauto.hypermodels import discover as module

MODEL = {"hypermodel": "mine:build", "input_scale": 255}
ANSWER = {"table": {"search": {"model.values.a": {"values": [1]}}, "start": [], "faults": []}}


@pytest.fixture
def discovered(monkeypatch, caplog):
    """Discovers with a child process that takes so many seconds; gives the log's messages too."""

    def run(seconds, answer):
        def asked(request):
            time.sleep(seconds)
            return answer

        monkeypatch.setattr(module, "_ask_child", asked)
        monkeypatch.setattr(module, "check_keras_tuner", lambda user: None)
        monkeypatch.setattr(module, "_NOTICE_AFTER", 0.2)
        with caplog.at_level(logging.WARNING):
            found = module.discover(MODEL, Path(), (32, 32), 2)
        return found, caplog.messages

    return run


def test_a_notice_is_logged_only_if_it_takes_long(discovered):
    copy = {"table": {**ANSWER["table"]}}
    _, messages = discovered(0, copy)
    time.sleep(0.4)
    assert messages == []
    found, messages = discovered(0.6, ANSWER)
    assert messages == [
        "--hypermodel mine:build: finding its search space; every choice is built once"
    ]
    assert found.table["recipe"] == {"model": MODEL}
    assert found.faults == []


def test_no_notice_comes_after_a_refusal(discovered, caplog):
    with pytest.raises(BadInput, match="no such"):
        discovered(0, {"refused": "no such"})
    time.sleep(0.4)
    assert caplog.messages == []
