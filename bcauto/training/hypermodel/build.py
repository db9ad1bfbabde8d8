"""A hypermodel's model, and around it the plain Keras classifier of 0-255 RGB that is exported."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import keras
import keras_tuner
import numpy as np
from numpy.typing import NDArray

from bcauto.errors import BadInput
from bcauto.recipe.network import Hypermodel
from bcauto.training.hypermodel.contained import contained
from bcauto.training.hypermodel.load import in_one_line, load_hypermodel, overrides_fit
from bcauto.training.hypermodel.plain_keras import check_plain

__all__ = ["Built", "Labels", "build_hypermodel", "check_loss", "wrap_model"]

Labels: TypeAlias = Literal["sparse", "one_hot", "binary"]

_TO_PROBABILITIES = ("softmax", "sigmoid", "hard_sigmoid", "sparsemax")
"""How the names of activations begin that give probabilities; TensorFlow has ``softmax_v2``."""

_LABELS_TAKEN = {
    "sparse": "class numbers, as its name says",
    "one_hot": "one-hot labels, or has 'sparse' in its name",
    "binary": "labels of shape (n, 1)",
}


@dataclass(frozen=True)
class Built:
    """A model that a hypermodel built, and the classifier around it.

    Attributes:
        model: takes float32 images in 0..``input_scale``; it is compiled, unless the hypermodel has
            a ``fit`` of its own.
        classifier: plain Keras that shares the model's weights; takes (n, h, w, 3) RGB in 0..255
            and gives (n, classes) probabilities.
        labels: what the model's loss takes: class numbers (n,), one-hot (n, classes), or for two
            classes (n, 1).
        input_scale: 1 or 255.
        hypermodel: what built it.
        hyperparameters: what it was built with.
    """

    model: Any
    classifier: Any
    labels: Labels
    input_scale: int
    hypermodel: Any = None
    hyperparameters: Any = None

    def images(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return images as the model takes them."""
        scaled: NDArray[np.float32] = images * np.float32(self.input_scale / 255)
        return scaled

    def targets(self, targets: NDArray[np.float32]) -> NDArray[Any]:
        """Return targets (n, classes) as the loss takes them.

        If it takes class numbers, that of a mix is its larger part's.
        """
        if self.labels == "sparse":
            classes: NDArray[np.int64] = targets.argmax(axis=1)
            return classes
        return targets[:, 1:] if self.labels == "binary" else targets


def build_hypermodel(recipe: Hypermodel, image_size: tuple[int, int], classes: int) -> Built:
    """Build the model of a recipe that names a hypermodel.

    Args:
        recipe: the hypermodel's name and the values for its hyperparameters.
        image_size: (height, width) in px.
        classes: number of classes.

    Raises:
        BadInput: there is no such hypermodel, or it builds no classifier that can be trained here.
    """
    hypermodel = load_hypermodel(recipe.hypermodel, image_size, classes)
    hp = keras_tuner.HyperParameters()
    hp.values = dict(recipe.values)
    with contained():
        model = hypermodel.build(hp)
    own_fit = overrides_fit(hypermodel)
    built = wrap_model(model, image_size, classes, recipe.input_scale, own_fit)
    return replace(built, hypermodel=hypermodel, hyperparameters=hp)


def wrap_model(
    model: Any,
    image_size: tuple[int, int],
    classes: int,
    input_scale: int,
    own_fit: bool = False,
) -> Built:
    """Make the classifier around a model that ``build`` returned.

    With ``own_fit`` the model need not be compiled. Its loss is unknown then: it gets class numbers
    (for a single output 0 or 1), and gives logits unless its last activation makes probabilities.

    Raises:
        BadInput: it is no compiled Keras model of such images and classes, or it has custom layers
            or functions, which an exported model must not have.
    """
    if not isinstance(model, keras.Model):
        raise BadInput(f"build must return a keras.Model, got {type(model).__name__}")
    loss = _single(model.loss) if model.compiled else None
    if loss is None and not own_fit:
        raise BadInput("build must return a compiled model with a loss, got one without")
    shape = (*image_size, 3)
    inputs = keras.Input(shape, name="image")
    scaled = inputs if input_scale == 255 else keras.layers.Rescaling(input_scale / 255)(inputs)
    core = _uncompiled(model, shape)
    outputs = _outputs(core, scaled, shape)
    labels = _labels(loss, outputs.shape, classes)
    logits = _ends_in_logits(core) if loss is None else _is_of_logits(loss)
    classifier = keras.Model(inputs, _probabilities(outputs, labels, logits))
    check_plain(classifier)
    return Built(model, classifier, labels, input_scale)


