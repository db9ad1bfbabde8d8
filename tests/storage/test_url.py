"""Storage URLs: made for any file, and shown without their secrets."""

import sqlite3
import traceback
from pathlib import Path

import pytest

from bcauto.errors import BadInput
from bcauto.storage.connect import absolute, check_storage, connect
from bcauto.storage.url import parse_url, redacted, secret_hider, sqlite_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:n0body@host/db", "postgresql://me@host/db"),
        ("postgresql://me:n0body%40%2F@host:5432/db", "postgresql://me@host:5432/db"),
        ("postgresql://host/db?user=me&password=n0body", "postgresql://host/db?user=me"),
        ("postgresql://host/db?password=a&password=n0body", "postgresql://host/db"),
        ("postgresql://me@host/db?sslpassword=n0body", "postgresql://me@host/db"),
        (
            "postgresql://host/db?SSLMODE=require&PASSWORD=n0body",
            "postgresql://host/db?SSLMODE=require",
        ),
        ("mysql+pymysql://me@host/db?passwd=n0body", "mysql+pymysql://me@host/db"),
        ("mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BPWD%3Dn0body", "mssql+pyodbc:///"),
        ("sqlite:///studies/cells/study.db", "sqlite:///studies/cells/study.db"),
    ],
)
def test_password_is_not_shown(url, shown):
    assert redacted(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:/me:n0body@host/db",
        "postgres me:n0body@host/db",
        "postgresql://me:n0body@host:port/db",
        "postgresql://me:n0body@n0body@host/db",
        "postgresql://me:n0body@host:port/db?password=n0body",
        "postgresql://me:n0body",
        "postgresql://me:n0body/db",
        "postgresql:/host/db?password=n0body",
    ],
)
def test_a_malformed_url_is_refused_without_its_password(url):
    with pytest.raises(BadInput, match="--storage must be a URL such as") as refused:
        parse_url(url)
    shown = "".join(traceback.format_exception(refused.value))
    assert "n0body" not in shown
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "n0/bo'dy @%",
        "n0%2Fbo%27dy%20%40%25",
        "n0%2Fbo%27dy+%40%25",
        "n0/bo%27dy%20%40%25",
        "n0/bo\\'dy @%",
    ],
)
def test_password_is_hidden_however_it_is_written(text):
    hide = secret_hider("postgresql://me:n0%2Fbo%27dy%20%40%25@host/db?sslpassword=0ther")
    assert hide(f"{text} and 0ther") == "*** and ***"


def test_nothing_is_hidden_where_nothing_is_secret():
    assert secret_hider("sqlite:///study.db")("the words stay") == "the words stay"


NAMES = ["a b", "a%20b", "a%b", "a?b=c", "a#b", "a'b", 'a"b', "a&b", "a+b", "a{b}", "a@b", "ä"]


@pytest.mark.parametrize("name", NAMES)
def test_sqlite_file_of_any_name_is_where_it_should_be(name, tmp_path):
    (tmp_path / name).mkdir()
    file = tmp_path / name / f"{name}.db"
    url = sqlite_url(file)
    for same in (url, redacted(url), absolute(url)):
        check_storage(same)
        connect(same)
        with sqlite3.connect(file) as database:
            assert database.execute("select count(*) from studies").fetchone() == (0,)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]


@pytest.mark.parametrize("name", [*NAMES, "x?mode=ro", "x?uri=true&y", "100%25", "a;b", "a:b", "#"])
def test_sqlite_path_may_be_written_as_it_is(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name / "deeper").mkdir(parents=True)
    file = tmp_path / name / "deeper" / "cells.db"
    for url in (
        f"sqlite:///{name}/deeper/cells.db",
        f"sqlite:///{tmp_path}/{name}/deeper/cells.db",
    ):
        for same in (url, absolute(url), redacted(url), absolute(absolute(url))):
            assert Path(parse_url(same).database or "").absolute() == file
            check_storage(same)
            connect(same)
            assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]


def test_encoded_path_is_meant_where_both_readings_exist(tmp_path):
    for name in ("a b", "a%20b"):
        (tmp_path / name).mkdir()
    assert parse_url(f"sqlite:///{tmp_path}/a%20b/cells.db").database == f"{tmp_path}/a b/cells.db"
    (tmp_path / "a%20b" / "cells.db").touch()
    assert parse_url(f"sqlite:///{tmp_path}/a%20b/cells.db").database.endswith("/a%20b/cells.db")


def test_options_of_sqlite_are_none_of_its_path():
    url = parse_url("sqlite+pysqlite:///cells.db?timeout=60&mode=ro")
    assert (url.database, dict(url.query)) == ("cells.db", {"timeout": "60", "mode": "ro"})


@pytest.mark.parametrize("rest", ["cells.db", "studies/cells.db"])
def test_two_slashes_are_no_path(rest, refused):
    with refused(f"three slashes, sqlite:///{rest}; got two"):
        check_storage(f"sqlite://{rest}")


def test_an_option_that_sqlite_cannot_take_is_refused(tmp_path, refused):
    with refused("cannot be reached"):
        connect(f"sqlite:///{tmp_path}/cells.db?timeout=long")


@pytest.mark.parametrize("path", ["trials.db", "./my journal.log", "/data/100 %.db"])
def test_a_path_is_refused_with_its_url(path):
    with pytest.raises(BadInput) as refused:
        parse_url(path)
    assert str(refused.value).endswith(f"; for a file of this name give sqlite:///{path}")
