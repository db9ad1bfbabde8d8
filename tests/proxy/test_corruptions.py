from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bcauto.augment.ops import OPS
from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.corruptions import CORRUPTIONS, FAMILIES, HELD_OUT, SEVERITIES
from bcauto.proxy.sensor import JPEG_QUALITY

NAMES = list(CORRUPTIONS)


def picture(height=96, width=96, seed=0):
    """A synthetic smear: a granular violet cell with a dark nucleus on a bright background."""
    rng = np.random.default_rng([seed, height, width])
    image = np.full((height, width, 3), (235, 215, 200), np.uint8)
    side, middle = min(height, width), (width // 2, height // 2)
    cv2.circle(image, middle, round(0.35 * side), (190, 140, 190), cv2.FILLED)
    cv2.circle(image, middle, round(0.20 * side), (90, 50, 140), cv2.FILLED)
    coarse = rng.integers(-60, 61, (height // 3 + 1, width // 3 + 1)).astype(np.float32)
    grain = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
    return np.clip(image + grain, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def few_real_cells(real_cells_28):
    with np.load(real_cells_28) as stored:
        return stored["val_images"][::400]


def corrupted(name, image, severity, *key):
    return CORRUPTIONS[name].function(image, severity, np.random.default_rng(key or 0))


def change(name, severity, side=96):
    """Mean absolute change over a few pictures, each with the same draws at every severity."""
    images = [picture(side, side, seed) for seed in range(6)]
    copies = [corrupted(name, image, severity, seed) for seed, image in enumerate(images)]
    return np.abs(np.subtract(copies, images, dtype=np.int16)).mean()


def test_every_family_has_two_or_three_corruptions_and_two_are_held_out():
    counts = dict.fromkeys(FAMILIES, 0)
    for name, corruption in CORRUPTIONS.items():
        assert corruption.name == name
        counts[corruption.family] += 1
    assert all(count in (2, 3) for count in counts.values())
    assert set(HELD_OUT) < set(FAMILIES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(96, 96), (28, 28), (40, 65), (65, 40), (8, 8)])
def test_shape_and_type_are_kept_and_the_input_is_not_written_to(name, shape):
    image = picture(*shape)
    before = image.copy()
    for severity in SEVERITIES:
        copy = corrupted(name, image, severity)
        assert (copy.shape, copy.dtype) == (image.shape, np.uint8)
        assert not np.shares_memory(copy, image)
    assert np.array_equal(image, before)


@pytest.mark.parametrize("name", NAMES)
def test_read_only_images_are_enough(name):
    image = picture()
    image.flags.writeable = False
    corrupted(name, image, 5)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_key_gives_the_same_bytes_and_another_key_others(name):
    image = picture()
    for severity in SEVERITIES:
        assert np.array_equal(
            corrupted(name, image, severity, 1, 2), corrupted(name, image, severity, 1, 2)
        )
    copies = {corrupted(name, image, 3, key).tobytes() for key in range(4)}
    assert len(copies) == 4


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("side", [96, 28])
def test_damage_grows_with_severity(name, side):
    changes = [change(name, severity, side) for severity in SEVERITIES]
    assert changes[0] > 0
    assert all(low <= high for low, high in pairwise(changes))
    assert changes[-1] > changes[0]


@pytest.mark.parametrize("name", NAMES)
def test_flat_images_are_fine(name):
    for value in (0, 255):
        flat = np.full((32, 32, 3), value, np.uint8)
        assert corrupted(name, flat, 5).shape == flat.shape


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("severity", [0, 6, -1])
def test_other_severities_are_refused(name, severity):
    with pytest.raises(ValueError, match=f"severity must be 1 to 5, got {severity}"):
        corrupted(name, picture(28, 28), severity)


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    severity=st.sampled_from(SEVERITIES),
    shape=st.tuples(st.integers(8, 48), st.integers(8, 48)),
    key=st.integers(0, 2**32),
)
def test_any_size_and_any_key_work(name, severity, shape, key):
    image = np.random.default_rng(key).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert corrupted(name, image, severity, key).shape == image.shape


def test_grey_stays_grey_under_another_cameras_filters():
    grey = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    assert np.array_equal(corrupted("channel_mix", grey, 5), grey)


def test_a_colour_cast_keeps_black_and_the_product_of_the_channels():
    grey = np.full((8, 8, 3), 100, np.uint8)
    assert not corrupted("colour_cast", np.zeros_like(grey), 5).any()
    tinted = corrupted("colour_cast", grey, 3)[0, 0].astype(float)
    assert np.prod(tinted) == pytest.approx(100**3, rel=0.03)


def test_split_toning_leaves_mid_grey_and_moves_shadows_and_highlights_apart():
    ramp = np.repeat(np.array([0, 127, 255], np.uint8).reshape(1, 3, 1), 3, axis=2)
    dark, middle, light = corrupted("split_toning", ramp, 5)[0].astype(int)
    assert np.ptp(middle) <= 1
    assert np.argmax(dark) == np.argmin(light)


def test_gamma_keeps_black_and_white():
    ends = np.array([[[0] * 3, [255] * 3]], np.uint8)
    assert np.array_equal(corrupted("gamma", ends, 5), ends)


def test_uneven_light_only_darkens_and_overexposure_only_brightens():
    image = picture()
    assert np.all(corrupted("uneven_light", image, 5) <= image)
    assert np.all(corrupted("overexposure", image, 1) >= image)


def test_clipped_light_spills_onto_what_is_near():
    halves = np.zeros((32, 32, 3), np.uint8)
    halves[:, 16:] = 255
    exposed = corrupted("overexposure", halves, 5)
    assert exposed[:, 15].min() > 50
    assert exposed[:, 0].max() < 5


@pytest.mark.parametrize(("severity", "area"), [(1, 6), (2, 12), (3, 18), (4, 26), (5, 34)])
def test_blobs_hide_the_stated_share_in_one_colour(severity, area):
    image = np.zeros((96, 96, 3), np.uint8)
    copy = corrupted("blobs", image, severity, 3)
    hidden = copy.any(axis=2)
    assert 100 * hidden.mean() == pytest.approx(area, abs=0.2)
    assert len(np.unique(copy[hidden], axis=0)) == 1


def test_greater_severities_hide_what_lesser_ones_hide():
    image = np.full((96, 96, 3), 128, np.uint8)
    hidden = [(corrupted("blobs", image, s, 7) != image).any(axis=2) for s in SEVERITIES]
    assert all(np.all(more[less]) for less, more in pairwise(hidden))


def test_shot_noise_has_the_variance_of_the_photons_counted():
    flat = np.full((128, 128, 3), 100, np.uint8)
    noisy = corrupted("shot_noise", flat, 1).astype(float)
    assert noisy.mean() == pytest.approx(100, abs=2)
    assert noisy.var() == pytest.approx(100 * 255 / 90, rel=0.05)


def test_jpeg_stays_below_the_qualities_that_training_samples():
    """Which reach down to 50, at the largest magnitude that a recipe can have."""
    assert OPS["jpeg"].strength(1) == 50
    assert max(JPEG_QUALITY) < 100 - OPS["jpeg"].strength(1)


@pytest.fixture(scope="module")
def after_every_op():
    """A picture, and what each op makes of it over the strengths that a recipe can have."""
    image = picture(64, 64)
    made = [
        op(image, op.strength(magnitude), np.random.default_rng([99, seed]))
        for op in OPS.values()
        for magnitude in (np.linspace(-1 if op.low < 0 else 0, 1, 13) if op.has_strength else [0])
        for seed in range(4 if op.is_random else 1)
    ]
    return image, np.stack(made).astype(np.int16)


@pytest.mark.parametrize("name", NAMES)
def test_no_training_op_equals_a_corruption_at_a_strength_that_a_space_can_sample(
    name, after_every_op
):
    """The op that comes nearest is still off by a share of what the corruption changes."""
    image, made = after_every_op
    for severity in ProxyConfig().severities:
        copy = corrupted(name, image, severity, severity).astype(np.int16)
        off = np.abs(made - copy).mean(axis=(1, 2, 3)).min()
        assert off > 0.05 * np.abs(copy - image).mean()


def test_pixelation_makes_flat_squares():
    copy = corrupted("pixelation", picture(), 5)
    same = (copy[:, 1:] == copy[:, :-1]).all(axis=(0, 2))
    assert same.mean() > 0.8


def test_a_point_out_of_focus_becomes_a_disc_and_a_moving_point_a_line():
    point = np.zeros((97, 97, 3), np.uint8)
    point[48, 48] = 255
    disc, line = (corrupted(name, point, 5)[..., 0] > 0 for name in ("defocus", "motion"))
    assert disc.sum() == pytest.approx(np.pi * (0.5 + 0.053 * 97) ** 2, rel=0.35)
    rows, columns = np.nonzero(line)
    assert np.hypot(np.ptp(rows), np.ptp(columns)) == pytest.approx(0.21 * 97, abs=3)
    assert line.sum() < 3.5 * 0.21 * 97


@pytest.mark.parametrize("name", ["defocus", "motion", "glass", "elastic", "tilt", "lens"])
def test_a_flat_image_has_nothing_to_bend_or_blur(name):
    flat = np.full((48, 48, 3), 77, np.uint8)
    assert np.array_equal(corrupted(name, flat, 5), flat)


def test_the_middle_of_a_tilted_image_stays_where_it_is():
    image = np.zeros((97, 97, 3), np.uint8)
    image[47:50, 47:50] = 255
    assert corrupted("tilt", image, 5)[48, 48, 0] > 200


def test_stain_deposits_only_darken():
    image = picture()
    assert np.all(corrupted("stain_deposits", image, 5) <= image)


def test_stain_shift_changes_stains_more_than_the_clear_background():
    image = np.full((16, 16, 3), 255, np.uint8)
    image[:, 8:] = (90, 50, 140)
    changes = [
        np.abs(corrupted("stain_shift", image, 5, key).astype(int) - image) for key in range(40)
    ]
    clear, stained = np.mean(changes, axis=(0, 1, 3)).reshape(2, 8).mean(axis=1)
    assert stained > clear


@pytest.mark.parametrize("name", NAMES)
def test_real_cells_are_damaged_more_by_greater_severities(name, few_real_cells):
    changes = [
        np.mean(
            [
                np.abs(corrupted(name, image, severity, key) - image.astype(int))
                for key, image in enumerate(few_real_cells)
            ]
        )
        for severity in SEVERITIES
    ]
    assert changes == sorted(changes)
