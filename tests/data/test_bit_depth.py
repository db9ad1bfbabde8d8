from __future__ import annotations

import cv2
import numpy as np
import pytest

from bcauto.data.bit_depth import find_depth


@pytest.fixture
def written(tmp_path):
    """Writes pictures of 16 bits, each with values from 0 up to its largest."""

    def write(*largest):
        paths = [tmp_path / f"{number}.png" for number in range(len(largest))]
        for path, most in zip(paths, largest, strict=True):
            cv2.imwrite(str(path), np.linspace(0, most, 400).reshape(20, 20).astype(np.uint16))
        return paths

    return write


@pytest.mark.parametrize(
    ("largest", "bits"),
    [(1, 8), (255, 8), (256, 10), (1023, 10), (1024, 12), (4095, 12), (16383, 14)],
)
def test_the_brightest_picture_tells_the_depth_of_all(written, largest, bits, caplog):
    assert find_depth("cells", written(largest // 3, largest, 0), map) == bits
    assert f"cells: 3 pictures of 16 bits hold values up to {largest} only" in caplog.text


def test_all_bits_used_need_no_word(written, caplog):
    assert find_depth("cells", written(1000, 40_000), map) == 16
    assert find_depth("cells", [], map) == 16
    assert not caplog.records


def test_a_dead_pixel_does_not_hide_that_all_is_black(written, caplog):
    (path,) = written(4095)
    image = np.tile(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), (3, 3))
    image[5, 5] = 65535
    cv2.imwrite(str(path), image)
    assert find_depth("cells", [path], map) == 16
    assert (
        "cells: 1 pictures of 16 bits are almost black: 99.9 % of their values are" in caplog.text
    )


def test_damaged_and_other_pictures_do_not_count(written, tmp_path):
    paths = written(4000, 60_000)
    paths[1].write_bytes(b"\x89PNG")
    cv2.imwrite(str(tmp_path / "8.png"), np.full((20, 20), 255, np.uint8))
    assert find_depth("cells", [*paths, tmp_path / "8.png", tmp_path / "none.png"], map) == 12


@pytest.mark.parametrize("largest", [200, 1000, 4095])
def test_darker_pictures_have_the_bits_that_the_model_was_trained_on(written, largest, caplog):
    assert find_depth("cells", written(largest, 10), map, trained=12) == 12
    message = f"values up to {largest} only, they are read as pictures of 12 bits, as those were"
    assert message in caplog.text


def test_brighter_pictures_than_the_model_was_trained_on(written, caplog):
    assert find_depth("cells", written(9000), map, trained=12) == 14
    message = "values up to 9000, more than the 12 bits of those that the model was trained on"
    assert message in caplog.text
    assert find_depth("cells", [], map, trained=12) == 12
    assert find_depth("cells", written(9000), map, trained=16) == 16
