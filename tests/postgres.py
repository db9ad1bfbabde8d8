"""A PostgreSQL server of a test's own, that it may stop and start.

A test module that says ``pytest_plugins = ["postgres"]`` has the fixture ``postgres``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest


class Postgres:
    """A server in a folder of its own, not running yet, with a password on every connection.

    Attributes:
        url: of its database, as ``--storage`` takes it.
        port: on 127.0.0.1.
        password: the one in it, with all that a URL has to encode.
    """

    user = "searcher"
    password = "n0body/should:see@this%?"

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder = programs, folder
        self.port = _free_port()
        login = f"{self.user}:{quote(self.password, safe='')}@127.0.0.1:{self.port}"
        self.url = f"postgresql://{login}/postgres"
        word = folder / "password"
        word.write_text(self.password)
        as_whom = f"--username={self.user}", "--auth=scram-sha-256", f"--pwfile={word}"
        self._run("initdb", *as_whom, "--no-sync", "--no-locale", "--encoding=UTF8")

    def start(self) -> None:
        """Returns when it takes connections."""
        settings = f"-p {self.port} -h 127.0.0.1 -k {self._folder} -F"
        self._run("pg_ctl", "start", "-w", f"--log={self._folder / 'log'}", "-o", settings)

    def stop(self, mode: str = "immediate") -> None:
        """Returns when it is down; ``immediate`` is as good as a power cut."""
        self._run("pg_ctl", "stop", "-w", "-m", mode)

    @property
    def running(self) -> bool:
        return (self._folder / "data" / "postmaster.pid").exists()

    def _run(self, program: str, *arguments: str) -> None:
        whole = [self._programs / program, "-D", self._folder / "data", *arguments]
        as_whom = {"user": "nobody", "group": _nobody().pw_gid, "extra_groups": []}
        subprocess.run(
            whole,
            cwd=self._folder,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=60,
            **(as_whom if os.geteuid() == 0 else {}),  # it refuses to run as root
        )


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL that runs."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))  # not in tmp_path, which is root's alone
    try:
        if os.geteuid() == 0:
            os.chown(folder, _nobody().pw_uid, _nobody().pw_gid)
        server = Postgres(_programs(), folder)
        server.start()
        yield server
        if server.running:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _programs() -> Path:
    """The folder of initdb and pg_ctl; Debian has it apart, one for each version."""
    debians = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    places = os.pathsep.join(map(str, [*debians, *os.get_exec_path()]))
    found = shutil.which("initdb", path=places)
    if found is None:
        message = "needs PostgreSQL's server: apt-get install postgresql"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return Path(found).resolve().parent


def _version(programs: Path) -> float:
    name = programs.parent.name
    return float(name) if name.replace(".", "").isdigit() else 0.0


def _nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
