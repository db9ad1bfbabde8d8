"""A whole inspection, on data of which it is known what is wrong with it."""

import json

import numpy as np
import pytest
from PIL import Image

from bcauto.inspection.inspect import Request, inspect
from bcauto.inspection.page import inspection_page
from bcauto.inspection.plain import as_plain


def test_intruders_and_duplicates_are_found(inspection, known):
    assert inspection.copies.intruders == (known.intruders,)
    assert inspection.copies.duplicates == (known.duplicate,)
    assert inspection.copies.spare.tolist() == [102]
    assert inspection.copies.genuine.tolist() == list(range(90))


def test_classes_are_counted_and_their_colours_measured(inspection):
    ash, birch, cedar = inspection.classes
    assert [each.name for each in inspection.classes] == ["ash", "birch", "cedar"]
    assert [each.pictures for each in inspection.classes] == [34, 35, 34]
    assert [each.intruders for each in inspection.classes] == [4, 4, 4]
    assert [each.duplicates for each in inspection.classes] == [0, 1, 0]
    assert (ash.train, ash.val) == (34, 0)
    assert cedar.blue == pytest.approx(200 * 29 / 30 + 127.5 / 30, abs=8)
    assert ash.red > 180
    assert birch.green > 180
    assert birch.brightness > ash.brightness > cedar.brightness


def test_what_is_odd_is_farthest(inspection, known):
    for outliers in (inspection.compared.mahalanobis, inspection.compared.class_mean):
        assert {90, known.odd} == {*outliers.numbers[:2].tolist()}
        assert outliers.far >= 2
        assert (np.diff(outliers.distances) <= 0).all()


def test_a_wrong_label_is_listed(inspection, known):
    first = inspection.compared.label_errors.errors[0]
    assert (first.number, first.given, first.suggested) == (known.mislabelled, 0, 1)
    assert first.probability_suggested > first.probability_given
    assert inspection.compared.label_errors.accuracy > 0.95
    worth = inspection.compared.label_errors.worth
    assert worth.flipped == 4  # 5 % of 90
    assert worth.recall >= 0.75


def test_copies_are_like_the_named_picture(inspection, known):
    similar = inspection.compared.similar
    assert similar.count == 11
    assert {*similar.numbers[:11].tolist()} == {*known.intruders} - {90}
    assert similar.similarities[:11] == pytest.approx(1, abs=1e-5)


def test_all_pictures_are_on_the_map(inspection):
    layout = inspection.compared.layout
    assert layout.pca.shape == layout.tsne.shape == (103, 2)
    assert layout.shown.tolist() == list(range(103))
    assert 0 < layout.explained[1] <= layout.explained[0] < 1
    assert np.isfinite(layout.tsne).all()


def test_plain_values_are_json_and_complete(inspection):
    seen = json.loads(json.dumps(as_plain(inspection), allow_nan=False))
    assert seen["pictures"] == len(seen["names"]) == len(seen["map"]["pca"]) == 103
    assert seen["distinct"] == 91
    assert seen["intruders"][0]["classes"] == ["ash", "birch", "cedar"]
    assert seen["sizes"] == [{"height": 24, "width": 24, "pictures": 103}]
    assert seen["features"] == "colour and texture"
    assert {*seen["seconds"]} >= {"reading", "copies", "features", "map", "label errors"}


def test_the_same_answer_again(inspection, known):
    again = as_plain(inspect(known.path, Request(weights="none", like="90")))
    once = as_plain(inspection)
    for key in ("seconds", "map"):
        again.pop(key), once.pop(key)
    for way in [*again["ways"], *once["ways"]]:
        way.pop("seconds")
    assert again == once


def test_a_folder_has_names_and_sizes(tmp_path):
    rng = np.random.default_rng(0)
    for at, name in enumerate(["a", "b"] * 6):
        (tmp_path / name).mkdir(exist_ok=True)
        side = 20 if at == 3 else 16
        picture = rng.integers(0, 256, (side, 16, 3), np.uint8)
        Image.fromarray(picture).save(tmp_path / name / f"{at}.png")
    found = inspect(tmp_path, Request(weights="none"))
    assert found.collection.names[0] == "a/0.png"
    taller = found.collection.names.index("b/3.png")
    assert found.collection.class_of(taller) == "b"
    assert found.collection.sizes[taller].tolist() == [20, 16]
    sizes = as_plain(found)["sizes"]
    assert sizes[0] == {"height": 16, "width": 16, "pictures": 11}
    assert sizes[1] == {"height": 20, "width": 16, "pictures": 1}


