from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from bcauto.training.device import Device, quiet_stderr

DEFAULTS = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}
START = """
import json, os, sys
import bcauto.training, bcauto.training.batches
early = sorted({"keras", "tensorflow"} & set(sys.modules))
from bcauto.training.device import detect_device, start_keras
start_keras(3)
import cv2
print(json.dumps([early, detect_device().as_dict(), cv2.getNumThreads(), dict(os.environ)]))
"""


def test_what_c_writes_is_swallowed_and_no_more(capfd):
    with quiet_stderr():
        os.write(2, b"noise")
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def fail_noisily():
    with quiet_stderr():
        os.write(2, b"noise")
        raise RuntimeError("wrong")


def test_an_error_gives_the_screen_back(capfd):
    with pytest.raises(RuntimeError, match="wrong"):
        fail_noisily()
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_what_was_said_before_is_not_lost(capfd, monkeypatch):
    with open(2, "w", closefd=False) as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        stderr.write("before")
        with quiet_stderr():
            print("noise", file=stderr, flush=True)
    assert capfd.readouterr().err == "before"


def test_being_quiet_leaves_no_file_open():
    def next_descriptor():
        descriptor = os.open(os.devnull, os.O_RDONLY)
        os.close(descriptor)
        return descriptor

    before = next_descriptor()
    with quiet_stderr():
        pass
    assert next_descriptor() == before


def test_a_device_as_plain_values():
    device = Device("gpu", "mixed_float16", jit_compile=True, backend="jax")
    assert device.as_dict() == {
        "kind": "gpu",
        "precision": "mixed_float16",
        "jit_compile": True,
        "backend": "jax",
    }


@pytest.mark.keras
def test_keras_starts_late_quietly_and_within_its_share():
    environment = {key: value for key, value in os.environ.items() if key not in DEFAULTS}
    environment |= {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "64"}
    done = subprocess.run(
        [sys.executable, "-c", START], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    early, device, opencv_threads, environment = json.loads(done.stdout)
    assert early == []
    assert device == {
        "kind": "cpu",
        "precision": "float32",
        "jit_compile": False,
        "backend": "tensorflow",
    }
    assert opencv_threads == 1  # small images are not worth sharing out
    assert environment["OMP_NUM_THREADS"] == environment["TF_NUM_INTRAOP_THREADS"] == "3"
    assert environment["TF_NUM_INTEROP_THREADS"] == "4"
    assert DEFAULTS.items() <= environment.items()


def test_what_is_spared_is_no_longer_looked_at_and_what_comes_later_is_freed():
    code = """
import gc, weakref
from bcauto.training.device import spare_imports
class Cycle:
    def __init__(self):
        self.me = self
early, known = Cycle(), len(gc.get_objects())
spare_imports()
assert len(gc.get_objects()) < known / 100
spare_imports()
later = Cycle()
gone = weakref.ref(later)
del later
spare_imports()
assert gone() is not None
gc.collect()
assert gone() is None
"""
    subprocess.run([sys.executable, "-c", code], check=True)
