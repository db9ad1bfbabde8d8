from __future__ import annotations

import cv2
import numpy as np
import pytest

from bcauto.data.reading import read, read_for_evaluation
from bcauto.data.rules import ReadingRules
from bcauto.errors import BadInput

CELLS = ["a/1.png", "a/2.png", "b/3.JPG", "x.y.png", "10.png", "sub/deep/z.png"]


@pytest.fixture
def folder(tmp_path):
    """Pictures of one grey each, 20 apart, in the order of their names above."""
    for index, name in enumerate(CELLS):
        path = tmp_path / "cells" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((10, 12, 3), 20 * index, np.uint8))
    return tmp_path / "cells"


@pytest.fixture
def found(folder, tmp_path):
    """Reads the folder with labels of this text; gives the class of each grey."""

    def labelled(text, encoding="utf-8"):
        (tmp_path / "labels.csv").write_bytes(text.encode(encoding))
        source = read(folder, rules=ReadingRules(labels=tmp_path / "labels.csv"))
        assert source.val is None
        greys = source.train.images[:, 0, 0, 0].tolist()
        classes = [source.class_names[label] for label in source.train.labels]
        assert list(source.class_names) == sorted(source.class_names)
        return dict(zip(greys, classes, strict=True))

    return labelled


def rows(names, labels="AABBBA", between=","):
    return "".join(f"{name}{between}{label}\n" for name, label in zip(names, labels, strict=True))


EXPECTED = {20 * index: label for index, label in enumerate("AABBBA")}
NAMES = {
    "paths": CELLS,
    "names": [name.rpartition("/")[2] for name in CELLS],
    "without suffix": [name.rpartition("/")[2].rpartition(".")[0] for name in CELLS],
    "of Windows": [".\\" + name.replace("/", "\\") for name in CELLS],
}


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("head", ["file,label\n", "image_id,dx\n", ""])
def test_files_may_be_named_in_several_ways(found, names, head):
    assert found(head + rows(names)) == EXPECTED


