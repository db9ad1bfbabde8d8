import os

import pytest

from bcauto.hardware import count_cores, count_gpus

TWO_GPUS = """\
GPU 0: NVIDIA L4 (UUID: GPU-1)
GPU 1: NVIDIA L4 (UUID: GPU-2)
  MIG 1g.10gb Device 0: (UUID: MIG-GPU-2/1/0)
"""
NO_DRIVER = "NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.\n"


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """Puts an nvidia-smi on the path, the only program there, that prints a text and exits."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    def write(text, code=0):
        lines = "".join(f"echo '{line}'\n" for line in text.splitlines())
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{lines}exit {code}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)

    return write


@pytest.mark.parametrize(
    ("listed", "code", "gpus"), [(TWO_GPUS, 0, 2), ("No devices were found\n", 6, 0), ("", 0, 0)]
)
def test_gpus_are_those_that_the_driver_lists(listed, code, gpus, smi):
    smi(listed, code)
    assert count_gpus() == gpus


def test_a_driver_that_fails_is_no_gpu(smi):
    smi(NO_DRIVER, 9)
    assert count_gpus() == 0


@pytest.mark.usefixtures("smi")
def test_without_a_driver_there_is_no_gpu():
    assert count_gpus() == 0


@pytest.mark.usefixtures("smi")
def test_devices_that_are_named_but_not_there_do_not_count(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert count_gpus() == 0


@pytest.mark.parametrize(
    ("visible", "gpus"),
    [
        ("0", 1),
        ("1,3", 2),
        (" 0, 1 ", 2),
        ("GPU-1,MIG-GPU-2/1/0", 2),
        ("", 0),
        ("-1", 0),
        (",", 0),
    ],
)
def test_the_devices_that_cuda_may_see_count_where_they_are_named(visible, gpus, smi, monkeypatch):
    smi(TWO_GPUS * 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert count_gpus() == gpus


def test_cores_are_those_that_the_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 5, 7}, raising=False)
    assert count_cores() == 3


@pytest.mark.parametrize(("counted", "cores"), [(6, 6), (None, 1)])
def test_a_system_without_affinity_counts_all_cores(counted, cores, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    assert count_cores() == cores
