"""One picture file: its size before decoding, and its pixels.

Pillow reads the headers. OpenCV decodes the pixels, which fingerprints of data are made of.
"""

from __future__ import annotations

import struct
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from bcauto.data.checks import MIN_SIDE
from bcauto.data.labelled import Images
from bcauto.data.resize import Resize, resize_one
from bcauto.errors import BadInput
from bcauto.io.read_errors import refuse_unreadable

__all__ = ["SUFFIXES", "PictureHeader", "decode", "decode_deep", "read_header"]

SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".bmp", ".dib", ".webp", ".gif",
    ".ppm", ".pgm", ".pbm", ".pnm",
})  # fmt: skip
"""Suffixes of pictures, in lower case; what a file holds may be any of the formats."""

_FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP", "GIF", "PPM")
_LISTED = "picture (JPEG, PNG, TIFF, BMP, WebP, GIF or PNM)"
_LFS = b"version https://git-lfs"  # how a file begins that stands for one not yet fetched
_TIFF = (b"II", b"MM")  # how such a file begins
_WIDE_MODES = ("F", "I", "I;32")  # Pillow's, of pixels that have no common range
_DEEP = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
_STRIP = 2**16  # pixels that are blended at once

# Or it would warn on stderr of damaged pictures, which bcauto names itself.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)


class PictureHeader(NamedTuple):
    """A picture as shown upright.

    Attributes:
        height: in pixels.
        width: in pixels.
        transparent: whether any pixel may be.
        deep: whether each colour has 16 bits, of which a camera may use fewer.
    """

    height: int
    width: int
    transparent: bool = False
    deep: bool = False


def read_header(path: Path) -> PictureHeader:
    """Return size, transparency and depth of the picture at ``path``; its pixels stay packed.

    Raises:
        BadInput: it is no picture of a known format, cannot be read, has a side below
            ``checks.MIN_SIDE``, pixels of 32 bits, or several layers, or more pixels than Pillow
            takes without suspecting a decompression bomb (a file of some kilobytes can claim to
            hold thousands of millions).
    """
    with refuse_unreadable(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of metadata that Pillow skips
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(path, formats=_FORMATS) as picture:
                header = _header(picture)
                _check_kind(picture, path)
        except OSError as error:
            if error.errno:  # the system's, not Pillow's
                raise
            raise BadInput(f"{path}: {_why_unreadable(path)}") from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise BadInput(f"{path}: {error}") from None
    if min(header.height, header.width) < MIN_SIDE:
        raise BadInput(
            f"{path}: a picture must be at least {MIN_SIDE} x {MIN_SIDE} pixels, "
            f"got {header.height} x {header.width}"
        )
    return header


def _why_unreadable(path: Path) -> str:
    """Return what is wrong with a file that Pillow does not know, with a remedy if there is one."""
    with path.open("rb") as file:
        start = file.read(len(_LFS))
    if start == _LFS:
        return "stands for a picture that Git LFS has not fetched: run git lfs pull"
    page = " (it begins as a web page does)" if start.lstrip().startswith(b"<") else ""
    return f"cannot be read as a {_LISTED}{page}"


def _check_kind(picture: Image.Image, path: Path) -> None:
    """Refuse TIFF pictures of 32 bits, and stacks of layers: pages that all have one size."""
    if picture.format != "TIFF":
        return
    if picture.mode in _WIDE_MODES:
        raise BadInput(f"{path}: has pixels of 32 bits, save it with 8 or 16 bits of each colour")
    pages, size = getattr(picture, "n_frames", 1), picture.size
    if pages == 1:
        return
    picture.seek(1)
    if picture.size == size:  # else the first picture has thumbnails or smaller copies
        raise BadInput(
            f"{path}: holds a stack of {pages} pictures (3-D or in time), save each as a file"
        )


def _header(picture: Image.Image) -> PictureHeader:
    """Return the header as OpenCV will show the picture.

    OpenCV turns a picture by EXIF alone, not by XMP as ``Image.getexif`` does, and not where it
    keeps the transparency.
    """
    width, height = picture.size
    deep = _is_deep(picture)
    if picture.has_transparency_data:
        return PictureHeader(height, width, True, deep)
    exif = Image.Exif()
    with suppress(SyntaxError, ValueError, struct.error):  # damaged: OpenCV does not turn it either
        exif.load(picture.info.get("exif", b""))
    if exif.get(ExifTags.Base.Orientation) in (5, 6, 7, 8):
        width, height = height, width
    return PictureHeader(height, width, deep=deep)


def _is_deep(picture: Image.Image) -> bool:
    """Return whether the file has 16 bits of each colour; Pillow's mode hides that of RGB."""
    tiles = getattr(picture, "tile", None)
    if picture.format not in ("PNG", "TIFF", "PPM") or not tiles:
        return False
    raw_mode = tiles[0].args  # such as "RGB;16B", or a tuple that begins with it
    if tiles[0].codec_name == "ppm":  # it has the largest value behind the mode
        return bool(raw_mode[1] > 255)
    return ";16" in str(raw_mode if isinstance(raw_mode, str) else raw_mode[0])


def decode(
    path: Path,
    transparent: bool,
    size: tuple[int, int],
    bits: int = 16,
    resize: Resize = "stretch",
) -> Images:
    """Return the picture as (height, width, 3) uint8 RGB, resized to ``size``.

    Grey, palette, CMYK and 16-bit pictures become RGB of 8 bits. A picture whose EXIF says that it
    lies on its side is put upright. Transparent pixels become white. An animated PNG gives the
    still picture that a viewer without animation shows, an animated GIF or WebP its first picture.

    Args:
        path: of a file that ``read_header`` has accepted.
        transparent: whether pixels may be transparent, as in its header.
        size: (height, width) in px.
        bits: how many a file of 16 bits uses, 8 to 16; see ``bcauto.data.bit_depth``.
        resize: what becomes of a picture of another shape.

    Raises:
        BadInput: the picture cannot be read or decoded.
    """
    data = _read_bytes(path)
    pixels = None
    if not (transparent and data[:2].tobytes() in _TIFF):  # OpenCV multiplies it by its alpha
        pixels = _on_white(data, bits) if transparent else _in_colour(data, bits)
    if pixels is None:
        pixels = _decoded_by_pillow(path)
    if pixels is None:
        raise BadInput(f"{path}: cannot be read as a {_LISTED}; damaged or cut short")
    return resize_one(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), size, resize)


