from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from bcauto.data import image_file
from bcauto.data.image_file import decode, read_header
from bcauto.errors import BadInput

SIZE = (9, 12)


def chunk(kind, payload):
    checked = kind + payload
    return struct.pack(">I", len(payload)) + checked + struct.pack(">I", zlib.crc32(checked))


def png(rows, depth, colour, *extra, size=SIZE):
    """A PNG of ``rows`` of bytes, made by hand so that it can be of any kind."""
    height, width = size
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + body + chunk(b"IEND", b"")


def plain(pixel, depth, colour, *extra):
    return png([bytes(pixel) * SIZE[1]] * SIZE[0], depth, colour, *extra)


def exif(orientation, order=">"):
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order]
    return mark + struct.pack(f"{order}IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def encoded(image, suffix):
    return cv2.imencode(suffix, image[..., ::-1])[1].tobytes()


def turned(jpeg, orientation, order=">"):
    payload = b"Exif\0\0" + exif(orientation, order)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + jpeg[2:]


GRADIENT = np.indices(SIZE).sum(0)[..., None].repeat(3, 2).astype(np.uint8) * 8
GRADIENT[..., 2] = 90


@pytest.fixture
def show(tmp_path):
    """Writes a picture, looks at it and decodes it at its own size."""

    def through(data, name="cell.png"):
        path = tmp_path / name
        path.write_bytes(data)
        header = read_header(path)
        return decode(path, header.transparent, (header.height, header.width))

    return through


PALETTE = chunk(b"PLTE", bytes([1, 2, 3, 10, 20, 30]))
KINDS = {
    "RGB": (plain([10, 20, 30], 8, 2), (10, 20, 30)),
    "grey": (plain([100], 8, 0), (100,) * 3),
    "grey of 16 bits": (plain([100, 255], 16, 0), (100,) * 3),
    "palette": (plain([1], 8, 3, PALETTE), (10, 20, 30)),
    "RGB of 16 bits": (plain([10, 0, 20, 0, 30, 0], 16, 2), (10, 20, 30)),
    "opaque": (plain([10, 20, 30, 255], 8, 6), (10, 20, 30)),
    "transparent": (plain([10, 20, 30, 0], 8, 6), (255,) * 3),
    "half transparent": (plain([10, 20, 30, 51], 8, 6), (206, 208, 210)),
    "grey and transparent": (plain([100, 0], 8, 4), (255,) * 3),
    "transparent of 16 bits": (plain([10, 0, 20, 0, 30, 0, 0, 0], 16, 6), (255,) * 3),
    "transparent palette": (plain([1], 8, 3, PALETTE, chunk(b"tRNS", b"\xff\0")), (255,) * 3),
}


@pytest.mark.parametrize(("data", "expected"), KINDS.values(), ids=KINDS)
def test_every_kind_of_png_becomes_rgb(show, data, expected):
    image = show(data)
    assert image.shape == (*SIZE, 3)
    assert image.dtype == np.uint8
    assert np.unique(image.reshape(-1, 3), axis=0).tolist() == [list(expected)]


def test_png_is_exact(show):
    np.testing.assert_array_equal(show(encoded(GRADIENT, ".png")), GRADIENT)


def test_content_counts_not_suffix(show):
    np.testing.assert_array_equal(show(encoded(GRADIENT, ".png"), "cell.jpg"), GRADIENT)


def test_grey_jpeg(show):
    image = show(cv2.imencode(".jpg", np.full(SIZE, 77, np.uint8))[1].tobytes(), "cell.jpg")
    assert (image == 77).all()


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("orientation", "upright"),
    [(1, GRADIENT), (3, np.rot90(GRADIENT, 2)), (6, np.rot90(GRADIENT, -1)),
     (8, np.rot90(GRADIENT)), (5, GRADIENT.swapaxes(0, 1)), (99, GRADIENT)],
)  # fmt: skip
def test_pictures_on_their_side_are_put_upright(show, order, orientation, upright):
    jpeg = show(turned(encoded(GRADIENT, ".jpg"), orientation, order), "cell.jpg")
    assert jpeg.shape == upright.shape
    assert np.abs(jpeg.astype(int) - upright).mean() < 6


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_header_has_the_size_at_which_opencv_shows_the_picture(
    tmp_path, suffix, orientation, order
):
    data = encoded(GRADIENT, suffix)
    if suffix == ".jpg":
        data = turned(data, orientation, order)
    else:
        at = data.index(b"IDAT") - 4
        data = data[:at] + chunk(b"eXIf", exif(orientation, order)) + data[at:]
    (tmp_path / "cell").write_bytes(data)
    shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    header = read_header(tmp_path / "cell")
    assert header == (*shown.shape[:2], False, False)
    pixels = decode(tmp_path / "cell", False, header[:2])
    np.testing.assert_array_equal(pixels, shown[..., ::-1])