def check_loss(built: Built, classes: int) -> None:
    """Check that the loss of a compiled model takes the labels that it will get.

    Raises:
        BadInput: it raises an error.
    """
    targets = built.targets(np.eye(classes, dtype=np.float32))
    width = 1 if built.labels == "binary" else classes
    uniform = np.full((classes, width), 1 / classes, np.float32)  # in place of predictions
    tensor = keras.ops.convert_to_tensor
    try:
        built.model.compute_loss(y=tensor(targets), y_pred=tensor(uniform))
    except Exception as error:  # a loss of the user's may raise anything
        rule = f"build must return a model whose loss takes {_LABELS_TAKEN[built.labels]}"
        raise BadInput(f"{rule}, got one that fails with them ({in_one_line(error)})") from None


def _single(loss: Any) -> Any:
    """Return the loss of a list or dictionary of one, which Keras takes for a single output."""
    if isinstance(loss, dict):
        loss = list(loss.values())
    return loss[0] if isinstance(loss, list | tuple) and len(loss) == 1 else loss


def _uncompiled(model: Any, shape: tuple[int, ...]) -> Any:
    """Return a graph of layers as a model that is not compiled; any other model as it is."""
    try:
        if not model.built:
            model.build((None, *shape))
        if not getattr(model, "inputs", None):
            return model
    except Exception as error:
        reason = in_one_line(error)
        raise BadInput(f"build must return a model of {shape} images ({reason})") from None
    for what, given in (("input", model.inputs), ("output", model.outputs)):
        if len(given) != 1:
            raise BadInput(f"build must return a model of one {what}, got {len(given)} {what}s")
    return keras.Model(model.inputs[0], model.outputs[0])


def _outputs(core: Any, inputs: Any, shape: tuple[int, ...]) -> Any:
    """Call a model on inputs of a shape, and check that it gives one output (n, classes)."""
    expected = getattr(core, "input_shape", None)
    if isinstance(expected, tuple) and any(
        mine not in (None, its) for mine, its in zip(expected[1:], shape, strict=False)
    ):
        raise BadInput(f"build must return a model of {shape} images, got one of {expected[1:]}")
    try:
        outputs = core(inputs)
    except Exception as error:
        reason = in_one_line(error)
        raise BadInput(f"build must return a model of {shape} images ({reason})") from None
    rank = len(getattr(outputs, "shape", ()))
    if rank != 2:
        got = f"rank {rank}" if rank else type(outputs).__name__
        raise BadInput(f"build must return a model of one (n, classes) output, got {got}")
    return outputs


def _labels(loss: Any, shape: tuple[int | None, ...], classes: int) -> Labels:
    """Return the labels that a loss takes, by its name and the output's width; None is unknown."""
    width = shape[-1]
    if width == 1 and classes == 2 and "sparse" not in _name(loss):
        return "binary"
    if width != classes:
        raise BadInput(f"build must return a model of {classes} classes, got {width} outputs")
    return "sparse" if loss is None or "sparse" in _name(loss) else "one_hot"


def _name(loss: Any) -> str:
    """Return the name of a loss in lower case; the loss is a name, a function or a ``Loss``."""
    if isinstance(loss, str):
        return loss.lower()
    function = getattr(loss, "__name__", "")
    return f"{function} {type(loss).__name__} {getattr(loss, 'name', '')}".lower()


def _is_of_logits(loss: Any) -> bool:
    return isinstance(loss, keras.losses.Loss) and bool(loss.get_config().get("from_logits"))


def _ends_in_logits(model: Any) -> bool:
    """Whether a model ends in anything but an activation that gives probabilities."""
    last = _last(model)
    activation = getattr(last, "activation", last)  # else it may be a Softmax layer or an operation
    name = getattr(activation, "__name__", type(activation).__name__).lower()
    return not name.startswith(_TO_PROBABILITIES)


def _last(model: Any) -> Any:
    """Return the last layer or operation of a model; of a model inside it, if it ends in one."""
    inside = getattr(model, "operations", None) or getattr(model, "layers", None)
    return _last(inside[-1]) if inside else model


def _probabilities(outputs: Any, labels: Labels, logits: bool) -> Any:
    """Return the probabilities (n, classes) of a model's outputs."""
    layers = keras.layers
    # In float32 whatever the model computes in, as with the networks.
    if labels != "binary":
        activation = "softmax" if logits else "linear"
        return layers.Activation(activation, dtype="float32", name="probabilities")(outputs)
    activation = "sigmoid" if logits else "linear"
    second = layers.Activation(activation, dtype="float32")(outputs)
    first = layers.Rescaling(-1.0, offset=1.0, dtype="float32")(second)
    return layers.Concatenate(dtype="float32", name="probabilities")([first, second])
