"""``bcauto augment``: the pictures in the picture are those of the data and of training."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from bcauto.augment.engine import Augmenter
from bcauto.augment.ops import OPS
from bcauto.augment.policies import Augment
from bcauto.data.dataset import load
from bcauto.io.toml import checked, read_toml
from bcauto.recipe.network import Network
from bcauto.recipe.recipe import Recipe
from bcauto.seeds import generator
from bcauto.training.batches import Batches

ROW = {name: row for row, name in enumerate(OPS, 1)}

AUGMENT = """
[augment]
fill = "constant"
basic = { rotation = 40, flip = true, translation = 0.3 }
wide = { rate = 2, detail = { rate = 0.5 } }
randaugment = { magnitude = 0.4, probability = 0.7 }
augmix = { severity = 0.4 }
mixup = { alpha = 1, probability = 0.4 }
cutmix = { probability = 0.6 }
"""


def read_tiles(path, columns, factor=3):
    """(rows, columns, h, w, 3): the pictures in the picture, whose pixels are squares there."""
    grid = cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1]
    ink = (grid != grid[0, 0]).any(axis=-1)
    lefts = [start for start, _ in runs(ink.any(axis=0))][-columns:]
    tops = runs(ink[:, lefts[0] :].any(axis=1))
    assert {stop - start for start, stop in tops} == {96}
    tiles = [[grid[top : top + 96, left : left + 96] for left in lefts] for top, _ in tops]
    small = np.array(tiles)[:, :, ::factor, ::factor]
    assert np.array_equal(np.kron(small, np.ones((1, 1, factor, factor, 1), np.uint8)), tiles)
    return small


def runs(marks):
    """Where marks begin and end."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marks, [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


@pytest.fixture(scope="module")
def every_op():
    """The tiles that the command writes without an option, once they are there."""
    return []


@pytest.fixture
def drawn(command, tiny_npz, tmp_path, every_op):
    """Runs the command on 32 px images; gives the tiles that it wrote."""

    def run(*arguments, columns=8):
        if every_op and not arguments:
            return every_op[0]
        out = tmp_path / "drawn.png"
        ran = command("augment", "--data", tiny_npz, "--out", out, *arguments)
        assert (ran.code, ran.err) == (0, "")
        tiles = read_tiles(out, columns)
        if not arguments:
            every_op.append(tiles)
        return tiles

    return run


@pytest.fixture
def train(tiny_npz):
    return load(tiny_npz, None, 0).train


@pytest.fixture
def index_of(train):
    """The places in the training data of given images."""
    places = {image.tobytes(): place for place, image in enumerate(train.images)}
    return lambda images: np.array([places[image.tobytes()] for image in images])


@pytest.fixture
def recipe(tmp_path):
    """Writes a file for --recipe."""

    def write(text):
        path = tmp_path / "some.toml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def one_policy(recipe):
    """Options for one row below the originals, not one for each op, which takes seconds."""
    return "--recipe", recipe("[augment]\nbasic = { flip = true }\n")


@pytest.fixture
def policy(recipe):
    return checked(Augment, read_toml(recipe(AUGMENT))["augment"], "test")


# --- the originals -------------------------------------------------------------------------------


def test_first_row_is_training_images_classes_in_turn(drawn, train, index_of):
    indices = index_of(drawn()[0])
    assert train.labels[indices].tolist() == [0, 1] * 4
    assert len(set(indices.tolist())) == 8


def test_images_are_loaded_as_a_search_loads_them(command, tiny_npz, tmp_path, one_policy):
    """At another size, and split by another seed: what is in train at seed 0 may not be here."""
    arguments = ("--seed", 3, "--image-size", 48, "--columns", 32, *one_policy)
    assert command("augment", "--data", tiny_npz, *arguments).code == 0
    first = read_tiles(tmp_path / "augment.png", 32, factor=2)[0]
    train = {image.tobytes() for image in load(tiny_npz, 48, 3).train.images}
    assert {image.tobytes() for image in first} <= train


