"""Groups of images that pairs of near duplicates join."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["joined_groups"]

Indices = NDArray[np.intp]


def joined_groups(groups: Indices, pairs: Sequence[tuple[int, int]] | Indices) -> Indices:
    """Return the groups after those of each pair of images became one.

    Args:
        groups: (n,) the number of each image's group.
        pairs: indices of two images each. A chain of pairs makes one group, as of a row of pictures
            of which each is shifted a little against the last.

    Returns:
        (n,) the number of each image's group, 0 and up.
    """
    from scipy.sparse import coo_array  # slow to import, and not every command splits
    from scipy.sparse.csgraph import connected_components

    _, of_image = np.unique(groups, return_inverse=True)
    ends = np.array(pairs, np.intp).reshape(-1, 2)
    one, other = of_image[ends].T
    count = int(of_image.max()) + 1
    graph = coo_array((np.ones(len(ends), np.int8), (one, other)), shape=(count, count))
    joined: Indices = connected_components(graph, directed=False)[1][of_image]
    return joined
