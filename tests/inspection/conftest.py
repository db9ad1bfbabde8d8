"""A small data set of which it is known what is wrong with it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from painted_trees import COLOURS, painted

from bcauto.inspection.inspect import Inspection, Request, inspect


@dataclass
class Known:
    """A data set: its file, and the numbers of what is wrong in it."""

    path: Path
    genuine: int = 90  # the first pictures; label = number % 3
    intruders: tuple[int, ...] = tuple(range(90, 102))  # 12 copies in all classes
    duplicate: tuple[int, int] = (7, 102)
    odd: int = 20  # a checkerboard
    mislabelled: int = 30  # looks like class 1 and is labelled 0


@pytest.fixture(scope="session")
def known(tmp_path_factory):
    path = tmp_path_factory.mktemp("known") / "trees.npz"
    data = Known(path)
    images, labels = painted(data.genuine)
    checks = np.indices((24, 24)).sum(0) // 6 % 2 * 255
    images[data.odd] = np.repeat(checks[..., None], 3, 2)
    images[data.mislabelled] = painted(2, seed=1)[0][1]
    intruder = np.full((24, 24, 3), 255, np.uint8)
    intruder[4:20, 8:16] = 0
    extra = np.concatenate([np.repeat(intruder[None], 12, 0), images[[7]]])
    extra_labels = np.concatenate([np.arange(12) % 3, labels[[7]]])
    np.savez(
        path,
        images=np.concatenate([images, extra]),
        labels=np.concatenate([labels, extra_labels]),
        class_names=np.array([*COLOURS]),
    )
    return data


@pytest.fixture(scope="session")
def inspection(known) -> Inspection:
    return inspect(known.path, Request(weights="none", like="90"))