def test_images_of_a_label_file_keep_their_shape_where_they_shall(command, tmp_path, one_policy):
    """Each is twice as wide as high."""
    (tmp_path / "flat").mkdir()
    for index in range(24):
        image = np.random.default_rng(index).integers(0, 256, (16, 32, 3), np.uint8)
        cv2.imwrite(str(tmp_path / "flat" / f"{index}.png"), image)
    text = "".join(f"{index}.png,{'ab'[index % 2]}\n" for index in range(24))
    (tmp_path / "labels.csv").write_text(text)
    options = ("--data", "flat", "--labels", "labels.csv", "--image-size", 32, *one_policy)
    for resize, borders in (("stretch", []), ("fit", [*range(8), *range(24, 32)])):
        assert command("augment", *options, "--resize", resize).code == 0
        for image in read_tiles(tmp_path / "augment.png", 8)[0]:
            assert np.flatnonzero(image.std(axis=1).max(axis=1) == 0).tolist() == borders
    assert "--labels goes with --data" in command("augment", "--labels", "labels.csv").err


def test_columns_depend_on_the_seed_and_more_of_them_begin_with_the_same(drawn, one_policy):
    eight = drawn(*one_policy)[0]
    for count in (1, 5, 32):
        some = drawn("--columns", count, *one_policy, columns=count)[0]
        assert len(some) == count
        assert np.array_equal(some[:8], eight[:count])
    assert np.array_equal(drawn("--seed", 0, *one_policy)[0], eight)


def test_another_seed_shows_other_images(drawn, tmp_path, two_classes, one_policy):
    parts = {
        "train": two_classes(80, 0),
        "val": two_classes(20, 1),
    }  # so that no split depends on the seed
    arrays = {f"{part}_{name}": a for part, both in parts.items() for name, a in both.items()}
    np.savez(tmp_path / "tiny.npz", **arrays)
    one, other = (drawn("--seed", seed, *one_policy)[0] for seed in (1, 2))
    assert not np.array_equal(one, other)


def test_where_a_class_has_no_more_the_others_go_on(command, tmp_path, two_classes):
    few = two_classes(120, 0)
    kept = np.concatenate([np.flatnonzero(few["labels"] == 0), [1, 3, 5, 7]])
    np.savez(tmp_path / "few.npz", images=few["images"][kept], labels=few["labels"][kept])
    train = load(tmp_path / "few.npz", None, 0).train
    rare = int((train.labels == 1).sum())
    assert 1 <= rare <= 4
    assert command("augment", "--data", "few.npz", "--columns", 20).code == 0
    first = read_tiles(tmp_path / "augment.png", 20)[0]
    labels = [train.labels[(train.images == image).all(axis=(1, 2, 3))].item() for image in first]
    assert labels == [0, 1] * rare + [0] * (20 - 2 * rare)


def test_data_with_fewer_images_than_columns(command, tmp_path, two_classes):
    np.savez(tmp_path / "few.npz", **{name: part[:12] for name, part in two_classes(40, 0).items()})
    count = len(load(tmp_path / "few.npz", None, 0).train)
    assert count < 12
    ran = command("augment", "--data", "few.npz", "--columns", 32)
    assert f"26 rows of {count} training images: " in ran.out
    assert read_tiles(tmp_path / "augment.png", count).shape[:2] == (26, count)


# --- every op ------------------------------------------------------------------------------------


def test_one_row_for_each_op(drawn):
    assert drawn().shape[:2] == (1 + len(OPS), 8)


def test_at_magnitude_zero_whatever_has_a_strength_does_nothing(drawn):
    tiles = drawn("--magnitude", 0)
    still = [name for name in OPS if np.array_equal(tiles[ROW[name]], tiles[0])]
    # jpeg rounds, at its best quality too
    assert set(still) == {name for name, op in OPS.items() if op.has_strength} - {"jpeg"}