def test_xmp_does_not_turn_a_picture_that_opencv_leaves_as_it_is(tmp_path):
    xmp = b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="6"/>'
    jpeg = encoded(GRADIENT, ".jpg")
    segment = b"\xff\xe1" + struct.pack(">H", len(xmp) + 2) + xmp
    (tmp_path / "cell.jpg").write_bytes(jpeg[:2] + segment + jpeg[2:])
    assert read_header(tmp_path / "cell.jpg")[:2] == SIZE


def test_png_on_its_side_is_put_upright(show):
    data = encoded(GRADIENT, ".png")
    at = data.index(b"IDAT") - 4
    image = show(data[:at] + chunk(b"eXIf", exif(6)) + data[at:])
    np.testing.assert_array_equal(image, np.rot90(GRADIENT, -1))


def test_fill_bytes_before_a_jpeg_marker(show):
    data = encoded(GRADIENT, ".jpg")
    assert show(data[:2] + b"\xff\xff" + data[2:], "cell.jpg").shape == GRADIENT.shape


def test_decoding_resizes(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(GRADIENT, ".png"))
    assert decode(tmp_path / "a.png", False, (20, 16)).shape == (20, 16, 3)


JPEG = encoded(np.tile(GRADIENT, (4, 4, 1)), ".jpg")
PNG = encoded(np.random.default_rng(0).integers(0, 255, (*SIZE, 3), np.uint8), ".png")
BAD = {
    "empty": b"",
    "text": b"hello",
    "gif": b"GIF89a" + bytes(40),
    "only a PNG's mark": PNG[:8],
    "only a JPEG's mark": JPEG[:3],
    "PNG cut in its header": PNG[:20],
    "PNG cut in its pixels": PNG[: len(PNG) // 2],
    "JPEG cut in its tables": JPEG[:60],
    "JPEG cut in its pixels": JPEG[: len(JPEG) * 3 // 4],
    "PNG with a wrong checksum": PNG[: len(PNG) // 2] + b"\0\0\0\0" + PNG[len(PNG) // 2 + 4 :],
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_damaged_pictures_are_named(show, refused, data):
    with refused(r"cell\.png: cannot be read as a picture \(JPEG, PNG, "):
        show(data)


def test_vanished_picture(tmp_path, refused):
    with refused(r"a\.png: cannot be read \(no such file"):
        decode(tmp_path / "a.png", False, SIZE)


@pytest.mark.parametrize("side", [10_000, 50_000])
def test_decompression_bomb_is_not_decoded(side, show, refused):
    limit = "(89478485|178956970)"  # Pillow's, where it warns and where it raises
    with refused(rf"cell\.png: Image size \({side**2} pixels\) exceeds limit of {limit} pixels"):
        show(png([], 8, 2, size=(side, side)))


def test_text_that_unpacks_to_too_much_is_refused(show, refused):
    extra = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2**27)))
    with refused(r"cell\.png: .*[Tt]oo large"):
        show(plain([10, 20, 30], 8, 2, extra))


def test_warnings_about_metadata_are_not_shown(show):
    damaged = b"MM\0*" + struct.pack(">IHHHII", 8, 1, 0x0110, 2, 99, 2**20) + bytes(4)
    payload = b"Exif\0\0" + damaged
    jpeg = encoded(GRADIENT, ".jpg")
    segment = b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload
    assert show(jpeg[:2] + segment + jpeg[2:], "cell.jpg").shape == GRADIENT.shape


def test_small_picture(show, refused):
    with refused("at least 8 x 8 pixels, got 7 x 12"):
        show(encoded(GRADIENT[:7], ".png"))


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.sampled_from([JPEG, PNG, turned(JPEG, 6)]),
    at=st.floats(0, 0.999),
    mask=st.integers(1, 255),
)
def test_any_flipped_byte_gives_a_picture_or_one_line(show, data, at, mask):
    changed = bytearray(data)
    changed[int(at * len(data))] ^= mask
    message = ""
    try:
        assert show(bytes(changed)).shape[2] == 3
    except BadInput as error:
        message = str(error)
    assert "\n" not in message


