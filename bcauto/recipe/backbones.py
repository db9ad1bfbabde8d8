"""The backbones by their ``keras.applications`` name, and what is known without building one.

Plain data, so that a recipe is checked without importing Keras. Layer counts are those of
``keras.applications`` without top and with ImageNet weights, at any input size (a test compares
them); the first EfficientNets have a layer less there without these weights, but not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

__all__ = ["BACKBONES", "Backbone", "InputScale"]

InputScale = Literal["none", "symmetric", "caffe", "torch"]
"""The input a backbone takes: 0-255 RGB ("none": it scales inside), -1..1, BGR minus the ImageNet
mean, or 0..1 minus the ImageNet mean, divided by its deviation."""


@dataclass(frozen=True)
class Backbone:
    """A backbone's name, layer count without top, input scale, least side in px, and widths.

    ``download`` is the glob of the file that ``weights="imagenet"`` leaves in Keras' cache,
    with ``{alpha}`` where the width goes; empty for a network that has no pretrained weights.
    """

    name: str
    layers: int
    scale: InputScale
    download: str
    least_side: int = 32
    alphas: tuple[float, ...] = (1.0,)

    @property
    def pretrained(self) -> bool:
        """Whether ImageNet weights exist."""
        return bool(self.download)

    def weights_name(self, alpha: float) -> str:
        """Return the file name of its weights, such as ``mobilenet_0.25.weights.h5``."""
        width = f"_{alpha}" if len(self.alphas) > 1 else ""
        return f"{self.name.lower()}{width}.weights.h5"

    def cached_name(self, alpha: float) -> str:
        """Return the glob of its downloaded weights in Keras' cache."""
        width = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}.get(alpha, str(alpha))
        return self.download.format(alpha=width if self.name == "MobileNet" else alpha)


_TF = "_weights_tf_dim_ordering_tf_kernels"
_V3 = "weights_mobilenet_v3_{}_224_1.0_float_no_top_v2.h5"
_ENTRIES = (
    Backbone("SmallCNN", 16, "symmetric", ""),
    Backbone("FourBlockCNN", 17, "symmetric", ""),
    Backbone("CifarCNN", 9, "symmetric", ""),
    Backbone("UNet", 55, "symmetric", ""),
    Backbone("VGG16", 19, "caffe", f"vgg16{_TF}_notop.h5"),
    Backbone("VGG19", 22, "caffe", f"vgg19{_TF}_notop.h5"),
    Backbone(
        "MobileNet",
        86,
        "symmetric",
        "mobilenet_{alpha}_*_tf_no_top.h5",
        alphas=(0.25, 0.5, 0.75, 1.0),
    ),
    Backbone(
        "MobileNetV2",
        154,
        "symmetric",
        f"mobilenet_v2{_TF}_{{alpha}}_*_no_top.h5",
        alphas=(0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
    ),
    Backbone("MobileNetV3Small", 157, "none", _V3.format("small")),
    Backbone("MobileNetV3Large", 187, "none", _V3.format("large")),
    Backbone("ResNet50", 175, "caffe", f"resnet50{_TF}_notop.h5"),
    Backbone("ResNet50V2", 190, "symmetric", f"resnet50v2{_TF}_notop.h5"),
    Backbone("InceptionV3", 311, "symmetric", f"inception_v3{_TF}_notop.h5", least_side=75),
    Backbone("Xception", 132, "symmetric", f"xception{_TF}_notop.h5", least_side=71),
    Backbone("DenseNet121", 427, "torch", f"densenet121{_TF}_notop.h5"),
    Backbone("NASNetMobile", 769, "symmetric", "nasnet_mobile_no_top.h5"),
    Backbone("EfficientNetB0", 238, "none", "efficientnetb0_notop.h5"),
    Backbone("EfficientNetB1", 340, "none", "efficientnetb1_notop.h5"),
    Backbone("EfficientNetB2", 340, "none", "efficientnetb2_notop.h5"),
    Backbone("EfficientNetB3", 385, "none", "efficientnetb3_notop.h5"),
    Backbone("EfficientNetB4", 475, "none", "efficientnetb4_notop.h5"),
    Backbone("EfficientNetV2B0", 270, "none", "efficientnetv2-b0_notop.h5"),
    Backbone("EfficientNetV2B1", 334, "none", "efficientnetv2-b1_notop.h5"),
    Backbone("EfficientNetV2B2", 349, "none", "efficientnetv2-b2_notop.h5"),
    Backbone("EfficientNetV2B3", 409, "none", "efficientnetv2-b3_notop.h5"),
    Backbone("EfficientNetV2S", 513, "none", "efficientnetv2-s_notop.h5"),
    Backbone("EfficientNetV2M", 740, "none", "efficientnetv2-m_notop.h5"),
    Backbone("EfficientNetV2L", 1028, "none", "efficientnetv2-l_notop.h5"),
    Backbone("ConvNeXtTiny", 133, "none", "convnext_tiny_notop.h5"),
    Backbone("ConvNeXtSmall", 259, "none", "convnext_small_notop.h5"),
    Backbone("ConvNeXtBase", 259, "none", "convnext_base_notop.h5"),
    Backbone("ConvNeXtLarge", 259, "none", "convnext_large_notop.h5"),
    Backbone("ConvNeXtXLarge", 259, "none", "convnext_xlarge_notop.h5"),
)

BACKBONES: Mapping[str, Backbone] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
"""Every backbone by name; the first four are bcauto's own and train from scratch."""
