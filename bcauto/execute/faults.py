"""What an exception of a trial means for the search."""

from __future__ import annotations

import traceback

from bcauto.disk import is_disk_full
from bcauto.errors import TrialFailed, first_line
from bcauto.trial import Failure, Retry

__all__ = ["OUT_OF_MEMORY", "failure_of"]

OUT_OF_MEMORY = "out of memory"

_TRACEBACK_LINES = 12
_MEMORY_ERRORS = {"MemoryError", "OutOfMemoryError", "ResourceExhaustedError"}
"""By name, since the frameworks that raise them are not imported here: Python and NumPy; PyTorch
and Ray; TensorFlow."""
_MEMORY_WORDS = ("RESOURCE_EXHAUSTED", "CUDA_ERROR_OUT_OF_MEMORY", "failed to allocate memory")
"""What JAX, XLA and CUDA say in errors of many names."""


def failure_of(error: Exception) -> Failure:
    """The failure of a trial that raised this."""
    last = "\n".join("".join(traceback.format_exception(error)).splitlines()[-_TRACEBACK_LINES:])
    if _is_out_of_memory(error):
        return Failure(OUT_OF_MEMORY, last, Retry.SMALLER)
    if is_disk_full(error):
        return Failure("the disk is full", last, Retry.ALWAYS, disk_full=True)
    if isinstance(error, TrialFailed):
        return Failure(str(error))
    name, said = type(error).__name__, first_line(error)
    return Failure(name if said == name else f"{name}: {said}", last)


def _is_out_of_memory(error: Exception) -> bool:
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & _MEMORY_ERRORS) or any(word in str(error) for word in _MEMORY_WORDS)