def test_ops_are_what_their_names_say(drawn):
    tiles = drawn("--magnitude", 0.3)
    originals = tiles[0]
    assert np.array_equal(tiles[ROW["flip_horizontal"]], originals[:, :, ::-1])
    assert np.array_equal(tiles[ROW["flip_vertical"]], originals[:, ::-1])
    for name in ("equalize", "autocontrast"):
        reference = getattr(ImageOps, name)
        expected = [np.asarray(reference(Image.fromarray(image))) for image in originals]
        assert np.abs(tiles[ROW[name]].astype(int) - expected).max() <= 1


def test_ops_with_two_sides_change_sides_from_column_to_column(drawn):
    tiles = drawn("--magnitude", 0.25).astype(int)
    originals, moved, brighter = tiles[0], tiles[ROW["translate_x"]], tiles[ROW["brightness"]]
    levels = np.rint(np.array([63.75, -63.75] * 4))[:, None, None, None]
    assert np.abs(brighter - np.clip(originals + levels, 0, 255)).max() <= 1
    assert np.array_equal(moved[::2, :, 8:], originals[::2, :, :-8])
    assert np.array_equal(moved[1::2, :, :-8], originals[1::2, :, 8:])


@pytest.mark.parametrize(("arguments", "magnitude"), [((), 0.5), (("--magnitude", 0.8), 0.8)])
def test_every_op_acts_at_the_magnitude_on_keras_cvs_scale(arguments, magnitude, drawn):
    tiles = drawn(*arguments)
    for name, op in OPS.items():
        if op.is_random:
            continue
        sides = [1, -1] * 4 if op.low < 0 else [1] * 8
        strengths = [side * op.strength(magnitude) for side in sides]
        expected = [
            op(image, strength, generator(0))
            for image, strength in zip(tiles[0], strengths, strict=True)
        ]
        assert np.array_equal(tiles[ROW[name]], expected), name


def test_each_image_has_its_own_stream_of_the_seed(drawn):
    tiles, again = drawn(), drawn("--seed", 0)
    assert np.array_equal(tiles, again)
    hidden = (tiles[ROW["cutout"]] == 0).all(axis=-1)
    assert len({mask.tobytes() for mask in hidden}) == 8
    noise = tiles[ROW["gaussian_noise"]].astype(int) - tiles[0]
    assert len({one.tobytes() for one in noise}) == 8


def test_a_picture_does_not_depend_on_the_columns_beside_it(drawn):
    assert np.array_equal(drawn("--columns", 3, columns=3), drawn()[:, :3])


# --- a recipe ------------------------------------------------------------------------------------


def in_training(train, indices, epoch, policy):
    return Batches(train, 2, 16, Augmenter(policy, 0)).make(indices, epoch)[0]


def test_with_a_recipe_the_rows_are_the_batches_of_training(drawn, train, index_of, policy):
    tiles = drawn("--recipe", "some.toml", "--columns", 20, columns=20)
    indices = index_of(tiles[0])
    for epoch in (1, 2, 3, 4):
        assert np.array_equal(tiles[epoch], in_training(train, indices, epoch, policy))
        assert not np.array_equal(tiles[epoch], tiles[0])


def test_with_a_recipe_each_policy_that_is_on_has_a_row_alone(drawn, train, index_of, policy):
    tiles = drawn("--recipe", "some.toml", "--columns", 20, columns=20)
    indices = index_of(tiles[0])
    names = ("basic", "wide", "randaugment", "augmix", "mixup", "cutmix")
    assert len(tiles) == 5 + len(names)
    for name, row in zip(names, tiles[5:], strict=True):
        alone = Augment(fill="constant", **{name: getattr(policy, name)})
        assert np.array_equal(row, in_training(train, indices, 1, alone)), name
        assert not np.array_equal(row, tiles[0]), name


def test_policies_that_are_off_have_no_row(drawn, recipe):
    recipe("[augment.mixup]\nalpha = 1\n[augment.basic]\nflip = true")
    assert len(drawn("--recipe", "some.toml")) == 1 + 4 + 2


