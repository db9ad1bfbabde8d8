"""The tutorials' hypermodels, imported as a user's module is."""

import importlib.util
from pathlib import Path

import pytest

from bcauto.training.device import start_keras

FILE = Path(__file__).with_name("hypermodels") / "tutorial_models.py"


@pytest.fixture(scope="session")
def tutorials():
    start_keras(1)
    spec = importlib.util.spec_from_file_location("tutorial_models", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
