"""Cores and GPUs of this machine, counted without a framework."""

from __future__ import annotations

import os
import shutil
import subprocess

__all__ = ["count_cores", "count_gpus"]


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def count_gpus() -> int:
    """Return the number of NVIDIA GPUs that this process may use (``CUDA_VISIBLE_DEVICES``)."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return 0
    ran = subprocess.run([tool, "-L"], capture_output=True, text=True, check=False)
    listed = sum(line.startswith("GPU ") for line in ran.stdout.splitlines())
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return listed
    return min(listed, sum(name.strip() not in ("", "-1") for name in visible.split(",")))
