"""The command line, where a storage's password may stand, is not told to Ray."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.ray

SEARCH = """
import json
from bcauto.execute.contract import Slots
from bcauto.execute.ray_tune.executor import _session
with _session(lambda nodes: Slots(1, 1), "local", 0):
    import ray
    print(json.dumps(ray._private.state.jobs(), default=str))
"""


def test_password_on_the_command_line_is_not_in_the_list_of_jobs():
    command = [sys.executable, "-c", SEARCH, "--storage", "postgresql://me:n0body@host/db"]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    (job,) = json.loads(run.stdout.splitlines()[-1])
    assert job["Entrypoint"] == "bcauto"
    assert "n0body" not in run.stdout + run.stderr
