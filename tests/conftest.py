"""What all tests share: the real data, small synthetic images, and what a refusal looks like."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

# Several tests run at a time: BLAS threads that spin for one another would only slow them down.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import settings

from bcauto.data.labelled import Images, Labelled
from bcauto.errors import BadInput
from bcauto.training.device import spare_imports, start_keras

_ROOT = Path(__file__).parents[1]

pytest_plugins = [
    "browser_fixtures",
    "report_studies",
    "study_fixtures",
    "hypermodel_fixtures",
    "tiny_fixtures",
]

settings.register_profile("bcauto", deadline=None)  # how long an example takes is no test's matter
settings.load_profile("bcauto")


def pytest_runtest_teardown() -> None:
    """Spare the imports from garbage collection once a test has imported Keras."""
    if "keras" in sys.modules:
        spare_imports()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data: BCAUTO_SHARED, or ``shared`` beside the repository."""
    return _found(Path(os.environ.get("BCAUTO_SHARED") or _ROOT.parent / "shared"))


@pytest.fixture(scope="session")
def real_cells_96(shared: Path) -> Path:
    return _found(shared / "data" / "blood_cells_96.npz")


@pytest.fixture(scope="session")
def real_cells_28(shared: Path) -> Path:
    return _found(shared / "data" / "blood_cells_28.npz")


@pytest.fixture(scope="session")
def real_weights(shared: Path) -> Path:
    return _found(shared / "weights")


def _found(path: Path) -> Path:
    if not path.exists():
        message = f"needs real data: {path} is missing; set BCAUTO_SHARED to the folder that has it"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return path


@pytest.fixture(scope="module")
def keras() -> Any:
    """Keras, started as for a trial on one core."""
    start_keras(1)
    import keras

    return keras


@pytest.fixture
def eagerly() -> Iterator[None]:
    """Lets TensorFlow run step by step: to trace a step takes as long as to run twenty."""
    start_keras(1)
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def narrow_network() -> Iterator[None]:
    """Makes SmallCNN two narrow blocks, for tests of what surrounds it; it is traced in a third."""
    start_keras(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bcauto.models.small_cnn._FILTERS", (4, 8))
        yield


@pytest.fixture
def images_of() -> Callable[..., Images]:
    """Makes (count, height, width, 3) uint8 images, all different."""

    def make(count: int, size: tuple[int, int] = (12, 10), seed: int = 0) -> Images:
        rng = np.random.default_rng(seed)
        return rng.integers(0, 256, (count, *size, 3), np.uint8)

    return make


@pytest.fixture
def tiny_cells() -> Labelled:
    """64 different images of 32 x 32, 16 of each of four classes, told apart by their colour."""
    rng = np.random.default_rng(0)
    labels = np.arange(64, dtype=np.int64) % 4
    colours = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200], [200, 200, 60]])
    images = colours[labels][:, None, None] + rng.integers(-40, 40, (64, 32, 32, 3))
    return Labelled(images.astype(np.uint8), labels)


@pytest.fixture
def refused() -> Callable[[str], AbstractContextManager[None]]:
    """``with refused(pattern)``: the block must raise BadInput, in one line that matches."""

    @contextmanager
    def check(pattern: str) -> Iterator[None]:
        with pytest.raises(BadInput, match=pattern) as caught:
            yield
        assert "\n" not in str(caught.value)

    return check
