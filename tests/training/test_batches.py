from __future__ import annotations

import os
import threading
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcauto.augment.engine import Augmenter, augment_batch, sample_mixes
from bcauto.augment.policies import Augment, AugMix, Basic, CutMix, MixUp, RandAugment
from bcauto.data.labelled import Labelled
from bcauto.seeds import derive
from bcauto.training.batches import Batches

OFF = Augment()
STRONG = Augment(basic=Basic(flip=True), randaugment=RandAugment(), augmix=AugMix())
MIXED = STRONG.model_copy(update={"mixup": MixUp(alpha=1), "cutmix": CutMix()})


def numbered(count):
    """Images that tell their index by the colour of every pixel; a label is the index."""
    labels = np.arange(count, dtype=np.int64)
    return Labelled(np.full((count, 8, 8, 3), labels[:, None, None, None], np.uint8), labels)


def made(data, batch_size, augment=OFF, seed=5, apply=augment_batch, **more):
    return Batches(data, len(data), batch_size, Augmenter(augment, seed, apply), **more)


def one_pass(data, batch_size, augment=OFF, seed=5, epoch=1, **more):
    return list(made(data, batch_size, augment, seed, **more).epoch(epoch))


def joined(batches):
    """All images, and the class of the largest part of each target."""
    images, targets = zip(*batches, strict=True)
    return np.concatenate(images), np.concatenate(targets).argmax(axis=1)


def in_order(data, batch_size, augment, **more):
    """The pictures and targets of an epoch by their index, which the order gives."""
    batches = made(data, batch_size, augment, **more)
    indices = batches.indices(1).ravel()
    images, targets = (np.concatenate(part) for part in zip(*batches.epoch(1), strict=True))
    return images[np.argsort(indices)], targets[np.argsort(indices)]


