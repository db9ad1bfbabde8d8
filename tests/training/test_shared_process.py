"""What bcauto sets in a process of the user's is set back."""

import gc
import os
import random
from contextlib import suppress

import cv2
import numpy as np

from bcauto.training.shared_process import process_kept


def test_variables_random_numbers_and_threads_are_set_back(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("TF_NUM_INTEROP_THREADS", raising=False)
    threads, frozen = cv2.getNumThreads(), gc.get_freeze_count()
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002  the global one is meant
    expected = random.random(), np.random.random()  # noqa: NPY002
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    with suppress(ValueError), process_kept():
        os.environ.update(OMP_NUM_THREADS="1", TF_NUM_INTEROP_THREADS="2")
        random.seed(9)
        np.random.seed(9)  # noqa: NPY002
        cv2.setNumThreads(1)
        raise ValueError
    assert (random.random(), np.random.random()) == expected  # noqa: NPY002
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "TF_NUM_INTEROP_THREADS" not in os.environ
    assert (cv2.getNumThreads(), gc.get_freeze_count()) == (threads, frozen)
