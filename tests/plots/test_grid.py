from __future__ import annotations

import os
import resource
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from bcauto.errors import NothingUsable
from bcauto.plots.grid import SUFFIXES, Row, check_picture_path, draw_grid, write_picture


def coloured(rows, columns, size=(96, 96)):
    """Rows of tiles of one colour each, (rows, columns, h, w, 3); no two share a colour."""
    red, blue = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    colours = np.stack([200 - 10 * red, 0 * red, 20 + 10 * blue], axis=-1).astype(np.uint8)
    return np.broadcast_to(colours[:, :, None, None], (rows, columns, *size, 3)).copy()


def titled(tiles, title="row", note=""):
    return [Row(title, row, note) for row in tiles]


def box(grid, colour):
    """(top, left, height, width) of the rectangle that a colour fills."""
    rows, columns = np.nonzero((grid == colour).all(axis=-1))
    top, left = rows.min(), columns.min()
    height, width = rows.max() - top + 1, columns.max() - left + 1
    assert height * width == len(rows)
    return int(top), int(left), int(height), int(width)


def boxes(tiles, title="row", note=""):
    """Where ``draw_grid`` puts tiles of this number and size under these titles."""
    grid = draw_grid(titled(tiles, title, note))
    return [[box(grid, tile[0, 0]) for tile in row] for row in tiles]


def dark(part):
    return (part < 128).all(axis=-1)


def in_title_column(grid, tiles, row):
    """What stands left of a row's tiles."""
    top, left, height, _ = box(grid, tiles[row, 0, 0, 0])
    return grid[top : top + height, :left]


@pytest.fixture
def tiles():
    return coloured(3, 4)


@pytest.mark.parametrize(
    ("size", "drawn"),
    [
        ((8, 8), (96, 96)),
        ((28, 28), (112, 112)),
        ((32, 32), (96, 96)),
        ((95, 95), (190, 190)),
        ((96, 96), (96, 96)),
        ((160, 160), (160, 160)),
        ((161, 161), (160, 160)),
        ((512, 512), (160, 160)),
        ((20, 40), (60, 120)),
        ((96, 30), (96, 30)),
        ((100, 400), (40, 160)),
        ((400, 100), (160, 40)),
        ((8, 4000), (1, 160)),
    ],
)
def test_small_tiles_are_enlarged_by_a_whole_factor_and_large_ones_reduced(size, drawn):
    ((first, second),) = boxes(coloured(1, 2, size))
    assert first[2:] == second[2:] == drawn


def test_rows_stand_under_each_other_and_tiles_beside_each_other(tiles):
    places = np.array(boxes(tiles))
    top, left = places[..., 0], places[..., 1]
    assert (top == top[:, :1]).all()
    assert (left == left[:1]).all()
    for starts in (top[:, 0], left[0]):
        gaps = np.diff(starts) - 96
        assert (gaps == gaps[0]).all()
        assert 1 <= gaps[0] <= 6


@pytest.mark.parametrize("size", [(96, 96), (100, 130), (160, 97)])
def test_tiles_of_a_fitting_size_are_there_byte_for_byte(size):
    places = boxes(coloured(2, 3, size))
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, *size, 3), np.uint8)
    grid = draw_grid(titled(pixels))
    for row in range(2):
        for column in range(3):
            top, left, height, width = places[row][column]
            there = grid[top : top + height, left : left + width]
            assert np.array_equal(there, pixels[row, column])


def test_each_pixel_of_an_enlarged_tile_is_a_square():
    (((top, left, height, width),),) = boxes(coloured(1, 1, (28, 30)))
    pixels = np.random.default_rng(0).integers(0, 256, (1, 1, 28, 30, 3), np.uint8)
    there = draw_grid(titled(pixels))[top : top + height, left : left + width]
    assert np.array_equal(there, np.kron(pixels[0, 0], np.ones((4, 4, 1), np.uint8)))


