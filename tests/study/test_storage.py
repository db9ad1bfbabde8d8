"""Storage URLs: reached before work, and never shown with a password."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import optuna
import pytest

from bcauto.errors import BadInput
from bcauto.study import absolute, check_exists, check_storage, connect, redacted


def test_password_is_not_shown():
    assert redacted("postgresql://me:secret@host/db") == "postgresql://me@host/db"
    assert (
        redacted("postgresql://host/db?user=me&password=secret") == "postgresql://host/db?user=me"
    )
    assert redacted("sqlite:///studies/cells/study.db") == "sqlite:///studies/cells/study.db"


@pytest.mark.parametrize("url", ["study.db", "", "sqlite", "://x"])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(BadInput, match="--storage must be a URL such as"):
        check_storage(url)


@pytest.mark.parametrize("url", ["nosuch://host/db", "postgresql+nosuch://host/db"])
def test_unknown_dialect_is_refused(url):
    with pytest.raises(BadInput, match="cannot be reached"):
        check_storage(url)


def test_sqlite_needs_its_folder(tmp_path):
    with pytest.raises(BadInput, match="folder of the SQLite file must exist"):
        check_storage(f"sqlite:///{tmp_path}/no/study.db")
    check_storage(f"sqlite:///{tmp_path}/study.db")
    assert list(tmp_path.iterdir()) == []


def test_sqlite_file_must_not_be_a_folder(tmp_path):
    with pytest.raises(BadInput, match="must be writable"):
        check_storage(f"sqlite:///{tmp_path}")


def test_server_that_is_not_there_is_one_line_without_the_password():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(BadInput) as refused:
        check_storage(f"postgresql://me:secret@127.0.0.1:{port}/db")
    assert "cannot be reached" in str(refused.value)
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


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
