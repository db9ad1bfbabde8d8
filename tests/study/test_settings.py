"""``study.toml``: what goes in comes out, and what must not change is refused."""

import pytest

from bcauto.errors import BadInput
from bcauto.study.folder import StudyFolder
from bcauto.study.settings import DataRecord, Identity, Settings, StudyRecord

IDENTITY = {
    "data": "d" * 64,
    "space": "e" * 64,
    "proxy": "f" * 64,
    "seed": 0,
    "weights": "none",
    "storage": "sqlite:///study.db",
}


@pytest.fixture
def record():
    return StudyRecord(
        settings=Settings(space="quick", storage="sqlite:///study.db", keep="all", timeout=2400.0),
        identity=Identity(**IDENTITY),
        data=DataRecord(
            fingerprint="d" * 64,
            class_names=("no", "yes"),
            train=90,
            val=10,
            image_size=(96, 96),
            cleaning={"read": 100},
        ),
        versions={"python": "3.11"},
    )


def test_round_trip(tmp_path, record):
    folder = StudyFolder(tmp_path)
    record.write(folder)
    assert StudyRecord.read(folder) == record
    assert [file.name for file in tmp_path.iterdir()] == ["study.toml"]


@pytest.mark.parametrize("name", IDENTITY)
def test_another_identity_is_refused_by_name(record, name):
    other = Identity(**{**IDENTITY, name: 7 if name == "seed" else "a" * 64})
    with pytest.raises(BadInput) as refused:
        record.identity.check_same(other, "cells")
    assert f"{name} (study: " in str(refused.value)
    assert "\n" not in str(refused.value)
    assert all(f"{same} (study" not in str(refused.value) for same in set(IDENTITY) - {name})


def test_what_follows_from_another_seed_is_not_named(record):
    """The split, and so data and proxy, are drawn from it."""
    other = Identity(**{**IDENTITY, "seed": 7, "data": "a" * 64, "proxy": "b" * 64})
    with pytest.raises(BadInput, match=r"something else: seed \(study: 0, now: 7\)\. Give"):
        record.identity.check_same(other, "cells")


def test_the_same_identity_goes_on(record):
    record.identity.check_same(Identity(**IDENTITY), "cells")


def test_leaks_are_refused_unless_the_study_drops_them(tmp_path, record):
    assert record.settings.leaks == "refuse"
    dropping = record.model_copy(update={"settings": Settings(space="quick", leaks="drop")})
    dropping.write(StudyFolder(tmp_path))
    assert StudyRecord.read(StudyFolder(tmp_path)).settings.leaks == "drop"


def test_damaged_file_is_one_line(tmp_path):
    folder = StudyFolder(tmp_path)
    folder.record.write_text("[settings]\nspace = x\n")
    with pytest.raises(BadInput, match=r"study\.toml: not valid TOML \(Invalid value .*line 2"):
        StudyRecord.read(folder)
