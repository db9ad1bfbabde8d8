from collections import Counter

import cv2
import numpy as np
import pytest

from bcauto.data.synthetic.cells import CLASS_NAMES, cell_labels, cell_picture, extras, paint_cells
from bcauto.errors import BadInput

FREQUENCIES = np.array([852, 2181, 1085, 2026, 849, 993, 2330, 1643])


def copies(images, labels):
    """How often each picture occurs, and under which labels."""
    keys = [image.tobytes() for image in images]
    kinds = {
        key: {label for k, label in zip(keys, labels, strict=True) if k == key} for key in keys
    }
    return Counter(keys), kinds


@pytest.fixture(scope="module")
def few():
    return paint_cells(24, seed=3)


@pytest.fixture(scope="module")
def proper():
    """The proper cells of the default set, with no intruders and no duplicates."""
    labels = cell_labels(1320)
    return np.stack([cell_picture(0, i, int(label)) for i, label in enumerate(labels)]), labels


@pytest.fixture(scope="module")
def parts(proper):
    """Which cells to train on and which to test on: 80 % and 20 % of each class."""
    from sklearn.model_selection import train_test_split

    labels = proper[1]
    return train_test_split(np.arange(labels.size), test_size=0.2, stratify=labels, random_state=0)


def test_shapes_and_types(few):
    images, labels = few
    n = 24 + extras(24).total
    assert images.shape == (n, 96, 96, 3)
    assert images.dtype == np.uint8
    assert labels.shape == (n,)
    assert labels.dtype == np.int64
    assert set(labels.tolist()) == set(range(len(CLASS_NAMES)))


def test_same_seed_gives_same_bytes(few):
    images, labels = paint_cells(24, seed=3)
    assert images.tobytes() == few[0].tobytes()
    assert labels.tobytes() == few[1].tobytes()


def test_other_seed_gives_other_cells(few):
    ours, theirs = (Counter(i.tobytes() for i in images) for images in (few[0], paint_cells(24)[0]))
    intruders = [key for key in ours if key in theirs]
    assert len(intruders) == 2


def test_a_cell_does_not_depend_on_the_count(few):
    more = {image.tobytes() for image in paint_cells(30, seed=3)[0]}
    assert all(image.tobytes() in more for image in few[0])
    assert cell_labels(30)[:24].tolist() == cell_labels(24).tolist()


def test_intruders_and_duplicates(few):
    images, labels = few
    added = extras(24)
    counts, kinds = copies(images, labels.tolist())
    everywhere = [key for key in counts if len(kinds[key]) == len(CLASS_NAMES)]
    monocyte = [key for key in counts if counts[key] == added.monocyte_intruders]
    assert [counts[key] for key in everywhere] == [added.intruders_per_class * len(CLASS_NAMES)]
    assert [kinds[key] for key in monocyte] == [{CLASS_NAMES.index("monocyte")}]
    cells = [key for key in counts if key not in everywhere + monocyte]
    assert len(cells) == 24
    assert sorted(counts[key] for key in cells) == [1] * 16 + [2] * 8
    assert all(len(kinds[key]) == 1 for key in cells)


def test_duplicates_and_intruders_are_shuffled_in(few):
    keys = [image.tobytes() for image in few[0]]
    assert [keys.count(key) > 1 for key in keys[:24]] != [False] * 24


def test_extras_of_the_default_set():
    added = extras(1320)
    assert (added.intruders_per_class, added.monocyte_intruders, added.duplicates) == (12, 13, 8)
    assert added.total == 12 * 8 + 13 + 8


@pytest.mark.parametrize("count", [1, 5, 100])
def test_duplicates_never_outnumber_the_cells(count):
    assert extras(count).duplicates == min(8, count)


@pytest.mark.parametrize("count", [200, 1320, 5000])
def test_classes_have_their_natural_proportions(count):
    expected = count * FREQUENCIES / FREQUENCIES.sum()
    found = np.bincount(cell_labels(count), minlength=len(CLASS_NAMES))
    assert np.abs(found - expected).max() < 4


def test_classes_are_in_the_natural_order_of_frequency():
    found = np.bincount(cell_labels(FREQUENCIES.sum()))
    clear = np.subtract.outer(FREQUENCIES, FREQUENCIES) > 10
    assert (np.subtract.outer(found, found)[clear] > 0).all()


@pytest.mark.parametrize("count", [0, -1])
def test_no_cells_are_refused(count):
    with pytest.raises(BadInput, match=f"at least 1, got {count}"):
        paint_cells(count)


@pytest.mark.keras
def test_all_cells_of_the_default_set_differ(proper):
    assert len({image.tobytes() for image in proper[0]}) == 1320


@pytest.mark.keras
@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_a_linear_model_on_pixels_is_not_enough(proper, parts):
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    images, labels = proper
    small = np.stack([smaller(image, 24) for image in images])
    pixels = small.reshape(len(small), -1) / np.float32(255)
    train, test = parts
    with threadpool_limits(1):  # on busy cores, threads would wait for each other at every step
        model = LogisticRegression(C=0.1, max_iter=100).fit(pixels[train], labels[train])
    assert 0.4 < model.score(pixels[test], labels[test]) < 0.8


@pytest.mark.keras
def test_a_small_cnn_learns_the_classes(proper, parts):
    images, labels = np.stack([smaller(image, 48) for image in proper[0]]), proper[1]
    train, test = parts
    model = small_cnn(steps=12 * -(-len(train) // 32))
    model.fit(images[train], labels[train], batch_size=32, epochs=12, verbose=0)
    guesses = model.predict(images[test], verbose=0).argmax(axis=1)
    assert (guesses == labels[test]).mean() > 0.9


def smaller(image, side):
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


def small_cnn(steps):
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.Input((48, 48, 3)), keras.layers.Rescaling(1 / 255)]
    for filters in (16, 32, 64, 128):
        conv = keras.layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)
        layers += [conv, keras.layers.BatchNormalization(momentum=0.9), keras.layers.ReLU()]
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(8, activation="softmax")]
    model = keras.Sequential(layers)
    rate = keras.optimizers.schedules.CosineDecay(1e-3, steps)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", jit_compile=False)
    return model
