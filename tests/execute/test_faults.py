import errno

import pytest

from bcauto.errors import TrialFailed
from bcauto.execute.faults import failure_of
from bcauto.trial import Retry


def named(name, base=Exception):
    """An error of a framework that is not installed here."""
    return type(name, (base,), {})


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 3.1 GiB"),
        named("ResourceExhaustedError")("OOM when allocating tensor with shape[9,9]"),
        named("OutOfMemoryError", RuntimeError)("CUDA out of memory. Tried to allocate 2 GiB"),
        named("XlaRuntimeError", RuntimeError)("RESOURCE_EXHAUSTED: Out of memory while trying"),
        named("InternalError")("CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
        named("_ArrayMemoryError", MemoryError)("Unable to allocate"),
        named("InternalError")("Dst tensor is not initialized."),
        named("InternalError")("CUDNN_STATUS_ALLOC_FAILED in cudnnCreate"),
    ],
)
def test_memory_that_runs_out_is_seen_by_any_name(error):
    failure = failure_of(error)
    assert (failure.reason, failure.retry) == ("out of memory", Retry.SMALLER)
    assert str(error) in failure.traceback


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError("Can't write data (errno = 28, error message = 'No space left on device')"),
        OSError("Can't write data (errno = 122, error message = 'Disk quota exceeded')"),
    ],
)
def test_a_full_disk_is_no_fault_of_the_trial(error):
    failure = failure_of(error)
    assert failure.disk_full
    assert failure.retry is Retry.ALWAYS


def test_memory_that_runs_out_behind_another_error_is_seen():
    error = ValueError("cannot build the model")
    error.__cause__ = MemoryError("Unable to allocate 3.1 GiB")
    assert failure_of(error).retry is Retry.SMALLER


def test_what_ray_loses_beside_a_trial_is_no_fault_of_the_trial():
    error = named("ActorDiedError", named("RayError"))("The actor died unexpectedly.\nAdvice")
    failure = failure_of(error)
    assert failure.reason == "ActorDiedError: The actor died unexpectedly."
    assert failure.retry is Retry.LIMITED


def test_tensorflow_itself_raises_what_is_seen_as_memory(request):
    tf = pytest.importorskip("tensorflow")
    with pytest.raises(tf.errors.ResourceExhaustedError) as raised:
        tf.zeros((1 << 22, 1 << 22))
    assert failure_of(raised.value).retry is Retry.SMALLER


def test_other_errors_are_not_tried_again():
    assert failure_of(TrialFailed("the loss is nan")).reason == "the loss is nan"
    failure = failure_of(ValueError("no such thing\nsecond line"))
    assert (failure.reason, failure.retry) == ("ValueError: no such thing", Retry.NEVER)
    assert failure_of(KeyError()).reason == "KeyError"
