"""Storages: checked before work starts, then opened, and never shown with a password."""

import os
import re
import socket
import sys
import threading
import tomllib
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import optuna
import pytest
import sqlalchemy

from bcauto.errors import BadInput
from bcauto.storage.connect import absolute, check_exists, check_storage, connect


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("url", ["study.db", "", "sqlite", "://x"])
def test_a_malformed_url_is_refused(url):
    with pytest.raises(BadInput, match="--storage must be a URL such as"):
        check_storage(url)


@pytest.mark.parametrize(
    "url", ["nosuch://host/db", "postgresql+nosuch://host/db", "postgres://me:secret@host/db"]
)
def test_an_unknown_dialect_is_refused_with_the_known_ones(url):
    line = f"must begin with sqlite:///, postgresql:// or mysql://, got {url[:8]}"
    with pytest.raises(BadInput, match=re.escape(line)) as refused:
        check_storage(url)
    assert "secret" not in str(refused.value)


def test_sqlite_file_needs_its_folder(tmp_path):
    with pytest.raises(BadInput, match="folder of the SQLite file must exist"):
        check_storage(f"sqlite:///{tmp_path}/no/study.db")
    check_storage(f"sqlite:///{tmp_path}/study.db")
    assert list(tmp_path.iterdir()) == []


def test_sqlite_file_must_not_be_a_folder(tmp_path):
    with pytest.raises(BadInput, match="must be writable"):
        check_storage(f"sqlite:///{tmp_path}")


def test_a_file_that_cannot_be_written_to_can_be_looked_at(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/study.db"
    connect(url)
    monkeypatch.setattr("os.access", lambda path, mode: not mode & os.W_OK)
    check_exists(url)
    with pytest.raises(BadInput, match="must be writable"):
        check_storage(url)


def test_server_that_is_not_there_is_one_line_without_the_password():
    port = free_port()
    with pytest.raises(BadInput) as refused:
        check_storage(f"postgresql://me:secret@127.0.0.1:{port}/db")
    assert "cannot be reached" in str(refused.value)
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("use", [check_storage, connect])
@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [
        ("postgresql://me:n0body@host/db", "psycopg", "postgresql"),
        ("postgresql+psycopg2://me:n0body@host/db", "psycopg2", "postgresql"),
        ("mysql://me@host/db?password=n0body", "pymysql", "mysql"),
        ("mysql+mysqldb://me:n0body@host/db", "MySQLdb", "mysql"),
    ],
)
def test_missing_driver_is_named_with_the_extra_that_brings_it(
    use, url, module, extra, monkeypatch, refused
):
    monkeypatch.setitem(sys.modules, module, None)
    with refused(rf'{extra}.*{module}.*: pip install "bcauto\[{extra}\]"') as _:
        use(url)


@pytest.mark.parametrize(("backend", "driver"), [("postgresql", "psycopg"), ("mysql", "pymysql")])
def test_url_without_a_driver_takes_the_one_that_the_extra_installs(backend, driver):
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["optional-dependencies"][backend][0].startswith(driver)
    with pytest.raises(BadInput, match="cannot be reached"):
        check_storage(f"{backend}://me@127.0.0.1:{free_port()}/db")
    assert driver in sys.modules


def test_connection_to_a_server_does_not_hang(monkeypatch):
    given = {}

    def create_engine(url, **kwargs):
        given[url.get_driver_name()] = kwargs
        raise sqlalchemy.exc.ArgumentError("enough")

    monkeypatch.setattr(sqlalchemy, "create_engine", create_engine)
    for url in (
        "postgresql://host/db",
        "mysql://host/db",
        "postgresql://host/db?connect_timeout=3",
    ):
        with pytest.raises(BadInput, match="enough"):
            check_storage(url)
        (engine,) = given.values()
        assert engine["pool_pre_ping"]
        assert engine["connect_args"].get("connect_timeout") == (None if "=3" in url else 10)
        given.clear()


@pytest.mark.parametrize("query", ["?password=n0body", "?sslpassword=n0body", "?passwd=n0body"])
@pytest.mark.parametrize("login", ["me:n0body%2F%40@127.0.0.1", "127.0.0.1"])
def test_secret_is_in_no_error_of_a_server_that_is_not_there(login, query, caplog, capfd):
    caplog.set_level("DEBUG")
    with pytest.raises(BadInput, match="cannot be reached") as raised:
        check_storage(f"postgresql://{login}:{free_port()}/db{query}")
    shown = traceback.format_exception(raised.value)
    assert "n0body" not in "".join([*shown, caplog.text, *capfd.readouterr()])


def test_connect_opens_what_optuna_can_use(tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    optuna.create_study(study_name="cells", storage=connect(url))
    assert optuna.load_study(study_name="cells", storage=url).study_name == "cells"


def test_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "study.db").write_text("this is no database, but some text of a fair length" * 50)
    with pytest.raises(BadInput, match="cannot be reached"):
        connect(f"sqlite:///{tmp_path}/study.db")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_sqlite_in_memory_is_refused(url):
    with pytest.raises(BadInput, match="SQLite needs a file"):
        check_storage(url)


def test_relative_sqlite_file_is_the_same_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert absolute("sqlite:///study.db") == f"sqlite:///{tmp_path}/study.db"
    assert absolute("sqlite:///study.db?timeout=60") == f"sqlite:///{tmp_path}/study.db?timeout=60"
    assert absolute("postgresql://me:secret@host/db") == "postgresql://me:secret@host/db"


def test_looking_at_a_storage_does_not_make_it(tmp_path):
    with pytest.raises(BadInput, match="storage is missing"):
        check_exists(f"sqlite:///{tmp_path}/study.db")
    assert list(tmp_path.iterdir()) == []


def test_many_may_open_a_new_storage_at_once(tmp_path):
    for turn in range(2):
        url, start = f"sqlite:///{tmp_path / f'{turn}.db'}", threading.Barrier(4)

        def open_it(_, url=url, start=start):
            start.wait(timeout=30)
            return connect(url).get_all_studies()

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(open_it, range(4))) == [[]] * 4