def test_data_that_comes_split_is_one_order(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (30, 12, 12, 3), np.uint8)
    images[25] = images[3]  # with the same label, 1
    labels = np.arange(30) % 2
    path = tmp_path / "split.npz"
    parts = {"train": slice(0, 20), "val": slice(20, None)}
    np.savez(
        path,
        **{f"{part}_images": images[at] for part, at in parts.items()},
        **{f"{part}_labels": labels[at] for part, at in parts.items()},
    )
    found = inspect(path, Request(weights="none"))
    assert found.copies.duplicates == ((3, 25),)
    assert found.collection.names[25] == "split.npz: val_images[5]"
    assert found.collection.training == 20
    assert [(each.train, each.val) for each in found.classes] == [(10, 5), (10, 5)]


def test_few_and_equal_features_are_no_error(tmp_path):
    images = np.zeros((4, 12, 12, 3), np.uint8)
    images[:, 0, 0, 0] = [0, 1, 2, 3]  # differ, but look the same
    path = tmp_path / "dull.npz"
    np.savez(path, images=images, labels=[0, 0, 1, 1])
    found = inspect(path, Request(weights="none", like="0"))
    json.dumps(as_plain(found), allow_nan=False)


def test_pictures_that_are_all_the_same_are_refused(refused, tmp_path):
    path = tmp_path / "same.npz"
    np.savez(path, images=np.zeros((6, 12, 12, 3), np.uint8), labels=[0, 0, 0, 1, 1, 1])
    with refused("needs at least 3 different pictures to compare, got 1 among 6"):
        inspect(path, Request(weights="none"))


def test_a_class_of_intruders_alone_gives_no_label_errors(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (16, 12, 12, 3), np.uint8)
    images[6:] = images[0]  # all of class 1 are copies of one of class 0
    path = tmp_path / "half.npz"
    np.savez(path, images=images, labels=[0] * 6 + [1] * 10)
    found = inspect(path, Request(weights="none"))
    assert [each.brightness is None for each in found.classes] == [False, True]
    assert found.compared.label_errors.reason
    json.dumps(as_plain(found), allow_nan=False)
    inspection_page(found)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            Request(like="103"),
            "--like must be a number from 0 to 102, or a picture's file, got 103",
        ),
        (
            Request(like="-1"),
            "--like must be the number of a picture, or a picture's file, got '-1'",
        ),
        (Request(like="no.png"), "got 'no.png', which is neither"),
        (Request(above=1.5), "--above must be a cosine from -1 to 1, got 1.5"),
        (Request(weights="nowhere"), "--weights must be imagenet, none or a folder"),
        (
            Request(backbone="MobileNet-0.3", weights="none"),
            "must be a pretrained one, got 'MobileNet-0.3'; did",
        ),
        (Request(backbone="MobileNet-0.25", weights="none"), "--backbone needs pretrained weights"),
    ],
)
def test_a_wrong_request_is_refused_in_a_line(refused, known, request_, message):
    import re

    with refused(re.escape(message)):
        inspect(known.path, request_)


def test_a_folder_without_weights_is_refused(refused, known, tmp_path):
    with refused("--weights must hold the weights of a backbone"):
        inspect(known.path, Request(weights=str(tmp_path)))


def test_a_file_that_is_no_picture_is_refused_before_the_data_is_read(refused, tmp_path):
    (tmp_path / "note.png").write_text("no picture")
    with refused("note.png: cannot be read as a picture"):
        inspect(tmp_path / "missing.npz", Request(like=str(tmp_path / "note.png")))


def test_a_file_is_found_again(known, tmp_path):
    with np.load(known.path) as data:
        Image.fromarray(data["images"][40]).save(tmp_path / "forty.png")
    found = inspect(known.path, Request(weights="none", like=str(tmp_path / "forty.png")))
    assert found.compared.similar.numbers[0] == 40
    assert found.compared.similar.named.number is None
    assert found.compared.similar.similarities[0] == pytest.approx(1, abs=1e-5)
