"""Groups of near duplicates: pictures that are the same picture, one by way of another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bcauto.data.labelled import Images
from bcauto.data.near_duplicates.pairs import near_duplicates

__all__ = ["near_duplicate_groups"]

Indices = NDArray[np.intp]


def near_duplicate_groups(images: Images, of: Indices) -> list[Indices]:
    """Return the groups of near duplicates that some pictures belong to, each picture in one group.

    Two pictures are in one group if a chain of near duplicates leads from one to the other, as in
    a row of pictures of which each is shifted a little against the last.

    Args:
        images: (n, h, w, 3) uint8, among which near duplicates are looked for.
        of: indices of the pictures whose groups are wanted, different ones.

    Returns:
        Indices in rising order; a group of one is a picture without near duplicates. The groups
        are in the order of their first index.
    """
    from scipy.sparse import coo_array  # slow to import, and not every command splits
    from scipy.sparse.csgraph import connected_components

    edges: list[tuple[int, int]] = []
    known, newest = of, of
    while newest.size:
        pairs = near_duplicates(images, images[newest])
        edges += [(one, int(newest[other])) for one, other in pairs]
        reached = np.array([one for one, _ in pairs], np.intp)
        newest = np.setdiff1d(reached, known)
        known = np.concatenate([known, newest])
    ends = np.array(edges, np.intp).reshape(-1, 2).T
    graph = coo_array((np.ones(len(edges), np.int8), (ends[0], ends[1])), shape=(len(images),) * 2)
    _, component = connected_components(graph, directed=False)
    known = np.sort(known)
    _, first = np.unique(component[known], return_index=True)
    return [known[component[known] == component[known[at]]] for at in np.sort(first)]