@pytest.mark.parametrize("between", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_delimiters_and_encodings(found, between, encoding):
    text = f"file{between}label\n" + rows(CELLS, between=between)
    assert found(text.replace("\n", "\r\n"), encoding) == EXPECTED


def test_columns_are_told_by_what_they_hold_and_are_called(found):
    columns = zip(CELLS, "AABBBA", "123412", strict=True)
    text = "age,Diagnosis,picture\n" + "".join(f"{n},{label},{c}\n" for c, label, n in columns)
    assert found(text) == EXPECTED


def test_labels_that_are_names_of_pictures_too(found):
    labels = ["1", "10", "1", "10", "1", "10"]
    assert found("label,file\n" + rows(labels, CELLS)) == {
        20 * index: label for index, label in enumerate(labels)
    }


def test_one_hot_columns(found):
    text = "image,A,B,C\n" + "".join(
        f"{name},{int(label == 'A')}.0,{int(label == 'B')},0\n"
        for name, label in zip(CELLS, "AABBBA", strict=True)
    )
    assert found(text) == EXPECTED


def test_quoted_names_and_spaces(found):
    assert (
        found(
            "file,label\n"
            + rows([f' "{name}" ' for name in CELLS], [*"AABBBA"])
            .replace(' "', '"')
            .replace('" ', '"')
        )
        == EXPECTED
    )


def test_what_has_no_row_or_no_label_is_left_out_and_counted(found, caplog):
    text = "file,label\n" + rows(CELLS[:4], ["B", "B", "A", "A"]) + f"{CELLS[4]},\n"
    assert found(text) == {0: "B", 20: "B", 40: "A", 60: "A"}
    assert "left out 2 pictures without a row and 1 rows without a label" in caplog.text


def test_the_order_of_rows_changes_nothing(folder, tmp_path):
    images = []
    for step in (1, -1):
        lines = rows(CELLS).splitlines(keepends=True)[::step]
        (tmp_path / "labels.csv").write_text("file,label\n" + "".join(lines))
        source = read(folder, rules=ReadingRules(labels=tmp_path / "labels.csv"))
        images.append(source.train.images)
    np.testing.assert_array_equal(*images)


def test_evaluation_takes_the_models_classes(folder, tmp_path):
    (tmp_path / "labels.csv").write_text("file,label\n" + rows(CELLS))
    rules = ReadingRules(labels=tmp_path / "labels.csv")
    test = read_for_evaluation(folder, (8, 8), ("B", "C", "A"), rules)
    greys = test.images[:, 0, 0, 0].tolist()
    assert dict(zip(greys, test.labels.tolist(), strict=True)) == {
        grey: {"A": 2, "B": 0}[label] for grey, label in EXPECTED.items()
    }


BAD = {
    "empty": ("", "needs a row with file and label for each picture"),
    "one column": ("file\na/1.png\n", "needs a column of files and one of labels, got 'file' only"),
    "other files": ("file,label\nq.png,A\n", "no column names pictures of .*: give the folder"),
    "missing": (
        "file,label\n" + rows(CELLS) + "gone.png,A\nlost,B\n",
        r"2 of 8 pictures are not in .*cells \(gone.png, lost\): give the folder of all",
    ),
    "two labels": (
        "file,label\n" + rows(CELLS) + "a/1.png,B\n",
        "'a/1.png' must have one label, got 'A', 'B'",
    ),
    "lists": (
        "file,label\n" + rows(CELLS, ["A", "A|B", "B", "A", "B", "A"]),
        r"one class for each picture, got 'A\|B': a multi-label data set",
    ),
    "several ones": (
        "file,A,B\n" + rows(CELLS, ["1,1", "0,1", "1,0", "0,0", "1,0", "0,1"]),
        "got several or none in 2 of 6 rows: a multi-label data set",
    ),
    "which column": (
        "file,age,sex\n" + rows(CELLS, ["3,f", "4,m", "5,f", "4,m", "5,f", "4,m"]),
        "cannot tell which column has the labels, call it label; got age, sex",
    ),
    "ragged": ("file,label\na/1.png,A\na/2.png\n", "2 columns in every row, got 1 in row 3"),
    "one class": ("file,label\n" + rows(CELLS, "AAAAAA"), "needs at least two classes, got 1"),
    "rare class": (
        "file,label\n" + rows(CELLS, "AAAAAB"),
        "at least 2 of each class, got 1 of 'B'",
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_bad_labels_are_refused(found, refused, text, message):
    with refused(message):
        found(text)


def test_names_that_several_pictures_have(folder, found, refused):
    (folder / "b" / "1.png").write_bytes((folder / "a" / "1.png").read_bytes())
    assert found("file,label\n" + rows(CELLS)) == EXPECTED
    with refused("several pictures in .* are called '1.png': give the folder"):
        found("file,label\n" + rows(NAMES["names"]))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00\x01\n\n", b"a,b\n\x00,\x00\n"])
def test_files_that_are_no_text(folder, tmp_path, refused, content):
    (tmp_path / "labels.csv").write_bytes(content)
    with refused("labels.csv: "):
        read(folder, rules=ReadingRules(labels=tmp_path / "labels.csv"))


def test_a_missing_file(folder, tmp_path, refused):
    with refused("nowhere.csv: cannot be read .no such file"):
        read(folder, rules=ReadingRules(labels=tmp_path / "nowhere.csv"))


def test_labels_go_with_a_folder(tmp_path, refused):
    np.savez(tmp_path / "a.npz", images=np.zeros((4, 8, 8, 3), np.uint8), labels=[0, 1, 0, 1])
    rules = ReadingRules(labels=tmp_path / "labels.csv")
    for reader in (
        lambda: read(tmp_path / "a.npz", rules=rules),
        lambda: read_for_evaluation(tmp_path / "a.npz", (8, 8), 2, rules),
    ):
        with refused("--labels goes with a folder of pictures, got .*a.npz"):
            reader()


SPLIT = ["train", "Train", "training", "validation", "val", "TEST"]


@pytest.mark.parametrize("column", ["split", "Subset", "phase"])
def test_a_column_of_parts_is_read_as_such(folder, tmp_path, caplog, column):
    file = tmp_path / "labels.csv"
    of_rows = [f"{label},{part}" for label, part in zip("AABBAB", SPLIT, strict=True)]
    file.write_text(f"path,class,{column}\n" + rows(CELLS, of_rows), encoding="utf-8")
    found = read(folder, rules=ReadingRules(labels=file))
    assert found.class_names == ("A", "B")
    assert greys_of(found.train) == {0: 0, 20: 0, 40: 1}
    assert greys_of(found.val) == {60: 1, 80: 0}
    message = f"by its column '{column}' there are 3 to train on, 2 to validate on, 1 to test on"
    assert message in caplog.text
    tested = read_for_evaluation(folder, (10, 12), ("B", "A"), ReadingRules(labels=file))
    assert greys_of(tested) == {100: 0}


def greys_of(part):
    greys = part.images[:, 0, 0, 0].tolist()
    return dict(zip(greys, part.labels.tolist(), strict=True))


FLAGS = {
    "is_valid": ("False False False False True True", {80, 100}),
    "is_val": ("0 0 0 0 1 1", {80, 100}),
    "is_test": ("0.0 0.0 0.0 0.0 1.0 1.0", set()),
}


@pytest.mark.parametrize(("column", "values", "val"), [(k, *v) for k, v in FLAGS.items()])
def test_a_column_of_flags_is_read_as_parts(folder, tmp_path, column, values, val):
    file = tmp_path / "labels.csv"
    of_rows = [f"{label},{flag}" for label, flag in zip("ABABAB", values.split(), strict=True)]
    file.write_text(f"path,label,{column}\n" + rows(CELLS, of_rows), encoding="utf-8")
    found = read(folder, rules=ReadingRules(labels=file))
    assert greys_of(found.train) == {0: 0, 20: 1, 40: 0, 60: 1}
    assert (greys_of(found.val).keys() if found.val else set()) == val


def test_rows_of_no_part_are_left_out(found, caplog):
    labels = ["A,train", "A,train", "B,train", "B,train", "B,", "A,train"]
    assert found("file,label,split\n" + rows(CELLS, labels)) == {
        0: "A",
        20: "A",
        40: "B",
        60: "B",
    } | {100: "A"}
    assert "left out 1 pictures without a row and 1 rows without a label" in caplog.text


def test_a_column_that_is_called_as_parts_and_holds_none_is_said(found, caplog):
    labels = [f"{label},{fold}" for fold, label in enumerate("AABBBA")]
    assert found("file,label,fold\n" + rows(CELLS, labels)) == EXPECTED
    assert "makes nothing of its column 'fold' (0, 1, 2)" in caplog.text


def test_a_picture_in_two_parts_is_refused(found, refused):
    labels = [f"{label},train" for label in "AABBBA"]
    text = "file,label,split\n" + rows(CELLS, labels) + "a/1.png,A,val\n"
    with refused("'a/1.png' must be in one part, got 'train', 'val'"):
        found(text)


def test_evaluation_needs_rows_to_test_on(folder, tmp_path, refused):
    file = tmp_path / "labels.csv"
    labels = [f"{label},train" for label in "AABBBA"]
    file.write_text("file,label,split\n" + rows(CELLS, labels), encoding="utf-8")
    with refused("needs rows to test on, got only train"):
        read_for_evaluation(folder, (8, 8), ("A", "B"), ReadingRules(labels=file))


LISTS = {
    "of numbers": ["16 0", "5", "1 2", "5", "1 2", "16 0"],
    "of labels": ["scab", "rot", "scab rot", "rot", "scab", "scab rot"],
    "with commas": ['"x,y"', "x", "y", "x", "y", '"x,y"'],
}


@pytest.mark.parametrize("labels", LISTS.values(), ids=LISTS)
def test_lists_of_labels_are_refused(found, refused, labels):
    with refused("must have one class for each picture, got .*: a multi-label data set"):
        found("Id,Target\n" + rows(CELLS, labels))


def test_what_may_be_lists_of_labels_is_said(found, caplog):
    labels = ["haze day", "haze night", "fog day", "fog night", "rain day", "rain night"]
    doubled = rows(CELLS, labels)
    with pytest.raises(BadInput, match="at least 2 of each class"):
        found("name,tags\n" + doubled)
    assert "takes its 6 labels as classes, which are made of 5 words, such as" in caplog.text


def test_names_of_several_words_are_no_lists(found, caplog):
    labels = ["Black Tern", "Black Tern", "Least Tern", "Least Tern", "Least Tern", "Black Tern"]
    expected = {20 * at: label for at, label in enumerate(labels)}
    assert found("file,species\n" + rows(CELLS, labels)) == expected
    assert not caplog.records


def test_whole_numbers_that_pandas_wrote_as_floats(found):
    labels = ["1.0", "1.0", "10.0", "10.0", "10.0", "1.0"]
    expected = {20 * at: label.removesuffix(".0") for at, label in enumerate(labels)}
    assert found("file,label\n" + rows(CELLS, labels)) == expected
    labels[3] = "2.5"
    with pytest.raises(BadInput, match=r"got 1 of .2\.5."):
        found("file,label\n" + rows(CELLS, labels))


def test_files_are_found_in_any_case(found):
    assert found("file,label\n" + rows([name.upper() for name in CELLS])) == EXPECTED


def test_columns_of_words_as_in_lists_of_files(found):
    assert found(rows(CELLS, between=" ")) == EXPECTED
    assert found("# id class\n" + rows(CELLS, between="  ")) == EXPECTED


def test_text_of_a_spreadsheet(found):
    assert found("file\tlabel\n" + rows(CELLS, between="\t"), "utf-16") == EXPECTED


NO_TEXT = {
    "Windows' letters": ("file,label\n" + rows(CELLS, "ééABBA"), "cp1252", "UTF-8 .*at byte"),
    "JSON": ('{"file_name": "a/1.png"}\n{"file_name": "a/2.png"}\n', "utf-8", "CSV, got JSON"),
}


@pytest.mark.parametrize(("text", "encoding", "message"), NO_TEXT.values(), ids=NO_TEXT)
def test_other_texts_are_refused_with_a_remedy(found, refused, text, encoding, message):
    with refused(f"labels.csv: must be .*{message}.*: save it"):
        found(text, encoding)
