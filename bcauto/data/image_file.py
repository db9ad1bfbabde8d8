"""One JPEG or PNG file: its size before decoding, and its pixels."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bcauto.data.checks import MIN_SIDE
from bcauto.data.labelled import Images
from bcauto.data.resize import resize_one
from bcauto.errors import BadInput
from bcauto.io.read_errors import plain_errors

__all__ = ["MAX_PIXELS", "SUFFIXES", "PictureHeader", "decode", "look"]

SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
"""Suffixes of pictures, in lower case."""

MAX_PIXELS = 64_000_000
"""Most pixels of a picture; a file of some kilobytes can claim to hold thousands of millions."""

_JPEG = b"\xff\xd8\xff"
_PNG = b"\x89PNG\r\n\x1a\n"
_FRAME_MARKERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_EXIF_MARKER = 0xE1
_EXIF = b"Exif\x00\x00"
_ORIENTATION = 0x0112
_PNG_WITH_ALPHA = (4, 6)
_STRIP = 2**16  # pixels that are blended at once


class PictureHeader(NamedTuple):
    """What a picture's header says: pixels as shown upright, and whether some are transparent."""

    height: int
    width: int
    transparent: bool = False

    def turned(self, orientation: int) -> PictureHeader:
        """The header after EXIF's ``orientation``, 1 to 8; 5 and up lie on their side."""
        return self._replace(height=self.width, width=self.height) if orientation > 4 else self


def look(path: Path) -> PictureHeader:
    """Size and transparency of the picture at ``path``, without decoding it.

    Raises:
        BadInput: it is no JPEG or PNG, cannot be read, is smaller than ``rules.MIN_SIDE`` or has
            more than ``MAX_PIXELS`` pixels.
    """
    with plain_errors(path), path.open("rb") as stream:
        header = _header(stream)
    if header is None:
        raise BadInput(f"{path}: cannot be read as a JPEG or PNG picture")
    height, width, _ = header
    if height * width > MAX_PIXELS:
        raise BadInput(
            f"{path}: a picture may have at most {MAX_PIXELS // 10**6} megapixels, "
            f"got {height} x {width}"
        )
    if min(height, width) < MIN_SIDE:
        raise BadInput(
            f"{path}: a picture must be at least {MIN_SIDE} x {MIN_SIDE} pixels, "
            f"got {height} x {width}"
        )
    return header


def decode(path: Path, transparent: bool, size: tuple[int, int]) -> Images:
    """The picture as (height, width, 3) uint8 RGB at ``size``, which ``look`` has let pass.

    Grey, palette and 16-bit pictures become RGB of 8 bits; one that EXIF says lies on its side is
    put upright; what is transparent shows white. CMYK becomes RGB, and of an animated PNG there is
    the still picture that a viewer without animation shows. The aspect ratio gives way to ``size``.

    Raises:
        BadInput: the picture cannot be read or decoded.
    """
    with plain_errors(path):
        data = np.frombuffer(path.read_bytes(), np.uint8)
    pixels = _on_white(data) if transparent else _decoded(data, cv2.IMREAD_COLOR)
    if pixels is None:
        raise BadInput(f"{path}: cannot be read as a JPEG or PNG picture; damaged or cut short")
    return resize_one(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), size)


def _decoded(data: NDArray[np.uint8], mode: int) -> NDArray[Any] | None:
    try:
        return cv2.imdecode(data, mode)
    except cv2.error:
        return None


def _on_white(data: NDArray[np.uint8]) -> NDArray[Any] | None:
    """A PNG blended over white, BGR; OpenCV heeds no EXIF rotation when it keeps the alpha."""
    pixels = _decoded(data, cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.shape[2:] != (4,):
        return _decoded(data, cv2.IMREAD_COLOR)
    blended = np.empty((*pixels.shape[:2], 3), np.uint8)
    rows = max(1, _STRIP // pixels.shape[1])
    for top in range(0, len(pixels), rows):
        blended[top : top + rows] = _blended(pixels[top : top + rows])
    return blended


def _blended(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """BGRA of 8 or 16 bits over white, as BGR of 8 bits; takes many times its memory."""
    most = np.iinfo(pixels.dtype).max
    alpha = pixels[..., 3:].astype(np.float32) / most
    over_white = pixels[..., :3] * alpha + most * (1 - alpha)
    return np.rint(over_white * (255 / most)).astype(np.uint8)


def _header(stream: BinaryIO) -> PictureHeader | None:
    """The header of a JPEG or PNG; None where there is none."""
    start = stream.read(8)
    try:
        if start == _PNG:
            return _png_header(stream)
        if start.startswith(_JPEG):
            stream.seek(2)
            return _jpeg_header(stream)
    except struct.error:  # a field is cut short
        return None
    return None


def _png_header(stream: BinaryIO) -> PictureHeader | None:
    header, orientation = None, 1
    for kind, payload in _png_chunks(stream):
        if kind == b"IHDR":
            width, height, _, colour = struct.unpack_from(">IIBB", payload)
            header = PictureHeader(height, width, colour in _PNG_WITH_ALPHA)
        elif kind == b"tRNS" and header:
            header = header._replace(transparent=True)
        elif kind == b"eXIf":
            orientation = _orientation(payload)
    if header is None or header.transparent:
        return header
    return header.turned(orientation)


def _png_chunks(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Kind and start of every chunk before the pixels."""
    while len(head := stream.read(8)) == 8 and head[4:] != b"IDAT":
        (length,) = struct.unpack_from(">I", head)
        after = stream.tell() + length + 4
        yield head[4:], stream.read(min(length, 2**16))
        stream.seek(after)


def _jpeg_header(stream: BinaryIO) -> PictureHeader | None:
    orientation = 1
    for marker, payload in _jpeg_segments(stream):
        if marker in _FRAME_MARKERS:
            _, height, width = struct.unpack_from(">BHH", payload)
            return PictureHeader(height, width).turned(orientation)
        if marker == _EXIF_MARKER and payload.startswith(_EXIF):
            orientation = _orientation(payload[len(_EXIF) :])
    return None


def _jpeg_segments(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Marker and content of every segment; fill bytes before a marker are legal."""
    while stream.read(1) == b"\xff":
        marker = stream.read(1)
        while marker == b"\xff":
            marker = stream.read(1)
        length = int.from_bytes(stream.read(2))
        if not marker or length < 2:
            return
        yield marker[0], stream.read(length - 2)


def _orientation(exif: bytes) -> int:
    """EXIF's orientation, 1 (upright) to 8; 1 where it says nothing sensible."""
    order = "<" if exif.startswith(b"II") else ">"
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (entries,) = struct.unpack_from(f"{order}H", exif, start)
        for at in range(start + 2, start + 2 + 12 * entries, 12):
            tag, value = struct.unpack_from(f"{order}H6xH", exif, at)
            if tag == _ORIENTATION:
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1