def test_where_no_policy_is_on_images_stay_as_they_are(command, tiny_npz, tmp_path, recipe):
    ran = command("augment", "--data", tiny_npz, "--recipe", recipe("[augment]"))
    assert "which is how they stay" in ran.out
    tiles = read_tiles(tmp_path / "augment.png", 8)
    assert len(tiles) == 5
    assert (tiles == tiles[0]).all()


def test_a_whole_recipe_is_drawn_as_its_augment_table_alone(drawn, recipe, policy, tmp_path):
    alone = drawn("--recipe", "some.toml")
    whole = Recipe(model=Network(backbone="MobileNet"), augment=policy)
    recipe(whole.to_toml())
    assert np.array_equal(drawn("--recipe", "some.toml"), alone)


def test_another_engine_is_drawn_by_our_own_and_said_so(drawn, command, tiny_npz, recipe, tmp_path):
    recipe("[augment.randaugment]")
    ours = drawn("--recipe", "some.toml")
    recipe('[augment]\nengine = "keras-cv"\nrandaugment = {}')
    ran = command("augment", "--data", tiny_npz, "--recipe", "some.toml")
    assert ran.code == 0
    assert ran.err == "bcauto: drawn by bcauto's own engine, not by keras-cv\n"
    assert np.array_equal(read_tiles(tmp_path / "augment.png", 8), ours)


# --- what is said, and where it goes -------------------------------------------------------------


def test_says_what_the_rows_are_and_then_where_they_went(command, tiny_npz, recipe, tmp_path):
    what, where = command("augment", "--data", tiny_npz).out.splitlines()
    originals = "training images: as they are,"
    assert what == f"26 rows of 8 {originals} then after each op alone at magnitude 0.5"
    assert where == "augment.png"

    arguments = ("--recipe", recipe(AUGMENT), "--out", "other.webp", "--columns", 3)
    what, where = command("augment", "--data", tiny_npz, *arguments).out.splitlines()
    assert what == (
        f"11 rows of 3 {originals} as training sees them in epochs 1 to 4, "
        "then each policy alone: basic, wide, randaugment, augmix, mixup, cutmix"
    )
    assert where == "other.webp"
    assert sorted(path.name for path in tmp_path.glob("*.[pw]*")) == ["augment.png", "other.webp"]


