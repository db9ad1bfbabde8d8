"""A U-Net (Ronneberger et al. 2015) as a backbone, trained from scratch."""

from __future__ import annotations

from typing import Any

import keras

from bcauto.models.convolution import convolution

__all__ = ["u_net"]

_FILTERS = (16, 32, 64)
_BOTTOM = 128


def u_net(input_shape: tuple[int, int, int], l2: float = 0.0) -> Any:
    """Build an encoder of three blocks, a bottom block, and a decoder of three with skips.

    Args:
        input_shape: (height, width, 3); values are expected in -1..1.
        l2: of the convolutions' kernels.

    Returns:
        A Keras model from images to (h, w, 16) features, about 0.5 M parameters.
    """
    inputs = keras.Input(input_shape)
    x, skips = inputs, []
    for block, filters in enumerate(_FILTERS, 1):
        x = _two_convolutions(x, filters, f"block{block}", l2)
        skips.append(x)
        x = keras.layers.MaxPooling2D(padding="same", name=f"block{block}_pool")(x)
    x = _two_convolutions(x, _BOTTOM, "block4", l2)
    for block, skip in enumerate(reversed(skips), 5):
        x = _upsample_and_join(x, skip, f"block{block}")
        x = _two_convolutions(x, skip.shape[-1], f"block{block}", l2)
    return keras.Model(inputs, x, name="u_net")


def _two_convolutions(x: Any, filters: int, name: str, l2: float) -> Any:
    return convolution(convolution(x, filters, f"{name}_a", l2), filters, f"{name}_b", l2)


def _upsample_and_join(x: Any, skip: Any, name: str) -> Any:
    """Double the side of features, and append the encoder's, whose side may be one pixel less."""
    x = keras.layers.UpSampling2D(name=f"{name}_up")(x)
    surplus = [ours - theirs for ours, theirs in zip(x.shape[1:3], skip.shape[1:3], strict=True)]
    x = keras.layers.Cropping2D([(0, pixels) for pixels in surplus], name=f"{name}_crop")(x)
    return keras.layers.Concatenate(name=f"{name}_skip")([skip, x])