def test_a_pixel_of_a_reduced_tile_is_the_mean_of_its_square():
    (((top, left, height, width),),) = boxes(coloured(1, 1, (320, 320)))
    pixels = np.random.default_rng(0).integers(0, 256, (1, 1, 320, 320, 3), np.uint8)
    there = draw_grid(titled(pixels))[top : top + height, left : left + width]
    means = pixels[0, 0].reshape(160, 2, 160, 2, 3).mean(axis=(1, 3))
    assert np.abs(there - means).max() <= 0.5


@pytest.mark.parametrize("title", ["", "a", "W" * 40, "gjpqy_|" * 8])
@pytest.mark.parametrize("note", ["", "few", "many words " * 40])
def test_titles_leave_tiles_alone(title, note, tiles):
    grid = draw_grid(titled(tiles, title, note))
    places = boxes(tiles, title, note)
    assert {place[2:] for row in places for place in row} == {(96, 96)}
    around = grid[:, places[0][0][1] - 3 :].copy()
    for row in places:
        for top, left, _, _ in row:
            start = left - places[0][0][1] + 3
            around[top : top + 96, start : start + 96] = grid[0, 0]
    assert (around == grid[0, 0]).all()


def test_a_title_is_dark_on_light_beside_its_own_row(tiles):
    grid = draw_grid([Row("", tiles[0]), Row("title", tiles[1]), Row("", tiles[2])])
    assert grid[0, 0].min() > 230
    assert dark(in_title_column(grid, tiles, 1)).sum() > 50
    for other in (0, 2):
        assert (in_title_column(grid, tiles, other) == grid[0, 0]).all()


def test_a_note_stands_below_its_title(tiles):
    def lowest_ink(note):
        column = in_title_column(draw_grid(titled(tiles[:1], "title", note)), tiles, 0)
        return np.nonzero((column != column[0, 0]).any(axis=(1, 2)))[0]

    plain, noted = lowest_ink(""), lowest_ink("a note")
    assert len(noted) > len(plain)
    assert noted[0] < plain[0]
    assert noted[-1] > plain[-1]


def test_the_longest_title_is_whole(tiles):
    """As many strokes as there are letters, with light on either side."""
    grid = draw_grid([Row(" ".join("l" * 60), tiles[0]), Row("short", tiles[1])])
    ink = (in_title_column(grid, tiles, 0).min(axis=(0, 2)) < 200).astype(int)
    assert (np.diff(ink) == 1).sum() == 60
    assert not ink[:5].any()
    assert not ink[-5:].any()


def test_a_note_higher_than_a_tile_makes_its_row_higher(tiles):
    noted = [Row("one", tiles[0], "many words " * 40), Row("two", tiles[1])]
    grid, plain = draw_grid(noted), draw_grid(titled(tiles[:2]))
    apart = box(grid, tiles[1, 0, 0, 0])[0] - box(grid, tiles[0, 0, 0, 0])[0]
    assert apart > 150
    assert len(grid) > len(plain)


@pytest.mark.parametrize("short", [0, 1])
def test_a_shorter_row_ends_early(short, tiles):
    rows = [Row("row", row[:2] if place == short else row) for place, row in enumerate(tiles[:2])]
    grid = draw_grid(rows)
    second, third = (box(grid, tiles[1 - short, column, 0, 0]) for column in (1, 2))
    top, left, _, _ = box(grid, tiles[short, 1, 0, 0])
    assert left == second[1]
    assert (grid[top : top + 96, third[1] :] == grid[0, 0]).all()


def test_tiles_are_not_written_to(tiles):
    before = tiles.copy()
    draw_grid(titled(tiles))
    assert np.array_equal(tiles, before)


def test_what_is_no_grid_is_refused(tiles, refused):
    other = coloured(1, 4, (96, 95))[0]
    for rows in ([], [Row("none", tiles[0][:0])], [Row("one", tiles[0]), Row("two", other)]):
        with refused("a grid needs tiles, all of one size"):
            draw_grid(rows)


# --- files ---------------------------------------------------------------------------------------


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)