def decode_deep(path: Path) -> NDArray[Any] | None:
    """Return a picture at its own size as (height, width, 3) BGR of as many bits as its file has.

    None where OpenCV cannot decode it; uint16 where ``read_header`` says that it is deep.
    """
    return _decoded(_read_bytes(path), _DEEP)


def _read_bytes(path: Path) -> NDArray[np.uint8]:
    with refuse_unreadable(path):
        return np.frombuffer(path.read_bytes(), np.uint8)


def _in_colour(data: NDArray[np.uint8], bits: int) -> NDArray[Any] | None:
    """Return a picture as BGR uint8, without its transparency."""
    if bits == 16:
        return _decoded(data, cv2.IMREAD_COLOR)
    pixels = _decoded(data, _DEEP)
    if pixels is None or pixels.dtype != np.uint16:
        return pixels
    return (pixels >> (bits - 8)).astype(np.uint8)


def _decoded(data: NDArray[np.uint8], mode: int) -> NDArray[Any] | None:
    try:
        return cv2.imdecode(data, mode)
    except cv2.error:
        return None


def _decoded_by_pillow(path: Path) -> NDArray[Any] | None:
    """Return a GIF or TIFF that is transparent or that OpenCV does not read, as BGR uint8.

    None where it is damaged. Other formats are damaged where OpenCV does not read them; Pillow
    would fill the rest of some with grey.
    """
    try:
        with Image.open(path, formats=("GIF", "TIFF")) as picture:
            upright = ImageOps.exif_transpose(picture).convert("RGBA")
    except (OSError, ValueError, SyntaxError, EOFError):
        return None
    return _over_white(np.asarray(upright)[..., [2, 1, 0, 3]])


def _on_white(data: NDArray[np.uint8], bits: int) -> NDArray[Any] | None:
    """Return a picture over white, BGR uint8; where OpenCV keeps the alpha it ignores EXIF."""
    pixels = _decoded(data, cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.shape[2:] != (4,):
        return _in_colour(data, bits)
    if pixels.dtype == np.uint16:
        pixels[..., :3] <<= 16 - bits  # the alpha has all 16
    return _over_white(pixels)


def _over_white(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return BGRA over white, strip by strip."""
    blended = np.empty((*pixels.shape[:2], 3), np.uint8)
    rows = max(1, _STRIP // pixels.shape[1])
    for top in range(0, len(pixels), rows):
        blended[top : top + rows] = _blended(pixels[top : top + rows])
    return blended


def _blended(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return BGRA of 8 or 16 bits over white, as BGR of 8 bits; needs many times its memory."""
    most = np.iinfo(pixels.dtype).max
    alpha = pixels[..., 3:].astype(np.float32) / most
    over_white = pixels[..., :3] * alpha + most * (1 - alpha)
    return np.rint(over_white * (255 / most)).astype(np.uint8)
