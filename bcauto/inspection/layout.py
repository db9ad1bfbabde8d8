"""A map of the pictures: their features in the plane, by PCA and by t-SNE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bcauto.inspection.collection import Indices
from bcauto.inspection.copies import Copies
from bcauto.inspection.features import Features
from bcauto.seeds import derive, generator

__all__ = ["Layout", "components_of", "lay_out"]

Floats = NDArray[Any]

_COMPONENTS = 50  # of PCA, which t-SNE and distances start from
_MOST_SHOWN = 5000  # pictures on the t-SNE map: it takes ten times as long for ten times as many
_STEPS = 500  # of t-SNE, of which half are with exaggeration; twice as many change little
_ANGLE = 0.8  # how coarse its sums are: as good a map as by 0.5 in two thirds of the time
_PERPLEXITY = 30.0
_EQUAL = 1e-6  # deviation of the second component, below which there is no plane to lay out


@dataclass(frozen=True, eq=False)
class Layout:
    """Where pictures lie on a map.

    Attributes:
        pca: (n, 2) the first two principal components of every picture.
        explained: the shares of the variance that they have.
        tsne: (k, 2) where t-SNE lays the pictures of ``shown``; (0, 2) with too few pictures.
        shown: (k,) their numbers, all or a random sample.
    """

    pca: Floats
    explained: tuple[float, float]
    tsne: Floats
    shown: Indices


def components_of(features: Features, copies: Copies) -> tuple[Floats, Floats]:
    """Return the principal components (n, c) of standardised features, and their variances' shares.

    They are fitted to each content once, or a picture with many copies would make axes of its own.
    """
    from sklearn.decomposition import PCA

    count = min(_COMPONENTS, len(copies.distinct) - 1, features.shape[1])
    with (
        threadpool_limits(1, "blas"),  # threads that wait for one another cost more than they save
        np.errstate(invalid="ignore"),  # where all pictures look the same
    ):
        pca = PCA(count, random_state=0).fit(features[copies.distinct])
        components: Floats = pca.transform(features)
    return components, np.nan_to_num(pca.explained_variance_ratio_)


def lay_out(components: Floats, explained: Floats, seed: int) -> Layout:
    """Return where pictures lie, by their principal components (n, c)."""
    count = len(components)
    shown = np.arange(count)
    if count > _MOST_SHOWN:
        shown = np.sort(generator(seed, "map").permutation(count)[:_MOST_SHOWN])
    pca = np.zeros((count, 2))
    pca[:, : components.shape[1]] = components[:, :2]
    shares = [*explained[:2].tolist(), 0.0, 0.0]
    return Layout(pca, (shares[0], shares[1]), _tsne(components[shown], seed), shown)


def _tsne(components: Floats, seed: int) -> Floats:
    """Return where t-SNE lays pictures (n, 2); none where they all look the same, as it crashes."""
    from sklearn.manifold import TSNE

    count, width = components.shape
    if count < 4 or width < 2 or components[:, 1].std() < _EQUAL:
        return np.zeros((0, 2))
    perplexity = min(_PERPLEXITY, (count - 1) / 3)
    state = derive(seed, "t-SNE") % 2**32
    tsne = TSNE(
        perplexity=perplexity, angle=_ANGLE, init="pca", max_iter=_STEPS, random_state=state
    )
    with threadpool_limits(1):  # on a busy machine, threads would take twenty times as long
        laid: Floats = tsne.fit_transform(components)
    return laid
