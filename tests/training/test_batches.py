from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcauto.augment import Augment, AugMix, Basic, RandAugment
from bcauto.data import Labelled
from bcauto.training import batches as module
from bcauto.training.batches import EpochBatches

OFF = Augment()
STRONG = Augment(basic=Basic(flip=True), randaugment=RandAugment(), augmix=AugMix())


def numbered(count):
    """Images that tell their index by the colour of every pixel; a label is the index."""
    labels = np.arange(count, dtype=np.int64)
    return Labelled(np.full((count, 8, 8, 3), labels[:, None, None, None], np.uint8), labels)


def one_pass(data, batch_size, augment=OFF, seed=5, epoch=1):
    return list(EpochBatches(data, batch_size, augment, seed, epoch))


def joined(batches):
    images, labels = zip(*batches, strict=True)
    return np.concatenate(images), np.concatenate(labels)


@given(count=st.integers(1, 60), batch_size=st.integers(1, 70), epoch=st.integers(1, 1000))
def test_every_image_once_in_batches_of_one_size(count, batch_size, epoch):
    batches = one_pass(numbered(count), batch_size, epoch=epoch)
    size = min(batch_size, count)
    assert [images.shape for images, _ in batches] == [(size, 8, 8, 3)] * (count // size)
    _, labels = joined(batches)
    assert len(set(labels.tolist())) == len(labels)
    assert set(labels.tolist()) <= set(range(count))


def test_a_batch_is_images_with_their_labels():
    images, labels = joined(one_pass(numbered(50), 8))
    assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
    assert np.array_equal(images[:, 0, 0, 0], labels)


def test_the_number_of_batches_is_known():
    assert len(EpochBatches(numbered(50), 8, OFF, seed=5, epoch=1)) == 6


def test_a_batch_larger_than_the_data_is_all_of_it():
    [(_, labels)] = one_pass(numbered(7), 64)
    assert sorted(labels.tolist()) == list(range(7))


def test_what_is_left_over_is_another_each_epoch():
    left_over = [
        set(range(50)) - set(joined(one_pass(numbered(50), 16, epoch=epoch))[1].tolist())
        for epoch in (1, 2, 3)
    ]
    assert [len(rest) for rest in left_over] == [2, 2, 2]
    assert left_over[0] != left_over[1] or left_over[1] != left_over[2]


@pytest.mark.parametrize("other", [{"epoch": 2}, {"seed": 6}])
def test_another_epoch_or_seed_has_another_order(other):
    _, one = joined(one_pass(numbered(50), 8))
    _, two = joined(one_pass(numbered(50), 8, **other))
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("other", [{"epoch": 2}, {"seed": 6}])
def test_another_epoch_or_seed_has_other_pictures_of_the_same_images(other, tiny_cells):
    def pictures(**which):
        images, labels = joined(one_pass(whole, 64, STRONG, **which))
        return images[np.argsort(labels)]

    whole = Labelled(tiny_cells.images, np.arange(64, dtype=np.int64))
    same = (pictures() == pictures(**other)).all(axis=(1, 2, 3))
    assert same.mean() < 0.2


def test_the_same_seed_and_epoch_give_the_same_bytes(tiny_cells):
    one, two = (joined(one_pass(tiny_cells, 16, STRONG)) for _ in range(2))
    assert [part.tobytes() for part in one] == [part.tobytes() for part in two]


def test_a_picture_does_not_depend_on_its_batch(tiny_cells):
    small, _ = joined(one_pass(tiny_cells, 4, STRONG))
    large, _ = joined(one_pass(tiny_cells, 32, STRONG))
    plain, _ = joined(one_pass(tiny_cells, 32, OFF))
    assert np.array_equal(small, large)
    assert not np.array_equal(large, plain)


def test_a_pass_gives_what_indexing_gives(tiny_cells):
    batches = EpochBatches(tiny_cells, 24, STRONG, seed=5, epoch=3)
    indexed = [batches[position] for position in range(len(batches))]
    for (images, labels), (expected, truth) in zip(batches, indexed, strict=True):
        assert np.array_equal(images, expected)
        assert np.array_equal(labels, truth)


def test_a_second_pass_is_the_first_again(tiny_cells):
    batches = EpochBatches(tiny_cells, 24, STRONG, seed=5, epoch=3)
    assert np.array_equal(joined(batches)[0], joined(batches)[0])


def test_a_batch_may_be_written_to(tiny_cells):
    before = tiny_cells.images.copy()
    for images, _ in EpochBatches(tiny_cells, 16, OFF, seed=5, epoch=1):
        images[:] = 0
    assert np.array_equal(tiny_cells.images, before)


def threads():
    return [one for one in threading.enumerate() if one.name.startswith("batches")]


def test_an_error_in_the_thread_reaches_the_loop_in_its_place(tiny_cells, monkeypatch):
    calls = iter(range(100))

    def third_time_wrong(images, *_):
        if next(calls) == 2:
            raise RuntimeError("wrong")
        return images

    monkeypatch.setattr(module, "augment_batch", third_time_wrong)
    passed = iter(EpochBatches(tiny_cells, 16, OFF, seed=5, epoch=1))
    assert len([next(passed), next(passed)]) == 2
    with pytest.raises(RuntimeError, match="wrong"):
        next(passed)
    assert not threads()


def test_the_thread_ends_with_the_pass(tiny_cells):
    passed = iter(EpochBatches(tiny_cells, 16, OFF, seed=5, epoch=1))
    next(passed)
    assert threads()
    for _ in passed:
        pass
    assert not threads()


def test_the_thread_ends_where_the_loop_is_left_half_way(tiny_cells):
    passed = iter(EpochBatches(tiny_cells, 16, OFF, seed=5, epoch=1))
    next(passed)
    passed.close()
    assert not threads()
