"""Data and a space that train in seconds."""

import numpy as np
import pytest

SPACE = """
[recipe.model]
backbone = "SmallCNN"
dropout = 0.0

[recipe.training]
epochs = 3
batch_size = 18  # divides the 108 images to train on: a smaller last batch is compiled apart

[search]
"training.learning_rate" = { low = 1e-3, high = 1e-2, log = true }

[[start]]
"training.learning_rate" = 5e-3

[proxy]
severities = [3]
copies = 5
held_out_copies = 2

[confirm]
top = 0
"""


@pytest.fixture
def tiny_space(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(SPACE)
    return path


@pytest.fixture(scope="session")
def two_classes():
    return paint_two_classes


def paint_two_classes(count, seed):
    """Two classes, bright above or bright below, that a network tells apart in an epoch or two."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = rng.integers(0, 120, (count, 32, 32, 3), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:16] += np.uint8(120 * label)
        image[16:] += np.uint8(120 * (1 - label))
    return {"images": images, "labels": labels}


@pytest.fixture
def tiny_npz(tmp_path):
    path = tmp_path / "tiny.npz"
    np.savez(path, **paint_two_classes(120, 0))
    return path


@pytest.fixture
def test_npz(tmp_path):
    path = tmp_path / "test.npz"
    painted = paint_two_classes(40, 1)
    np.savez(path, test_images=painted["images"], test_labels=painted["labels"])
    return path


@pytest.fixture(scope="session")
def no_report():
    """Lets searches of this process write no report and no artifacts, which takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bcauto.report.after_search.write_report", lambda subject: None)
        patch.setattr("bcauto.report.after_search.put_artifacts", lambda *what: None)
        yield
