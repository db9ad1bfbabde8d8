"""What an exception in a trial means for the search."""

from __future__ import annotations

import traceback

from bcauto.errors import TrialFailed, first_line
from bcauto.io.disk import is_disk_full
from bcauto.trial import Failure, Retry

__all__ = ["OUT_OF_MEMORY", "failure_of"]

OUT_OF_MEMORY = "out of memory"

_TRACEBACK_LINES = 12
_MEMORY_ERRORS = {"MemoryError", "OutOfMemoryError", "ResourceExhaustedError"}
"""By name, as no library is imported here: Python and NumPy; PyTorch and Ray; TensorFlow."""
_MEMORY_WORDS = (
    "RESOURCE_EXHAUSTED",
    "CUDA_ERROR_OUT_OF_MEMORY",
    "failed to allocate memory",
    "Dst tensor is not initialized",
    "_STATUS_ALLOC_FAILED",
)
"""In messages of JAX, XLA, CUDA and its libraries, and TensorFlow, whose errors have many names."""
_RAY = "RayError"  # the base class of what Ray raises when it loses processes or machines


def failure_of(error: Exception) -> Failure:
    """Return the failure of a trial that raised this."""
    last = "\n".join("".join(traceback.format_exception(error)).splitlines()[-_TRACEBACK_LINES:])
    if _is_out_of_memory(error):
        return Failure(OUT_OF_MEMORY, last, Retry.SMALLER)
    if is_disk_full(error):
        full = f"the disk is full ({first_line(error)})"
        return Failure(full, last, Retry.ALWAYS, disk_full=True)
    if isinstance(error, TrialFailed):
        return Failure(str(error))
    name, said = type(error).__name__, first_line(error)
    retry = Retry.LIMITED if _RAY in _names(error) else Retry.NEVER
    return Failure(name if said == name else f"{name}: {said}", last, retry)


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception, or one behind it, says that memory ran out."""
    if _names(error) & _MEMORY_ERRORS or any(word in str(error) for word in _MEMORY_WORDS):
        return True
    cause = error.__cause__ or error.__context__
    return cause is not None and _is_out_of_memory(cause)


def _names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}