@given(count=st.integers(1, 60), batch_size=st.integers(1, 70), epoch=st.integers(1, 1000))
def test_every_image_once_in_batches_of_one_size(count, batch_size, epoch):
    batches = one_pass(numbered(count), batch_size, epoch=epoch)
    size = min(batch_size, count)
    assert [images.shape for images, _ in batches] == [(size, 8, 8, 3)] * (count // size)
    _, labels = joined(batches)
    assert len(set(labels.tolist())) == len(labels)
    assert set(labels.tolist()) <= set(range(count))


def test_a_batch_is_images_with_their_labels_as_rows_of_one():
    batches = one_pass(numbered(50), 8)
    images, labels = joined(batches)
    assert np.array_equal(images[:, 0, 0, 0], labels)
    assert {image.dtype for image, _ in batches} == {np.dtype(np.uint8)}
    assert all(
        np.array_equal(target, np.eye(50)[t.argmax(1)]) for _, t in batches for target in [t]
    )
    assert {target.dtype for _, target in batches} == {np.dtype(np.float32)}


def test_the_number_of_batches_is_known():
    assert made(numbered(50), 8).steps == len(one_pass(numbered(50), 8)) == 6


def test_a_batch_larger_than_the_data_is_all_of_it():
    _, labels = joined(one_pass(numbered(7), 64))
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


@pytest.mark.parametrize("other", [{"threads": 1}, {"threads": 4}, {"batch_size": 4}])
def test_neither_threads_nor_batch_size_change_a_picture_or_a_target(other, tiny_cells):
    images, targets = in_order(tiny_cells, 16, MIXED, threads=2)
    again = in_order(tiny_cells, other.pop("batch_size", 16), MIXED, **other)
    assert np.array_equal(images, again[0])
    assert np.array_equal(targets, again[1])
    assert not np.array_equal(images, tiny_cells.images)


def test_pictures_are_augment_batchs_by_index(tiny_cells):
    images, _ = in_order(tiny_cells, 16, STRONG)
    seed = derive(5, "augment")
    assert np.array_equal(images, augment_batch(tiny_cells.images, np.arange(64), 1, seed, STRONG))


def test_mixed_pictures_are_mixed_with_partners_as_these_look_alone(tiny_cells):
    images, targets = in_order(tiny_cells, 16, MIXED)
    alone, labels = in_order(tiny_cells, 16, STRONG)
    size, seed = tiny_cells.image_size, derive(5, "augment")
    mixes = sample_mixes(np.arange(64), 64, size, 1, seed, MIXED)
    assert 30 < sum(mix is not None for mix in mixes) < 64
    for index, mix in enumerate(mixes):
        if mix is None:
            assert np.array_equal(images[index], alone[index])
            assert np.array_equal(targets[index], labels[index])
        else:
            assert np.array_equal(images[index], mix(alone[index], alone[mix.partner]))
            parts = mix.share * labels[index] + (1 - mix.share) * labels[mix.partner]
            assert targets[index] == pytest.approx(parts, abs=1e-6)
    assert targets.sum(axis=1) == pytest.approx(1, abs=1e-6)


def test_a_second_pass_is_the_first_again(tiny_cells):
    batches = made(tiny_cells, 24, STRONG)
    assert np.array_equal(joined(batches.epoch(3))[0], joined(batches.epoch(3))[0])


def test_a_batch_may_be_written_to(tiny_cells):
    before = tiny_cells.images.copy()
    for images, targets in made(tiny_cells, 16).epoch(1):
        images[:] = 0
        targets[:] = 0
    assert np.array_equal(tiny_cells.images, before)
    assert all(targets.sum() == 16 for _, targets in made(tiny_cells, 16).epoch(1))


def test_another_engine_takes_the_place_of_the_policies(tiny_cells):
    def inverted(images, indices, epoch, seed, policy):
        assert (epoch, seed, policy) == (1, derive(5, "augment"), STRONG)
        assert np.array_equal(images, tiny_cells.images[indices])
        return 255 - images

    images, _ = in_order(tiny_cells, 16, STRONG, apply=inverted)
    assert np.array_equal(images, 255 - tiny_cells.images)


def uneven(counts, size=8):
    """Different images; class c has counts[c] of them."""
    labels = np.repeat(np.arange(len(counts)), counts)
    rng = np.random.default_rng(1)
    return Labelled(rng.integers(0, 256, (len(labels), size, size, 3), np.uint8), labels)


def made_even(data, at_least, batch_size=4, augment=OFF, **more):
    return Batches(data, 4, batch_size, Augmenter(augment, 5), at_least=at_least, **more)


@given(
    counts=st.lists(st.integers(0, 20), min_size=4, max_size=4).filter(any),
    at_least=st.integers(0, 30),
    epoch=st.integers(1, 1000),
)
def test_a_rare_class_is_raised_to_the_number_by_all_its_images_alike(counts, at_least, epoch):
    data = uneven(counts)
    batches = made_even(data, at_least, batch_size=1)
    images, targets = (np.concatenate(part) for part in zip(*batches.epoch(epoch), strict=True))
    assert np.bincount(targets.argmax(axis=1), minlength=4).tolist() == [
        max(count, at_least) if count else 0 for count in counts
    ]
    indices = {image.tobytes(): index for index, image in enumerate(data.images)}
    taken = np.array([indices[image.tobytes()] for image in images])
    assert np.array_equal(data.labels[taken], targets.argmax(axis=1))
    times = np.bincount(taken, minlength=len(data))
    for label in np.unique(data.labels):
        of_class = times[data.labels == label]
        assert of_class.min() >= 1
        assert of_class.max() - of_class.min() <= 1


def test_another_epoch_copies_other_images_until_each_had_its_turn():
    data = uneven([9, 10, 9, 4])
    copied = [made_even(data, 10)._sources(epoch)[len(data) :] for epoch in range(1, 10)]
    for label, once_each in [(0, 9), (2, 9)]:
        turns = np.concatenate([copies[data.labels[copies] == label] for copies in copied])
        assert len(set(turns.tolist())) == len(turns) == once_each


def test_the_number_of_batches_counts_the_copies():
    batches = made_even(uneven([2, 3, 0, 12]), 10)
    assert batches.steps == len(list(batches.epoch(1))) == (10 + 10 + 12) // 4


def by_index(batches, epoch=1):
    """Pictures and targets of an epoch by their index, that of copies included."""
    order = np.argsort(batches.indices(epoch).ravel())
    images, targets = (np.concatenate(part) for part in zip(*batches.epoch(epoch), strict=True))
    return images[order], targets[order]


def test_each_copy_is_augmented_for_itself():
    data = uneven([1, 8, 8, 8], size=16)
    pictures, targets = by_index(made_even(data, 8, augment=STRONG))
    copies = [pictures[0], *pictures[len(data) :]]
    assert len(copies) == 8
    assert targets[len(data) :].argmax(axis=1).tolist() == [0] * 7
    assert len({picture.tobytes() for picture in copies}) == 8
    size = np.array([len(data)])
    by_itself = augment_batch(data.images[:1], size, 1, derive(5, "augment"), STRONG)
    assert np.array_equal(pictures[len(data)], by_itself[0])


def test_copies_change_nothing_for_the_images_themselves():
    data = uneven([1, 7, 8, 8], size=16)
    plain, _ = by_index(made_even(data, 0, augment=STRONG))
    even, _ = by_index(made_even(data, 8, augment=STRONG))
    assert np.array_equal(even[: len(data)], plain)


@pytest.mark.parametrize("policy", [STRONG, MIXED])
def test_copies_depend_on_neither_batches_nor_threads(policy):
    data = uneven([2, 5, 8, 8], size=16)
    one = by_index(made_even(data, 8, batch_size=4, augment=policy))
    other = by_index(made_even(data, 8, batch_size=16, augment=policy, threads=3))
    for mine, theirs in zip(one, other, strict=True):
        assert np.array_equal(mine, theirs)


def test_a_mix_takes_pictures_of_rare_classes_as_often_as_others():
    data = uneven([1, 200, 199, 200])
    mixed = Augment(mixup=MixUp(alpha=100, probability=1))  # nearly half and half
    _, targets = by_index(made_even(data, 200, augment=mixed))
    assert targets.sum(axis=0) == pytest.approx([200] * 4, rel=0.15)


def running():
    return [one for one in threading.enumerate() if one.name.startswith("batches")]


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_in_a_thread_reaches_the_loop_in_its_place(threads, tiny_cells):
    third = made(tiny_cells, 16).indices(1)[2]

    def third_batch_wrong(images, indices, *_):
        if np.array_equal(indices, third):
            raise RuntimeError("wrong")
        return images

    passed = made(tiny_cells, 16, threads=threads, apply=third_batch_wrong).epoch(1)
    assert len([next(passed), next(passed)]) == 2
    with pytest.raises(RuntimeError, match="wrong"):
        next(passed)
    assert not running()


@pytest.mark.parametrize("threads", [1, 3])
def test_so_many_threads_work_and_end_with_the_pass(threads, tiny_cells):
    passed = made(tiny_cells, 4, threads=threads).epoch(1)
    next(passed)
    assert 1 <= len(running()) <= threads
    for _ in passed:
        pass
    assert not running()


def test_threads_do_not_run_far_ahead(tiny_cells):
    begun = []

    def counted(images, *_):
        begun.append(1)
        return images

    passed = made(tiny_cells, 4, threads=2, apply=counted).epoch(1)
    next(passed)
    next(passed)
    assert len(begun) <= 2 + 2 + ceil(2 / 2)
    passed.close()


def test_the_threads_end_where_the_loop_is_left_half_way(tiny_cells):
    passed = made(tiny_cells, 16).epoch(1)
    next(passed)
    passed.close()
    assert not running()


def test_a_teacher_gives_the_targets_of_the_augmented_pictures():
    data = numbered(9)

    def teacher(images):
        return np.stack([images.mean(axis=(1, 2, 3)), np.ones(len(images))], axis=1)

    plain = made(data, 3, STRONG)
    taught = plain.taught_by(teacher)
    for (images, _), (same, targets) in zip(plain.epoch(2), taught.epoch(2), strict=True):
        assert np.array_equal(images, same)
        assert np.array_equal(targets, teacher(images))
    assert plain.teacher is None


def test_an_epoch_is_made_by_a_user_who_may_not_raise_a_priority(monkeypatch):
    """Ray's processes have a nice value of 15; only root may lower one."""

    def only_higher(_which, _who, nice):
        if nice < 15:
            raise PermissionError

    monkeypatch.setattr(os, "getpriority", lambda *_: 15)
    monkeypatch.setattr(os, "setpriority", only_higher)
    assert sum(len(images) for images, *_ in made(numbered(6), 3).epoch(1)) == 6