def test_without_data_it_draws_built_in_cells_and_waits_for_no_framework(tmp_path):
    code = (
        "import sys, bcauto.cli.app\n"
        "sys.argv = ['bcauto', 'augment', '--columns', '9', '--image-size', '64']\n"
        "try:\n"
        "    bcauto.cli.app.main()\n"
        "except SystemExit as ended:\n"
        "    print(ended.code, *{'tensorflow', 'keras', 'ray', 'optuna'} & set(sys.modules))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
    assert ran.stdout.splitlines()[1:] == ["augment.png", "0"]
    grid = cv2.imread(str(tmp_path / "augment.png"))
    ink = (grid != grid[0, 0]).any(axis=-1)
    assert [stop - start for start, stop in runs(ink.any(axis=0))][-9:] == [128] * 9


# --- wrong use -----------------------------------------------------------------------------------


@pytest.fixture
def turned_down(command, tiny_npz, tmp_path):
    """Runs a command that must be refused before data is read; gives its one line."""

    def run(*arguments, code=2):
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        ran = command("augment", *arguments)
        assert ran.code == code
        assert ran.out == ""
        assert ran.err.startswith("bcauto: ")
        assert ran.err.count("\n") == 1
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
        return ran.err

    return run


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--magnitude", 1.01), "--magnitude must be less than or equal to 1, got '1.01'"),
        (("--magnitude", -0.1), "--magnitude must be greater than or equal to 0, got '-0.1'"),
        (("--magnitude", "nan"), "--magnitude must be less than or equal to 1, got 'nan'"),
        (("--magnitude", "much"), "--magnitude must be a number, got 'much'"),
        (
            ("--magnitude", 0.5, "--recipe", "r.toml"),
            "--magnitude goes without --recipe, got 0.5 and r.toml",
        ),
        (("--columns", 0), "--columns must be greater than or equal to 1, got '0'"),
        (("--columns", 33), "--columns must be less than or equal to 32, got '33'"),
        (("--columns", "few"), "--columns must be a whole number, got 'few'"),
        (("--seed", -1), "--seed must be greater than or equal to 0, got '-1'"),
        (("--seed", 2**63), f"--seed must be less than or equal to {2**63 - 1}, got '{2**63}'"),
        (("--seed", "9" * 5000), "--seed must be a whole number"),
        (("--seed", "1.5"), "got '1.5'"),
        (("--seed", "x"), "got 'x'"),
        (("--image-size", 7), "--image-size must be greater than or equal to 8, got '7'"),
        (("--image-size", 4097), "got '4097'"),
        (("--out", "a.gif"), "must end in .png, .jpg, .jpeg, .webp, got a.gif"),
        (("--out", "augment"), "must end in .png, .jpg, .jpeg, .webp, got augment"),
        (("--out", "no/such/a.png"), "folder must be there and be writable, got no/such"),
        (("--out", "tiny.npz/a.png"), "folder must be there and be writable, got tiny.npz"),
        (("--data", "no/such.npz"), "no/such.npz: does not exist"),
        (("--recipe", "no/such.toml"), "no/such.toml: cannot be read"),
        (("--recipe", "."), "unknown recipe '.'; "),
        (("--recipe", "tiny.npz"), "unknown recipe 'tiny.npz'; "),
        (("--ops",), "--ops"),
        (("file.npz",), "file.npz"),
    ],
)
def test_refused(arguments, said, turned_down):
    assert said in turned_down(*arguments)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[augment.basc]", "unknown key 'augment.basc'; did you mean 'basic'?"),
        ("[augment.basic]\nflip = 1", "augment.basic.flip must be true or false, got 1"),
        ("[augment.basic]\nrotation = 181", "rotation must be less than or equal to 180, got 181"),
        ("[augment.wide.ops.rotat]\nprobability = 1", "unknown op 'rotat'; did you mean 'rotate'?"),
        ("augment = 3", "augment must be a table, got 3"),
        ("[augment]\n[training]\nepochs = 3", "model is missing"),
        ("[augment]\n[model]\nbackbone = 'Resnet5'", "unknown backbone 'Resnet5'"),
        ("", "model is missing"),
        ("[basic]\nflip = true", "unknown key 'basic'"),
        ("[augment", "not valid TOML"),
    ],
)
def test_recipe_that_breaks_a_rule(text, said, recipe, turned_down):
    line = turned_down("--recipe", recipe(text))
    assert "some.toml: " in line
    assert said in line


def test_space_in_place_of_a_recipe(turned_down, tiny_space):
    line = turned_down("--recipe", tiny_space)
    assert line.startswith(
        "bcauto: --recipe must be a recipe, such as the recipe.toml of an export"
    )
    assert line.endswith(f"got a space, {tiny_space}\n")


def test_what_is_wrong_with_the_options_is_said_before_data_is_read(turned_down, recipe):
    for arguments, said in [
        (("--out", "a.gif"), "a.gif"),
        (("--recipe", recipe("[augment.x]")), "augment.x"),
        (("--seed", -1), "--seed"),
    ]:
        assert said in turned_down("--data", "no/such.npz", *arguments)


@pytest.mark.skipif(not Path("/proc").exists(), reason="a folder in which even root cannot write")
def test_folder_that_cannot_be_written_to(turned_down):
    assert "folder must be there and be writable, got /proc" in turned_down("--out", "/proc/a.png")


@pytest.mark.parametrize("old", [None, b"old"])
def test_disk_that_is_full(old, turned_down, tiny_npz, tmp_path, monkeypatch):
    def full(path, data):
        path.touch()
        raise OSError(28, os.strerror(28))

    if old:
        (tmp_path / "a.png").write_bytes(old)
    monkeypatch.setattr(Path, "write_bytes", full)
    line = turned_down("--data", tiny_npz, "--out", "a.png", code=1)
    assert line == "bcauto: a.png: cannot be written (no space left on device)\n"
