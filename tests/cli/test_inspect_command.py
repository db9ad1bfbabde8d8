"""``bcauto inspect``: what it prints and writes, and what it refuses before any work."""

import json

import numpy as np
import pytest


@pytest.fixture
def with_copies(tmp_path, two_classes):
    """40 pictures of two classes, a copy of one of them, and 12 copies of an intruder."""
    made = two_classes(40, 0)
    intruder = np.zeros((12, 32, 32, 3), np.uint8)
    path = tmp_path / "copies.npz"
    np.savez(
        path,
        images=np.concatenate([made["images"], made["images"][[5]], intruder]),
        labels=np.concatenate([made["labels"], made["labels"][[5]], np.arange(12) % 2]),
        class_names=["up", "down"],
    )
    return path


def test_text_names_what_is_odd_and_a_page_is_written(command, with_copies, tmp_path):
    ran = command("inspect", with_copies, "--weights", "none", "--like", "41")
    assert ran.code == 0, ran.err
    assert ran.err == ""
    lines = ran.out.splitlines()
    assert lines[0].split()[:4] == ["class", "pictures", "intruders", "duplicates"]
    assert any(line.split()[:4] == ["up", "26", "6", "0"] for line in lines)
    assert "12 pictures, of 1 content" in ran.out
    assert "41: 12 copies, in 2 classes" in ran.out
    assert "1 picture of 1 content: 5 = 40" in ran.out
    assert "colour and texture" in ran.out
    assert "11 pictures like 41 (cosine 0.8 or more)" in ran.out
    assert "what such a list is worth here: of 2 labels changed on purpose" in ran.out
    assert (tmp_path / "inspections" / "copies.html").stat().st_size > 10_000


def test_json_is_one_object(command, with_copies, tmp_path):
    ran = command("inspect", with_copies, "--weights", "none", "--page", "none", "--json")
    seen = json.loads(ran.out)
    assert seen["duplicates"] == [[5, 40]]
    assert seen["intruders"][0]["pictures"] == [*range(41, 53)]
    assert seen["page"] is None
    assert seen["out"] is None
    assert not (tmp_path / "inspections").exists()


def test_the_cleaned_copy_says_what_is_missing_and_why(command, with_copies, tmp_path):
    out = tmp_path / "cleaned.npz"
    ran = command(
        *("inspect", with_copies, "--weights", "none", "--page", "none", "--like", "3"),
        *("--above", "1", "--out", out, "--json"),
    )
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["out"]["count"] == 14
    with np.load(with_copies) as before, np.load(out) as after:
        kept = [at for at in range(40) if at != 3]
        assert (after["images"] == before["images"][kept]).all()
        assert (after["labels"] == before["labels"][kept]).all()
        assert after["class_names"].tolist() == ["up", "down"]
        assert after["taken_out"].tolist() == [3, *range(40, 53)]
        assert after["taken_out_why"].tolist() == [
            "named with --like",
            "exact duplicate of copies.npz: images[5]",
            *["intruder: one of 12 copies"] * 12,
        ]
    again = command("inspect", out, "--weights", "none", "--page", "none", "--json")
    assert json.loads(again.out)["pictures"] == 39
    assert json.loads(again.out)["intruders"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no.npz"], "bcauto: DATA must exist, got no.npz"),
        (
            ["copies.npz", "--out", "copies.npz"],
            "--out must be a new file, got copies.npz, which exists",
        ),
        (["copies.npz", "--out", "new.csv"], "--out must be a new file whose name ends in .npz"),
        (["copies.npz", "--page", "page.pdf"], "--page must be a file whose name ends in .html"),
        (
            ["copies.npz", "--page", "note.txt/page.html"],
            "--page must be a file that can be written",
        ),
        (["copies.npz", "--like", "53"], "--like must be a number from 0 to 52"),
        (["copies.npz", "--like", "no.png"], "got 'no.png', which is neither"),
        (["copies.npz", "--above", "2"], "--above must be a cosine from -1 to 1, got 2.0"),
        (["copies.npz", "--weights", "nowhere"], "--weights must be imagenet, none or a folder"),
        (["note.txt"], "note.txt: "),
    ],
)
def test_wrong_input_is_refused_in_a_line(command, with_copies, tmp_path, arguments, message):
    (tmp_path / "note.txt").write_text("no data")
    ran = command("inspect", *arguments)
    assert ran.code == 2
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert ran.out == ""
    assert not (tmp_path / "inspections").exists()


def test_data_that_would_lose_a_class_is_refused(command, with_copies):
    ran = command(
        *("inspect", with_copies, "--weights", "none", "--page", "none"),
        *("--like", "0", "--above", "-1", "--out", "rest.npz"),
    )
    assert ran.code == 2
    assert "--out, after pictures were taken out" in ran.err
