"""What the trials of a search share: the space, the images, the proxy and the weights."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from bcauto.data.dataset import Dataset
from bcauto.driver.inputs import Inputs
from bcauto.errors import BadInput
from bcauto.hypermodels.space import hypermodel_space
from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.make import make_proxy
from bcauto.proxy.own_images import OwnImages, with_own
from bcauto.proxy.proxy import Proxy
from bcauto.recipe.pretrained import Weights, check_models, read_weights
from bcauto.seeds import derive
from bcauto.space.files import read_space, space_text
from bcauto.space.space import Space
from bcauto.study.sampling import check_sampler
from bcauto.study.settings import SamplerName
from bcauto.study_data import read_images
from bcauto.training.keras_settings import check_settings, keras_backend

__all__ = ["Materials", "gather_materials", "study_proxy", "uses_keras_cv"]


@dataclass(frozen=True, kw_only=True)
class Materials:
    """What the trials of a search share.

    Attributes:
        space: to sample recipes from.
        space_text: the space as TOML, for the study to keep.
        data: to train on, and to validate.
        own: the user's own images for the proxy, if there are any.
        proxy: to score trials on.
        weights: to begin with.
    """

    space: Space
    space_text: str
    data: Dataset
    own: OwnImages | None
    proxy: Proxy
    weights: Weights


def gather_materials(inputs: Inputs) -> Materials:
    """Read and make what the trials share; what is quick to check comes first.

    Raises:
        BadInput: data, space, weights or own images break a rule, or do not go together.
    """
    check_settings()
    settings, file = inputs.settings, inputs.space_file
    weights = read_weights(settings.weights)
    if settings.hypermodel:  # its space depends on the classes and the size of the data
        data, own = read_images(settings)
        space, text = hypermodel_space(settings, file, data)
        _check_usable(space, settings.sampler)
    else:
        space, text = read_space(file), space_text(file)
        _check_usable(space, settings.sampler)
        data, own = read_images(settings)
    check_models([recipe.model for recipe in space.edge_recipes], data.image_size, weights)
    if inputs.stored:
        proxy = Proxy.load(inputs.folder.proxy)
    else:
        proxy = study_proxy(data, space.proxy, settings.seed, own)
    return Materials(space=space, space_text=text, data=data, own=own, proxy=proxy, weights=weights)


def study_proxy(
    data: Dataset, config: ProxyConfig, seed: int, own: OwnImages | None = None
) -> Proxy:
    """Return the proxy that a search with this seed scores its trials on.

    Args:
        data: whose validation images are corrupted.
        config: of the corruptions.
        seed: of the study.
        own: the user's own images, to score on as well, or alone.
    """
    seed = derive(seed, "proxy")
    proxy = make_proxy(data.val.images, data.val.labels, config, seed)
    return with_own(proxy, own, seed) if own else proxy


def uses_keras_cv(space: Space) -> bool:
    """Return whether a recipe of the space may augment with keras-cv."""
    return any(recipe.augment.engine == "keras-cv" for recipe in space.edge_recipes)


def _check_usable(space: Space, sampler: SamplerName) -> None:
    """Make sure that all recipes of the space can run here, and be sampled as the user asks."""
    if uses_keras_cv(space):
        _check_keras_cv()
    check_sampler(sampler, space)


def _check_keras_cv() -> None:
    rule = 'augment.engine = "keras-cv" needs'
    if find_spec("keras_cv") is None:
        raise BadInput(f'{rule} keras-cv, which is not installed: pip install "bcauto[keras-cv]"')
    if (backend := keras_backend()) != "tensorflow":
        raise BadInput(f"{rule} Keras on tensorflow, got {backend!r} (KERAS_BACKEND)")