def saved(picture, kind, **options):
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


PICTURE = Image.fromarray(GRADIENT)
ON_ITS_SIDE = Image.Exif()
ON_ITS_SIDE[0x0112] = 6
EXACT = {
    "TIFF": ("TIFF", {}),
    "LZW": ("TIFF", {"compression": "tiff_lzw"}),
    "deflate": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "BMP": ("BMP", {}),
    "WebP": ("WEBP", {"lossless": True}),
}


@pytest.mark.parametrize("suffix", [".tif", ".TIFF", ".jpg", ".png", ".Bmp", ".webp"])
@pytest.mark.parametrize(("kind", "options"), EXACT.values(), ids=EXACT)
def test_other_formats_are_read_exactly_under_any_suffix(show, kind, options, suffix):
    image = show(saved(PICTURE, kind, **options), f"cell{suffix}")
    np.testing.assert_array_equal(image, GRADIENT)


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "GIF"])
def test_grey_and_palette_pictures_of_other_formats(show, kind):
    grey = Image.new("L", SIZE[::-1], 77)
    assert (show(saved(grey, kind)) == 77).all()
    palette = Image.new("RGB", SIZE[::-1], (10, 20, 30)).convert("P", palette=Image.ADAPTIVE)
    assert (show(saved(palette, kind)) == (10, 20, 30)).all()


@pytest.mark.parametrize("kind", ["TIFF", "WEBP"])
def test_transparent_pixels_of_other_formats_become_white(show, kind):
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    half = Image.new("RGBA", SIZE[::-1], (10, 20, 30, 51))
    shown = show(saved(half, kind, **options)).astype(int)
    assert np.abs(shown - (206, 208, 210)).max() <= 1


def test_transparent_gif_on_white(show):
    pixels = Image.new("P", SIZE[::-1], 0)
    pixels.putpalette([200, 0, 0, 10, 20, 30])
    pixels.paste(1, (0, 0, 6, 9))
    image = show(saved(pixels, "GIF", transparency=0), "cell.gif")
    assert (image[:, :6] == (10, 20, 30)).all()
    assert (image[:, 6:] == 255).all()


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_moving_pictures_show_their_first(show, kind):
    frames = [Image.new("RGB", SIZE[::-1], colour) for colour in ((10, 20, 30), (200, 0, 0))]
    options = {"lossless": True} if kind == "WEBP" else {}
    image = show(saved(frames[0], kind, save_all=True, append_images=frames[1:], **options))
    assert (image == (10, 20, 30)).all()


