from __future__ import annotations

import re

import pytest
from huggingface_hub import ModelCard

from bcauto.export.calibration import Calibration
from bcauto.export.formats.names import FORMATS
from bcauto.results.leaderboard import Entry

pytestmark = pytest.mark.keras


@pytest.fixture
def card_of(subject_of):
    """Makes a card as Hugging Face's own library reads it."""
    from bcauto.export.card.card import model_card

    return lambda **more: ModelCard(model_card(subject_of(**more)))


def section(card, title):
    [found] = re.findall(rf"^## {title}\n\n(.*?)(?=\n## |\Z)", card.text, re.MULTILINE | re.DOTALL)
    return found


def rows(text):
    """The cells of all tables, line by line."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_the_hub_reads_what_it_is_and_what_it_scored(card_of):
    data = card_of().data
    assert data.model_name == "blood.cells"
    assert (data.library_name, data.pipeline_tag) == ("keras", "image-classification")
    assert data.license is None
    assert "bcauto" in data.tags
    found = [(each.dataset_name, each.metric_type, each.metric_value) for each in data.eval_results]
    assert found == [
        ("cells: a.npz, corrupted validation pictures", "balanced_accuracy", 0.4166),
        ("cells: a.npz, validation pictures", "accuracy", 0.7211),
    ]
    assert {each.task_type for each in data.eval_results} == {"image-classification"}


def test_metadata_survives_being_written_by_the_hubs_library(card_of, tmp_path):
    card = card_of()
    card.save(tmp_path / "README.md")
    again = ModelCard.load(tmp_path / "README.md")
    assert again.data.to_dict() == card.data.to_dict()
    assert again.text.strip() == card.text.strip()


def test_every_score_stands_under_what_it_is_of(card_of, entry):
    told = rows(section(card_of(), "Scores"))
    assert ["this model", "corrupted", "0.4166", "0.4000 to 0.6000"] in told
    assert ["this model", "held-out corruptions", "0.3333", "-"] in told
    assert ["this model", "as they are (accuracy)", "0.7211", "-"] in told
    low, high = entry.confirmed.interval
    estimate = ["its recipe, by 2 trainings", "corrupted", "0.5723", f"{low:.4f} to {high:.4f}"]
    assert estimate in told
    of_search = ["its recipe, as trial 4 of the search", "corrupted", "0.8123"]
    assert [*of_search, "0.4000 to 0.6000"] in told
    assert ["colour", "0.4222", "yes"] in told
    assert ["blur", "0.3333", "no: held out"] in told
    assert [r"red \| cell", "0.1234"] in told
    assert ["grün", "-"] in told
    assert "the recipe came out 0.2400 below it" in section(card_of(), "Scores")
    assert "trained again twice on other seeds" in section(card_of(), "How it was chosen")


def test_a_card_without_a_confirmation_says_that_luck_may_have_chosen(card_of, entry):
    card = card_of(entry=Entry(entry.trial), clean=None)
    assert "luck may have chosen it" in section(card, "How it was chosen")
    told = rows(section(card, "Scores"))
    assert [row[2] for row in told[2:5]] == ["0.4166", "0.3333", "0.8123"]
    assert len(card.data.eval_results) == 1


def test_data_and_cleaning_are_told_without_the_path_on_the_machine(card_of):
    card = card_of()
    told = section(card, "Data")
    assert "`cells: a.npz`: 90 pictures to train on and 30 to validate, at 10 x 12 px" in told
    assert "read 140 images, kept 120: dropped 7 exact duplicates and 13 copies of 1 intr" in told
    assert "/home/me" not in str(card)


def test_the_recipe_is_told_in_words(card_of):
    told = section(card_of(), "Recipe")
    for words in (
        "MobileNet-0.25, from pretrained weights",
        "dense layers of 8, 4 units (relu)",
        "by lion",
        "2 epochs of the head alone at 0.001, then 10 epochs of all but the first 3 layers",
        "at 0.0003",
        "Classes weigh the same",
        "flip (100% of them); RandAugment (40% of them)",
    ):
        assert words in told


def test_limits_and_versions_are_there(card_of):
    card = card_of()
    assert "another microscope, stain, camera" in section(card, "Limits")
    assert "search is not finished: 9 of 9 trials are missing" in section(card, "Limits")
    assert "keras 3.15.1, python 3.11" in section(card, "Versions")
    assert "## Formats" not in card.text


def test_formats_are_told_with_their_differences(card_of):
    from bcauto.export.formats.write import Written

    int8 = FORMATS["litert-int8"].file
    formats = (
        Written("keras", "model.keras", 1_210_000, 1.5, 0.0, 1.0, 0.42),
        Written("litert-int8", int8, 330_000, 0.5, 0.0312, 0.9833, 0.41),
        Written("codabench", "submission.zip", 990_000, 2.5, None, 1.0, None),
    )
    told = rows(section(card_of(formats=formats), "Formats"))
    assert told[3] == [f"`{int8}`", "0.33", "0.50", "3.1e-02", "98.33%", "0.4100"]
    assert told[4][3:] == ["-", "100.00%", "-"]


def test_a_temperature_is_told_with_what_it_does(card_of):
    found = Calibration(1.25, {"clean": 0.1034, "held_out": 0.2}, {"clean": 0.05, "held_out": 0.1})
    told = section(card_of(calibration=found), "Scores")
    assert "a temperature of 1.25" in told
    assert "from 0.103 to 0.050 on clean pictures, 0.200 to 0.100 on held-out pictures" in told
    assert "temperature" not in section(card_of(), "Scores")