def read(path):
    return cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def files_of_at_most(size):
    """No file may grow beyond ``size`` bytes: a write fails half-way, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.PNG", "a.b.png"])
def test_a_picture_comes_back_byte_for_byte(name, picture, tmp_path):
    write_picture(tmp_path / name, picture)
    assert np.array_equal(read(tmp_path / name), picture)
    assert names(tmp_path) == [name]


@pytest.mark.parametrize("name", ["a.jpg", "a.jpeg"])
def test_a_jpeg_is_about_the_same(name, tmp_path):
    plain = np.full((40, 50, 3), (200, 90, 30), np.uint8)
    write_picture(tmp_path / name, plain)
    assert (tmp_path / name).read_bytes().startswith(b"\xff\xd8\xff")
    assert np.abs(read(tmp_path / name).astype(int) - plain).max() <= 3


@pytest.mark.parametrize("name", ["a", "a.gif", "a.tiff", ".png", "png", "a.png.txt"])
def test_another_suffix_is_refused_with_those_that_are_legal(name, picture, tmp_path, refused):
    for attempt in (check_picture_path, lambda path: write_picture(path, picture)):
        with refused(r"must end in \.png, \.jpg, \.jpeg, \.webp, got .*" + name):
            attempt(tmp_path / name)
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path, refused):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.png").mkdir()
    for path in ("missing/a.png", "file/a.png"):
        with refused("its folder must be there and be writable, got "):
            check_picture_path(tmp_path / path)
    with refused("must be a file, got the folder"):
        check_picture_path(tmp_path / "folder.png")
    assert names(tmp_path) == ["file", "folder.png"]


@pytest.mark.skipif(not Path("/proc").exists(), reason="a folder in which even root cannot write")
def test_a_system_folder_is_refused(refused):
    with refused("/proc/a.png: its folder must be there and be writable, got /proc"):
        check_picture_path(Path("/proc/a.png"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(tmp_path, refused):
    tmp_path.chmod(0o500)
    with refused("permission denied"):
        check_picture_path(tmp_path / "a.png")


def test_a_check_leaves_nothing(tmp_path):
    (tmp_path / "old.png").write_bytes(b"old")
    for name in ("old.png", "new.png"):
        check_picture_path(tmp_path / name)
    assert names(tmp_path) == ["old.png"]
    assert (tmp_path / "old.png").read_bytes() == b"old"


@pytest.mark.parametrize("old", [None, b"old"])
def test_a_picture_is_written_whole_or_not_at_all(old, picture, tmp_path):
    path = tmp_path / "a.png"
    if old:
        path.write_bytes(old)
    with files_of_at_most(1000), pytest.raises(NothingUsable) as caught:
        write_picture(path, picture)
    assert str(caught.value).startswith(f"{path}: cannot be written (")
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == (["a.png"] if old else [])
    assert not old or path.read_bytes() == old


def test_a_picture_takes_the_place_of_the_old_one_in_one_step(picture, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    replace = Path.replace
    seen = []

    def watched(self, target):
        seen.append((path.read_bytes(), read(self), Path(target)))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    write_picture(path, picture)
    ((before, partial, target),) = seen
    assert before == b"old"
    assert np.array_equal(partial, picture)
    assert target == path


def test_a_picture_has_the_permissions_of_any_new_file(picture, tmp_path):
    write_picture(tmp_path / "a.png", picture)
    (tmp_path / "plain").write_bytes(b"")
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("suffix", [".webp", ".jpg"])
def test_a_picture_too_large_for_its_format_is_one_line(suffix, tmp_path, capfd):
    most = SUFFIXES[suffix]
    write_picture(tmp_path / f"most{suffix}", np.zeros((1, most, 3), np.uint8))
    with pytest.raises(NothingUsable, match=f"holds {most} px a side, got {most + 1} x 1 px$"):
        write_picture(tmp_path / f"more{suffix}", np.zeros((1, most + 1, 3), np.uint8))
    assert names(tmp_path) == [f"most{suffix}"]
    assert capfd.readouterr().err == ""