@pytest.mark.parametrize("kind", ["TIFF", "WEBP"])
def test_other_formats_on_their_side_are_put_upright(show, kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    image = show(saved(PICTURE, kind, exif=ON_ITS_SIDE, **options))
    np.testing.assert_array_equal(image, np.rot90(GRADIENT, -1))


@pytest.mark.parametrize("kind", ["GIF", "TIFF"])
def test_what_opencv_does_not_read_pillow_does(show, kind, monkeypatch):
    monkeypatch.setattr(image_file, "_decoded", lambda *_: None)
    few = Image.fromarray(GRADIENT).quantize(200)
    np.testing.assert_array_equal(show(saved(few, kind)), np.asarray(few.convert("RGB")))


@pytest.mark.parametrize("mode", ["f4", "i4"])
def test_pixels_of_32_bits_are_refused(show, refused, mode):
    with refused(r"cell\.png: has pixels of 32 bits, save it with 8 or 16"):
        show(saved(Image.fromarray(GRADIENT[..., 0].astype(mode)), "TIFF"))


def test_a_stack_is_refused_and_a_thumbnail_is_not(show, refused):
    page = {"save_all": True, "append_images": [PICTURE, PICTURE]}
    with refused(r"cell\.tif: holds a stack of 3 pictures"):
        show(saved(PICTURE, "TIFF", **page), "cell.tif")
    small = PICTURE.resize((5, 4))
    image = show(saved(PICTURE, "TIFF", save_all=True, append_images=[small]), "cell.tif")
    np.testing.assert_array_equal(image, GRADIENT)


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "WEBP", "GIF"])
def test_other_formats_cut_short_are_named(show, refused, kind):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8))
    data = saved(noise, kind)
    with refused("cell: cannot be read as a picture|cell: damaged, cut short"):
        show(data[: len(data) * 2 // 3], "cell")


def test_cmyk_becomes_rgb(show):
    inks = Image.new("CMYK", SIZE[::-1], (255, 0, 0, 0))
    red, green, blue = show(saved(inks, "JPEG", quality=95), "cell.jpg")[4, 4].astype(int)
    assert red < 60 < 120 < min(green, blue)


def test_an_animation_shows_its_first_picture(show):
    frames = [Image.new("RGB", SIZE[::-1], colour) for colour in ((10, 20, 30), (200, 0, 0))]
    data = saved(frames[0], "PNG", save_all=True, append_images=frames[1:])
    assert b"fcTL" in data
    assert (show(data) == (10, 20, 30)).all()


def test_blending_takes_little_more_memory_than_the_picture(tmp_path):
    height, width = 3000, 2000
    path = tmp_path / "a.png"
    path.write_bytes(png([bytes(8 * width)] * height, 16, 6, size=(height, width)))
    tracemalloc.start()
    try:
        assert (decode(path, True, (8, 8)) == 255).all()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * height * width  # 8 bytes a pixel as decoded, 3 blended, 3 in RGB


DEEP = (np.arange(SIZE[0] * SIZE[1]).reshape(SIZE) * 37).astype(np.uint16)  # up to 3959


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("colours", [1, 3])
def test_files_of_16_bits_are_read_as_pictures_of_the_bits_they_use(tmp_path, suffix, colours):
    path = tmp_path / f"cell{suffix}"
    image = DEEP if colours == 1 else np.dstack([DEEP, DEEP // 2, DEEP // 3])
    cv2.imwrite(str(path), image)
    assert read_header(path).deep
    expected = image.reshape(*SIZE, -1)[..., ::-1] * (255 / 4095)
    assert np.abs(decode(path, False, SIZE, bits=12) - expected).max() < 1.1
    assert decode(path, False, SIZE).max() <= 16


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "JPEG"])
@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_files_of_8_bits_are_not_deep(tmp_path, kind, mode):
    if (kind, mode) == ("JPEG", "P"):
        return
    path = tmp_path / "cell"
    path.write_bytes(saved(PICTURE.convert(mode), kind))
    header = read_header(path)
    assert not header.deep
    for bits in (8, 12):
        pixels = decode(path, False, SIZE, bits)
        np.testing.assert_array_equal(pixels, decode(path, False, SIZE))


def test_transparency_has_16_bits_where_colours_have_fewer(tmp_path):
    path = tmp_path / "cell.png"
    half = np.full((*SIZE, 4), (4080, 2040, 0, 0x8000), np.uint16)
    cv2.imwrite(str(path), half)
    assert read_header(path) == (*SIZE, True, True)
    shown = decode(path, True, SIZE, bits=12).astype(int)
    assert np.abs(shown - (127, 191, 255)).max() <= 1


@pytest.mark.parametrize("suffix", [".ppm", ".PGM", ".pnm"])
def test_portable_anymaps(show, suffix):
    head = b"%d %d\n255\n" % SIZE[::-1]
    np.testing.assert_array_equal(show(b"P6\n" + head + GRADIENT.tobytes(), f"c{suffix}"), GRADIENT)
    grey = show(b"P5\n" + head + GRADIENT[..., 0].tobytes(), f"c{suffix}")
    np.testing.assert_array_equal(grey, GRADIENT[..., :1].repeat(3, 2))


@pytest.mark.parametrize("most", [4095, 65535])
@pytest.mark.parametrize("kind", [5, 6])
def test_portable_anymaps_of_16_bits(tmp_path, most, kind):
    path = tmp_path / "cell.pnm"
    image = DEEP if kind == 5 else np.dstack([DEEP, DEEP // 2, DEEP // 3])
    head = b"P%d\n%d %d\n%d\n" % (kind, *SIZE[::-1], most)
    path.write_bytes(head + image.astype(">u2").tobytes())
    assert read_header(path).deep
    expected = image.reshape(*SIZE, -1) * (255 / 4095)
    assert np.abs(decode(path, False, SIZE, bits=12) - expected).max() < 1.1
