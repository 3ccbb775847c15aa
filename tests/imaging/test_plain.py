"""What the image API gets of each kind of file that people have, or why the file is refused."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pillow_heif
import pytest
from PIL import Image, ImageCms, ImageDraw, ImageOps

from bot.errors import BadReference, Reason
from bot.imaging import cost
from bot.imaging.cost import SentLimit
from bot.imaging.decoding import MAX_BYTES, bearable
from bot.imaging.header import read_header
from bot.imaging.picture_info import PlainCopy, Unreadable
from bot.imaging.plain import plain_copy
from tests.hostile import pictures
from tests.imaging.picture_files import file_of, noise, opened, oriented

WIDTH, HEIGHT = 160, 120
RED, BLUE = (200, 30, 60), (20, 60, 200)
RED_IN_P3, RED_IN_2020 = (184, 50, 64), (164, 65, 64)
"""The same red in Display P3 and in BT.2020, with the transfer of sRGB."""
SECRET = b"48.8584 N, 2.2945 E"
PNG_END = b"\0\0\0\0IEND\xaeB`\x82"

pillow_heif.register_heif_opener()


def photo(mode: str = "RGB") -> Image.Image:
    """Return a picture whose upper left quarter is red and the rest blue."""
    image = Image.new("RGB", (WIDTH, HEIGHT), BLUE)
    ImageDraw.Draw(image).rectangle((0, 0, WIDTH // 2 - 1, HEIGHT // 2 - 1), fill=RED)
    return image.convert(mode)


def lying(orientation: int = 6) -> Image.Image:
    """Return the pixels as a camera stores them, so that `photo` is seen after the orientation is applied."""
    turned = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    return photo().transpose(turned[orientation])


def located(orientation: int = 1) -> Image.Exif:
    exif = oriented(orientation)
    exif[0x010E] = SECRET.decode()
    return exif


def animated(form: str) -> bytes:
    other = Image.new("RGB", (WIDTH, HEIGHT), (0, 255, 0))
    return file_of(photo(), form, save_all=True, append_images=[other], duration=100)


def with_chunk(name: bytes, body: bytes, *, checksum: int | None = None) -> bytes:
    """Return a PNG with another chunk after its header."""
    data = file_of(photo())
    crc = zlib.crc32(name + body) if checksum is None else checksum
    return data[:33] + struct.pack(">I", len(body)) + name + body + struct.pack(">I", crc) + data[33:]


def gain_map() -> bytes:
    """Return a JPEG as phones make it for HDR: an index of pictures, XMP, and a second JPEG after the first."""
    first = file_of(photo(), "JPEG", quality=95)
    index = b"\xff\xe2" + struct.pack(">H", 90) + b"MPF\0" + bytes(84)
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x hdrgm:Version='1.0'/>" + SECRET
    return (
        first[:2]
        + index
        + b"\xff\xe1"
        + struct.pack(">H", len(xmp) + 2)
        + xmp
        + first[2:]
        + file_of(photo("L"), "JPEG")
    )


def wide_gamut() -> bytes:
    """Return a colour profile whose red and green are swapped, so that an applied profile is easy to see."""
    swapped = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {bytes(swapped[at : at + 4]): at for at in range(132, 132 + 12 * 16, 12)}
    red, green = tags[b"rXYZ"], tags[b"gXYZ"]
    swapped[red : red + 4], swapped[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(swapped)


def one_colour(colour: tuple[int, ...]) -> Image.Image:
    return Image.new("RGBA" if len(colour) == 4 else "RGB", (WIDTH, HEIGHT), colour)


def nclx(primaries: int, transfer: int = 13) -> dict[str, Any]:
    """Return the options for a HEIC that names its colours by code points."""
    return {
        "quality": 95,
        "save_nclx_profile": True,
        "color_primaries": primaries,
        "transfer_characteristics": transfer,
        "matrix_coefficients": 6,
        "full_range_flag": 1,
    }


def avif_of(image: Image.Image, primaries: int) -> bytes:
    """Return an AVIF that names its primaries by this code point. Pillow always writes 1."""
    data = file_of(image, "AVIF", quality=95)
    assert data.count(b"colrnclx\0\1") == 1
    return data.replace(b"colrnclx\0\1", b"colrnclx" + struct.pack(">H", primaries))


def as_phones_write(data: bytes, name: bytes, value: int) -> bytes:
    """Return a HEIC whose second property (the code points of its colours) is replaced by a rotation or a mirror, which
    libheif does not write."""
    at = data.index(b"colrnclx")
    return data[:at] + name + bytes([value]) + bytes(10) + data[at + 15 :]


def with_long_numbers(data: bytes) -> bytes:
    """Return an AVIF with one picture, whose items have numbers of 32 bits, and their properties numbers of 16 bits, as
    encoders write for long lists."""
    item, list_ = data.index(b"pitm"), data.index(b"ipma")
    first, count = list_ + 15, data[list_ + 14]
    properties = [struct.pack(">H", (number & 0x80) << 8 | number & 0x7F) for number in data[first : first + count]]
    (length,) = struct.unpack_from(">I", data, list_ - 4)
    assert length == 19 + count, "properties of one item"
    longer = b"ipma\1\0\0\1" + struct.pack(">IIB", 1, 1, count) + b"".join(properties)
    made = bytearray(data[:item] + b"pitm\1\0\0\0\0\0\0\1" + data[item + 10 : list_ - 4])
    made += struct.pack(">I", 4 + len(longer)) + longer + data[list_ - 4 + length :]
    grown = len(made) - len(data)
    for at, more in ((item - 4, 2), (made.index(b"meta") - 4, grown), (made.index(b"iprp") - 4, grown - 2)):
        struct.pack_into(">I", made, at, struct.unpack_from(">I", made, at)[0] + more)
    pixels = made.index(struct.pack(">I", data.index(b"mdat") + 4))
    struct.pack_into(">I", made, pixels, made.index(b"mdat") + 4)
    return bytes(made)


def bmp(*, is_old: bool = False, is_downward: bool = False) -> bytes:
    """Return a BMP with the header of OS/2, or with its rows from top to bottom."""
    rows = list(batched_rows(photo().convert("RGB").tobytes("raw", "BGR"), WIDTH * 3))
    layout, height = ("<IHHHH", HEIGHT) if is_old else ("<IiiHH24x", -HEIGHT if is_downward else HEIGHT)
    head = struct.pack(layout, 12 if is_old else 40, WIDTH, height, 1, 24)
    body = b"".join(rows if is_downward else reversed(rows))
    return b"BM" + struct.pack("<III", 14 + len(head) + len(body), 0, 14 + len(head)) + head + body


def batched_rows(pixels: bytes, length: int) -> Iterator[bytes]:
    for start in range(0, len(pixels), length):
        yield pixels[start : start + length]


def measured(mode: str, low: float, high: float) -> Image.Image:
    """Return a picture of one number per pixel, as instruments make them: `low` in the upper left quarter."""
    image = Image.new(mode, (WIDTH, HEIGHT), high)
    image.paste(Image.new(mode, (WIDTH // 2, HEIGHT // 2), low), (0, 0))
    return image


def halfway() -> Image.Image:
    """Return a picture of fractions from 0 to 1, and 0.5 in the upper left corner."""
    image = measured("F", 0.0, 1.0)
    image.paste(Image.new("F", (40, 40), 0.5), (0, 0))
    return image


def linear_grey() -> bytes:
    """Return the colour profile of a scanner whose greys are proportional to the light."""
    white = struct.pack(">3i", 63190, 65536, 54061)
    tags = {b"wtpt": b"XYZ \0\0\0\0" + white, b"kTRC": b"curv\0\0\0\0" + struct.pack(">IH", 1, 0x100) + bytes(2)}
    place, table, body = 132 + 12 * len(tags), b"", b""
    for name, value in tags.items():
        table += name + struct.pack(">II", place + len(body), len(value))
        body += value
    head = bytes(4) + struct.pack(">I4s4s4s", 0x02100000, b"scnr", b"GRAY", b"XYZ ") + bytes(12) + b"acsp" + bytes(28)
    rest = head + white + bytes(48) + struct.pack(">I", len(tags)) + table + body
    return struct.pack(">I", 4 + len(rest)) + rest


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def png_of_16_bits() -> bytes:
    """Return a red PNG of 16 bits per channel, which Pillow cannot write."""
    row = b"\0" + struct.pack(">HHH", *(value * 257 for value in RED)) * WIDTH
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(row * HEIGHT)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def cut(data: bytes, part: float) -> bytes:
    return data[: int(len(data) * part)]


def detailed() -> Image.Image:
    """Return the photo with noise, so that each part of a JPEG's bytes is a part of its rows."""
    return Image.blend(photo(), noise(WIDTH, HEIGHT), 0.1)


def without_box(name: bytes) -> bytes:
    """Return a HEIC in which the box of this name has another name."""
    return file_of(photo(), "HEIF").replace(name, b"free", 1)


def with_items(count: int, *, main: int) -> bytes:
    """Return a HEIC that claims to have so many items with properties, and this number as its main picture."""
    data = bytearray(file_of(photo(), "HEIF"))
    struct.pack_into(">I", data, data.index(b"ipma") + 8, count)
    struct.pack_into(">H", data, data.index(b"pitm") + 8, main)
    return bytes(data)


def progressive(part: float = 1, mode: str = "RGB") -> bytes:
    """Return the start of a progressive JPEG of ten scans, six if it is grey."""
    return cut(file_of(detailed().convert(mode), "JPEG", quality=95, progressive=True), part)


def grey_below() -> Image.Image:
    """Return the photo, its lower half as grey as what libjpeg paints where rows are missing."""
    image = photo()
    ImageDraw.Draw(image).rectangle((0, HEIGHT // 2, WIDTH, HEIGHT), fill=(128, 128, 128))
    return image


def of_scans(count: int, mode: str = "RGB") -> bytes:
    """Return a progressive JPEG that ends after this number of scans, early in the next one."""
    data = progressive(mode=mode)
    starts = [found.start() for found in re.finditer(rb"\xff\xda", data)]
    return data[: starts[count] + 20]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What must be sent. `probe` is the colour near the upper left corner, None where any will do."""

    form: str
    size: tuple[int, int] = (WIDTH, HEIGHT)
    probe: tuple[int, ...] | None = RED
    converted: bool = True
    first_frame: bool = False
    reduced: bool = False
    cut: bool = False


KEPT_JPEG, KEPT_PNG = Sent(form="JPEG", converted=False), Sent(form="PNG", converted=False)
TO_JPEG, TO_PNG = Sent(form="JPEG"), Sent(form="PNG")

TAKEN: Final[dict[str, tuple[Callable[[], bytes], Sent]]] = {
    # as the image API takes them
    "jpeg": (lambda: file_of(photo(), "JPEG", quality=95), KEPT_JPEG),
    "progressive jpeg": (lambda: file_of(photo(), "JPEG", quality=95, progressive=True), KEPT_JPEG),
    "grey jpeg": (lambda: file_of(photo("L"), "JPEG"), Sent(form="JPEG", probe=(84, 84, 84), converted=False)),
    "png": (lambda: file_of(photo()), KEPT_PNG),
    "png with alpha": (lambda: file_of(photo("RGBA")), KEPT_PNG),
    "jpeg with an sRGB profile": (lambda: file_of(photo(), "JPEG", quality=95, icc_profile=srgb()), KEPT_JPEG),
    # metadata
    "jpeg with a place": (lambda: file_of(photo(), "JPEG", quality=95, exif=located()), TO_JPEG),
    "png with a place": (lambda: file_of(photo(), exif=located()), TO_PNG),
    "png with a text": (lambda: with_chunk(b"tEXt", b"Comment\0" + SECRET), TO_PNG),
    "jpeg with a comment": (lambda: file_of(photo(), "JPEG", quality=95, comment=SECRET), TO_JPEG),
    "jpeg with an archive behind it": (lambda: file_of(photo(), "JPEG", quality=95) + b"PK" + SECRET, TO_JPEG),
    # the way up
    "jpeg on its side": (lambda: file_of(lying(6), "JPEG", quality=95, exif=located(6)), TO_JPEG),
    "jpeg on its head": (lambda: file_of(lying(3), "JPEG", quality=95, exif=located(3)), TO_JPEG),
    "png on its side": (lambda: file_of(lying(8), exif=located(8)), TO_PNG),
    "webp on its side": (lambda: file_of(lying(6), "WEBP", quality=95, exif=located(6)), TO_JPEG),
    "tiff on its side": (lambda: file_of(lying(6), "TIFF", exif=oriented(6)), TO_PNG),
    "avif on its side": (lambda: file_of(lying(6), "AVIF", quality=95, exif=located(6)), TO_JPEG),
    # formats
    "heic": (lambda: file_of(photo(), "HEIF", quality=95, exif=located()), TO_JPEG),
    "heic with alpha": (lambda: file_of(photo("RGBA"), "HEIF", quality=95), TO_JPEG),
    "heic in tiles": (lambda: file_of(photo(), "HEIF", quality=95, tile_size=64), TO_JPEG),
    "avif": (lambda: file_of(photo(), "AVIF", quality=95), TO_JPEG),
    "webp": (lambda: file_of(photo(), "WEBP", quality=95), TO_JPEG),
    "avif with a long list of properties": (
        lambda: with_long_numbers(file_of(lying(6), "AVIF", quality=95, exif=oriented(6))),
        TO_JPEG,
    ),
    "avif with an empty box of 64 bits": (
        lambda: file_of(photo(), "AVIF", quality=95) + struct.pack(">I4sQ", 1, b"free", 16),
        TO_JPEG,
    ),
    "heic whose last box ends with the file": (
        lambda: file_of(photo(), "HEIF", quality=95) + b"\0\0\0\0free" + bytes(40),
        TO_JPEG,
    ),
    "gif": (lambda: file_of(photo(), "GIF"), TO_PNG),
    "gif without its end": (lambda: file_of(photo(), "GIF").removesuffix(b";"), TO_PNG),
    "bmp": (lambda: file_of(photo(), "BMP"), TO_PNG),
    "bmp of OS/2": (lambda: bmp(is_old=True), TO_PNG),
    "bmp from top to bottom": (lambda: bmp(is_downward=True), TO_PNG),
    "bmp of 8 bits": (lambda: file_of(photo().quantize(8), "BMP"), TO_PNG),
    "tiff": (lambda: file_of(photo(), "TIFF"), TO_PNG),
    "compressed tiff": (lambda: file_of(photo(), "TIFF", compression="tiff_lzw"), TO_PNG),
    "cmyk tiff": (lambda: file_of(photo("CMYK"), "TIFF"), TO_PNG),
    "tiff of 16 bits": (
        lambda: file_of(Image.new("I;16", (WIDTH, HEIGHT), 0x8000), "TIFF"),
        Sent(form="PNG", probe=(128, 128, 128)),
    ),
    "tiff of 16 bits, written by a Macintosh": (
        lambda: file_of(Image.new("I;16B", (WIDTH, HEIGHT), 0x8000), "TIFF"),
        Sent(form="PNG", probe=(128, 128, 128)),
    ),
    "tiff of 32 bits": (
        lambda: file_of(measured("I", 1_000, 900_000), "TIFF"),
        Sent(form="PNG", probe=(0, 0, 0)),
    ),
    "tiff of fractions": (
        lambda: file_of(measured("F", 0.75, -0.25), "TIFF"),
        Sent(form="PNG", probe=(255, 255, 255)),
    ),
    "tiff of fractions with a profile of its own": (
        lambda: file_of(halfway(), "TIFF", icc_profile=linear_grey()),
        Sent(form="PNG", probe=(187, 187, 187)),
    ),
    "tiff of 32 bits, all the same": (
        lambda: file_of(Image.new("I", (WIDTH, HEIGHT), 70_000), "TIFF"),
        Sent(form="PNG", probe=(0, 0, 0)),
    ),
    "tiff of two pages": (
        lambda: file_of(photo(), "TIFF", save_all=True, append_images=[photo("L")]),
        Sent(form="PNG", first_frame=True),
    ),
    # moving pictures
    "animated gif": (lambda: animated("GIF"), Sent(form="PNG", first_frame=True)),
    "animated webp": (lambda: animated("WEBP"), Sent(form="JPEG", first_frame=True)),
    "animated png": (lambda: animated("PNG"), Sent(form="PNG", first_frame=True)),
    "animated avif": (lambda: animated("AVIF"), Sent(form="JPEG", first_frame=True)),
    # phones
    "two pictures in a jpeg": (
        lambda: file_of(photo(), "MPO", quality=95, save_all=True, append_images=[photo("L").convert("RGB")]),
        TO_JPEG,
    ),
    "hdr jpeg with a gain map": (gain_map, TO_JPEG),
    # colours
    "cmyk jpeg": (lambda: file_of(photo("CMYK"), "JPEG", quality=95), TO_JPEG),
    "jpeg with a profile of its own": (
        lambda: file_of(photo(), "JPEG", quality=95, icc_profile=wide_gamut()),
        Sent(form="JPEG", probe=(30, 200, 60)),
    ),
    "png with a profile of its own": (
        lambda: file_of(photo(), icc_profile=wide_gamut()),
        Sent(form="PNG", probe=(30, 200, 60)),
    ),
    "heic with a profile of its own": (
        lambda: file_of(photo(), "HEIF", quality=95, icc_profile=wide_gamut()),
        Sent(form="JPEG", probe=(30, 200, 60)),
    ),
    "avif with a profile of its own": (
        lambda: file_of(photo(), "AVIF", quality=95, icc_profile=wide_gamut()),
        Sent(form="JPEG", probe=(30, 200, 60)),
    ),
    "heic in Display P3": (lambda: file_of(one_colour(RED_IN_P3), "HEIF", **nclx(12)), TO_JPEG),
    "heic in BT.2020": (lambda: file_of(one_colour(RED_IN_2020), "HEIF", **nclx(9, 1)), TO_JPEG),
    "heic with alpha in Display P3": (lambda: file_of(one_colour((*RED_IN_P3, 99)), "HEIF", **nclx(12)), TO_PNG),
    "grey heic in BT.2020": (
        lambda: file_of(one_colour((128, 128, 128)), "HEIF", **nclx(9)),
        Sent(form="JPEG", probe=(128, 128, 128)),
    ),
    "heic in Display P3 for HDR": (
        lambda: file_of(one_colour(RED_IN_P3), "HEIF", **nclx(12, 16)),
        Sent(form="JPEG", probe=RED_IN_P3),
    ),
    "heic whose profile counts more than its code points": (
        lambda: file_of(photo(), "HEIF", icc_profile=wide_gamut(), **nclx(12)),
        Sent(form="JPEG", probe=(30, 200, 60)),
    ),
    "avif in Display P3": (lambda: avif_of(one_colour(RED_IN_P3), 12), TO_JPEG),
    "avif in BT.2020": (lambda: avif_of(one_colour(RED_IN_2020), 9), TO_JPEG),
    "jpeg with a broken profile": (lambda: file_of(photo(), "JPEG", quality=95, icc_profile=bytes(200)), KEPT_JPEG),
    "png of 16 bits": (png_of_16_bits, TO_PNG),
    "grey png of 16 bits": (
        lambda: file_of(Image.new("I;16", (WIDTH, HEIGHT), 0x8000)),
        Sent(form="PNG", probe=(128, 128, 128)),
    ),
    "png with a palette": (lambda: file_of(photo().quantize(8)), TO_PNG),
    "png of 1 bit": (lambda: file_of(photo("1")), Sent(form="PNG", probe=None, converted=False)),
    # damage
    "png with a damaged text": (lambda: with_chunk(b"tEXt", b"Comment\0" + SECRET, checksum=1), TO_PNG),
    "png with a damaged transparency": (lambda: with_chunk(b"tRNS", b"\0\0\0\0\0\0", checksum=1), TO_PNG),
    "png with 8 megabytes of text": (lambda: with_chunk(b"zTXt", b"Comment\0\0" + bytes(8 * 2**20)), TO_PNG),
    "png with a damaged profile": (lambda: with_chunk(b"iCCP", b"own\0\0" + bytes(40)), TO_PNG),
    "jpeg with a restart mark before its rows": (
        lambda: b"\xff\xd8\xff\xd0" + file_of(photo(), "JPEG", quality=95)[2:],
        KEPT_JPEG,
    ),
    "png without its end": (lambda: file_of(photo()).removesuffix(PNG_END), TO_PNG),
    "jpeg without its last bytes": (lambda: file_of(photo(), "JPEG", quality=95)[:-2], TO_JPEG),
    "jpeg without its last rows": (
        lambda: cut(file_of(detailed(), "JPEG", quality=95), 0.9),
        Sent(form="JPEG", size=(160, 112), probe=None, cut=True),
    ),
    **{
        f"{share} % of a progressive jpeg": (partial(progressive, share / 100), Sent(form="JPEG", probe=None, cut=True))
        for share in (95, 60, 30)
    },
    "progressive jpeg without its last bytes": (lambda: progressive()[:-2], Sent(form="JPEG", probe=None, cut=True)),
    "progressive jpeg without its last bytes that has grey rows at its end": (
        lambda: file_of(grey_below(), "JPEG", quality=95, progressive=True)[:-2],
        Sent(form="JPEG", cut=True),
    ),
    "progressive jpeg of five scans": (lambda: of_scans(5), Sent(form="JPEG", probe=None, cut=True)),
    "grey progressive jpeg of three scans": (lambda: of_scans(3, "L"), Sent(form="JPEG", probe=None, cut=True)),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", TAKEN)
def test_each_kind_of_file_is_sent_as_a_plain_picture(name: str) -> None:
    data, must = TAKEN[name][0](), TAKEN[name][1]
    made = plain_copy(data, "holiday.txt")
    check_plain(made, must)
    if not must.converted:
        assert made.data == data


def check_plain(made: PlainCopy, must: Sent) -> None:
    seen = opened(made.data)
    assert (seen.format, seen.size, made.content_type) == (must.form, must.size, f"image/{must.form.lower()}")
    assert (made.width, made.height) == must.size
    assert not seen.getexif()
    assert SECRET not in made.data
    assert seen.mode in {"RGB", "RGBA", "L", "1"}
    flags = (made.is_converted, made.is_first_frame, made.is_reduced, made.is_cut)
    assert flags == (must.converted, must.first_frame, must.reduced, must.cut)
    if must.probe is not None:
        assert seen.convert("RGB").getpixel((8, 8)) == pytest.approx(must.probe, abs=6)


STORED: Final[dict[int, Image.Transpose | None]] = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a camera stores the pixels of `photo`, by the EXIF orientation."""


def as_stored(orientation: int) -> Image.Image:
    turned = STORED[orientation]
    return photo() if turned is None else photo().transpose(turned)


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_picture_is_sent_upright_however_the_camera_was_held(form: str, orientation: int) -> None:
    options = {} if form in {"PNG", "TIFF"} else {"quality": 95}
    seen = opened(plain_copy(file_of(as_stored(orientation), form, exif=oriented(orientation), **options), "x").data)
    assert seen.size == (WIDTH, HEIGHT)
    assert seen.convert("RGB").getpixel((8, 8)) == pytest.approx(RED, abs=6)


@pytest.mark.parametrize(
    ("name", "value", "orientation"),
    [(b"irot", 1, 8), (b"irot", 2, 3), (b"irot", 3, 6), (b"imir", 0, 4), (b"imir", 1, 2)],
)
def test_a_phones_heic_is_sent_upright(name: bytes, value: int, orientation: int) -> None:
    data = as_phones_write(file_of(as_stored(orientation), "HEIF", quality=95), name, value)
    made = plain_copy(data, "x")
    seen = opened(made.data)
    assert seen.size == (made.width, made.height) == (WIDTH, HEIGHT)
    assert seen.convert("RGB").getpixel((8, 8)) == pytest.approx(RED, abs=6)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("axis", [0, 1])
def test_an_avif_is_sent_as_other_programs_show_it(turns: int, axis: int) -> None:
    data = bytearray(file_of(photo(), "AVIF", quality=95, exif=oriented(7)))
    data[data.index(b"irot") + 4], data[data.index(b"imir") + 4] = turns, axis
    shown = ImageOps.exif_transpose(opened(bytes(data)))
    sent = opened(plain_copy(bytes(data), "x").data)
    assert sent.size == shown.size
    width, height = shown.size
    for place in ((8, 8), (width - 9, 8), (8, height - 9), (width - 9, height - 9)):
        assert sent.getpixel(place) == pytest.approx(shown.getpixel(place), abs=6)


@pytest.mark.parametrize("name", ["photo.png", "photo.gif", "photo.svg", "photo.mp4", "photo", "notes.txt"])
def test_the_content_decides_and_never_the_name(name: str) -> None:
    data = file_of(photo(), "JPEG")
    assert plain_copy(data, name).data == data


REFUSED: Final[dict[str, tuple[Callable[[], bytes], Reason, dict[str, Any]]]] = {
    "svg": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", Reason.REFERENCE_FORMAT, {"format": "SVG"}),
    "pdf": (lambda: file_of(photo(), "PDF"), Reason.REFERENCE_FORMAT, {"format": "PDF"}),
    "psd": (lambda: b"8BPS\0\x01" + bytes(40), Reason.REFERENCE_FORMAT, {"format": "PSD"}),
    "words": (lambda: b"hello", Reason.REFERENCE_NOT_A_PICTURE, {}),
    "archive": (lambda: b"PK\x03\x04" + bytes(40), Reason.REFERENCE_NOT_A_PICTURE, {}),
    "video": (lambda: b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(40), Reason.REFERENCE_NOT_A_PICTURE, {}),
    "nothing": (lambda: b"", Reason.REFERENCE_EMPTY, {}),
    "too large": (
        lambda: file_of(photo()) + bytes(MAX_BYTES),
        Reason.REFERENCE_TOO_LARGE,
        {"megabytes": MAX_BYTES // 2**20},
    ),
    "too small": (
        lambda: file_of(photo().resize((63, 100))),
        Reason.REFERENCE_TOO_SMALL,
        {"width": 63, "height": 100},
    ),
    "too small on its side": (
        lambda: file_of(photo().resize((63, 100)), "JPEG", exif=oriented(6)),
        Reason.REFERENCE_TOO_SMALL,
        {"width": 100, "height": 63},
    ),
    "too small heic on its side": (
        lambda: as_phones_write(promising("HEIF", 63, 100), b"irot", 3),
        Reason.REFERENCE_TOO_SMALL,
        {"width": 100, "height": 63},
    ),
    "too long": (lambda: file_of(photo().resize((301, 100))), Reason.REFERENCE_TOO_LONG, {"width": 301, "height": 100}),
    "half a jpeg": (lambda: cut(file_of(detailed(), "JPEG", quality=95), 0.5), Reason.REFERENCE_BROKEN, {}),
    "a tenth of a progressive jpeg": (lambda: progressive(0.1), Reason.REFERENCE_BROKEN, {}),
    "first scan of a progressive jpeg": (lambda: of_scans(1), Reason.REFERENCE_BROKEN, {}),
    "four scans of a progressive jpeg": (lambda: of_scans(4), Reason.REFERENCE_BROKEN, {}),
    "two scans of a grey progressive jpeg": (lambda: of_scans(2, "L"), Reason.REFERENCE_BROKEN, {}),
    "half a png": (lambda: cut(file_of(detailed()), 0.5), Reason.REFERENCE_BROKEN, {}),
    "half a heic": (lambda: cut(file_of(detailed(), "HEIF"), 0.5), Reason.REFERENCE_BROKEN, {}),
    "half an avif": (lambda: cut(file_of(detailed(), "AVIF"), 0.5), Reason.REFERENCE_BROKEN, {}),
    "half a webp": (lambda: cut(file_of(detailed(), "WEBP"), 0.5), Reason.REFERENCE_BROKEN, {}),
    "head of a gif": (lambda: b"GIF89a", Reason.REFERENCE_BROKEN, {}),
    "head of a tiff": (lambda: b"II*\0\x08\0\0\0" + bytes(40), Reason.REFERENCE_BROKEN, {}),
    "head of a bmp": (lambda: b"BM" + bytes(20), Reason.REFERENCE_BROKEN, {}),
    "bmp of no height": (lambda: promising("BMP", 90, 0), Reason.REFERENCE_BROKEN, {}),
    "bmp of negative width": (lambda: promising("BMP", -90, 90), Reason.REFERENCE_BROKEN, {}),
    "gif of no width": (
        lambda: b"GIF89a" + bytes(7) + b"," + bytes(8) + b"\0\2\0;",
        Reason.REFERENCE_BROKEN,
        {},
    ),
    "jpeg that ends before its pixels": (lambda: b"\xff\xd8\xff\xe0\0\2\xff\xd9", Reason.REFERENCE_BROKEN, {}),
    "jpeg of no height": (
        lambda: re.sub(rb"(\xff\xc0..\x08)..", rb"\1\0\0", file_of(photo(), "JPEG"), count=1, flags=re.DOTALL),
        Reason.REFERENCE_BROKEN,
        {},
    ),
    "head of a tiff whose tags are missing": (
        lambda: b"II*\0\x08\0\0\0\x09\0" + bytes(20),
        Reason.REFERENCE_BROKEN,
        {},
    ),
    "tiff of 1,001 tags": (
        lambda: b"MM\0*\0\0\0\x08\3\xe9" + bytes(12 * 1001 + 4),
        Reason.REFERENCE_TOO_COMPLEX,
        {},
    ),
    "heic larger than it says": (lambda: promising("HEIF", 100, 100), Reason.REFERENCE_BROKEN, {}),
    "heic of no width": (lambda: promising("HEIF", 0, 100), Reason.REFERENCE_BROKEN, {}),
    "heic without a list of boxes": (lambda: without_box(b"meta"), Reason.REFERENCE_BROKEN, {}),
    "heic without a main picture": (lambda: without_box(b"pitm"), Reason.REFERENCE_BROKEN, {}),
    "heic without properties": (lambda: without_box(b"ipco"), Reason.REFERENCE_BROKEN, {}),
    "heic whose properties belong to no picture": (lambda: without_box(b"ipma"), Reason.REFERENCE_BROKEN, {}),
    "heic whose main picture has no properties": (lambda: with_items(1, main=77), Reason.REFERENCE_BROKEN, {}),
    "heic whose list of pictures is cut": (lambda: with_items(9_000, main=77), Reason.REFERENCE_BROKEN, {}),
    "heic of 20,001 pictures": (lambda: with_items(20_001, main=77), Reason.REFERENCE_TOO_COMPLEX, {}),
    "heic of 4,001 boxes": (
        lambda: file_of(photo(), "HEIF") + b"\0\0\0\x08free" * 4001,
        Reason.REFERENCE_TOO_COMPLEX,
        {},
    ),
    "heic whose last box is cut": (
        lambda: file_of(photo(), "HEIF") + struct.pack(">I4sQ", 1, b"free", 2**63),
        Reason.REFERENCE_BROKEN,
        {},
    ),
    "heic with a cut box after one of 64 bits": (
        lambda: file_of(photo(), "HEIF") + struct.pack(">I4sQ", 1, b"free", 16) + b"\0\0\0\x09free",
        Reason.REFERENCE_BROKEN,
        {},
    ),
    "heic whose last box is shorter than its name": (
        lambda: file_of(photo(), "HEIF") + b"\0\0\0\4free",
        Reason.REFERENCE_BROKEN,
        {},
    ),
    "head of a heic": (lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40), Reason.REFERENCE_BROKEN, {}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_work_is_refused_with_its_reason(name: str) -> None:
    make, reason, parameters = REFUSED[name]
    with pytest.raises(BadReference) as refused:
        plain_copy(make(), "holiday.jpg")
    assert (refused.value.reason, dict(refused.value.parameters)) == (reason, {"filename": "holiday.jpg", **parameters})


@pytest.mark.parametrize(("width", "height"), [(64, 64), (192, 64), (64, 192)])
def test_the_smallest_and_the_longest_pictures_are_taken(width: int, height: int) -> None:
    made = plain_copy(file_of(photo().resize((width, height))), "x")
    assert (made.width, made.height) == (width, height)


def test_more_bytes_than_the_image_api_takes_are_made_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "SENT_BYTES", 20_000)
    made = plain_copy(file_of(noise(400, 300)), "x")
    assert len(made.data) <= 20_000
    assert made.is_reduced
    assert opened(made.data).size == (made.width, made.height)
    assert made.width / made.height == pytest.approx(4 / 3, abs=0.02)


def test_only_a_copy_that_has_lost_something_counts_as_made_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    loose, fine = file_of(photo(), compress_level=0), file_of(detailed(), "JPEG", quality=100)
    monkeypatch.setattr(cost, "SENT_BYTES", min(len(loose), len(fine)) - 1)
    without_loss, with_loss = plain_copy(loose, "x"), plain_copy(fine, "x")
    assert opened(without_loss.data).tobytes() == photo().tobytes()
    assert (without_loss.content_type, without_loss.is_reduced) == ("image/png", False)
    assert (with_loss.width, with_loss.height, with_loss.is_reduced) == (WIDTH, HEIGHT, True)


def test_more_bytes_than_the_model_takes_are_made_fewer() -> None:
    data = file_of(noise(400, 300))
    assert plain_copy(data, "x", SentLimit(len(data))).data == data
    made = plain_copy(data, "x", SentLimit(20_000))
    assert len(made.data) <= 20_000
    assert (made.is_converted, made.is_reduced) == (True, True)
    assert opened(made.data).size == (made.width, made.height)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP"])
def test_more_pixels_than_the_model_takes_are_made_fewer(form: str, mode: str) -> None:
    data = file_of(photo("RGB" if form == "JPEG" else mode), form)
    assert plain_copy(data, "x", SentLimit(2**20, WIDTH * HEIGHT)).is_reduced is False
    made = plain_copy(data, "x", SentLimit(2**20, WIDTH * HEIGHT - 1))
    assert (made.width, made.height, made.is_reduced) == (WIDTH // 2, HEIGHT // 2, True)


def test_a_model_that_takes_more_than_the_bot_sends_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "SENT_BYTES", 20_000)
    monkeypatch.setattr(cost, "CONVERTED_PIXELS", 50_000)
    data = file_of(noise(400, 300))
    assert plain_copy(data, "x", SentLimit(2**30, 2**30)) == plain_copy(data, "x")


def test_the_limit_of_a_model_leaves_the_bounds_of_the_work_as_they_are() -> None:
    data = promising("PNG", 9000, 6900)
    limited = partial(cost.of_plain_copy, limit=SentLimit(2**20, 25_000_000))
    assert bearable(data, limited).width == 9000


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP"])
def test_more_pixels_than_the_image_api_takes_are_made_fewer(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "SENT_PIXELS", 10_000)
    monkeypatch.setattr(cost, "CONVERTED_PIXELS", 10_000)
    made = plain_copy(file_of(photo(), form), "x")
    assert (made.width, made.height, made.is_reduced) == (80, 60, True)
    assert opened(made.data).convert("RGB").getpixel((8, 8)) == pytest.approx(RED, abs=6)


def promising(form: str, width: int, height: int, mode: str = "RGB", **options: Any) -> bytes:
    """Return a small file that claims to have many pixels."""
    data = bytearray(file_of(photo(mode), form, **options))
    if form == "TIFF":  # its first two tags are the width and the height, as numbers of two or four bytes
        at = int.from_bytes(data[4:8], "little") + 2
        struct.pack_into("<HHIIHHII", data, at, 256, 4, 1, width, 257, 4, 1, height)
        return bytes(data)
    if form == "JPEG":
        frame = re.search(rb"\xff[\xc0\xc2]\0\x11\x08", data)
        assert frame is not None
        struct.pack_into(">HH", data, frame.end(), height, width)
        return bytes(data)
    at = {"GIF": 6, "BMP": 18, "PNG": 16}.get(form) or data.index(b"ispe") + 8
    layout = {"GIF": "<HH", "BMP": "<ii"}.get(form, ">II")
    struct.pack_into(layout, data, at, width, height)
    if form == "PNG":
        struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    return bytes(data)


def promising_webp(width: int, height: int) -> bytes:
    return pictures.riff(pictures.one_colour(width, height))


def png_of_16_bits_with_alpha(width: int, height: int) -> bytes:
    chunks = pictures.ihdr(width, height, 16, 6) + pictures.chunk(b"IDAT", zlib.compress(bytes(99)))
    return pictures.PNG + chunks + pictures.chunk(b"IEND", b"")


TOO_MANY, TOO_MUCH = Reason.REFERENCE_TOO_MANY_PIXELS, Reason.REFERENCE_TOO_COMPLEX
progressive_of: Final = partial(promising, "JPEG", progressive=True, subsampling=0)
SIZES: Final[dict[str, tuple[Callable[[int, int], bytes], dict[tuple[int, int], Reason | None]]]] = {
    "JPEG": (partial(promising, "JPEG"), {(12_000, 9000): None, (16_384, 16_384): None, (20_000, 15_000): TOO_MANY}),
    "progressive JPEG": (progressive_of, {(9000, 6900): None, (12_000, 9000): TOO_MUCH, (20_000, 15_000): TOO_MANY}),
    "PNG": (partial(promising, "PNG"), {(8192, 8192): None, (12_000, 9000): TOO_MUCH, (16_384, 12_288): TOO_MANY}),
    "grey PNG": (partial(promising, "PNG", mode="L"), {(12_000, 9000): None, (16_384, 12_288): TOO_MANY}),
    "PNG of 16 bits with alpha": (png_of_16_bits_with_alpha, {(9000, 6000): None, (8192, 8192): TOO_MUCH}),
    **{
        form: (partial(promising, form), {(8000, 6000): None, (8192, 8192): TOO_MUCH, (12_000, 9000): TOO_MANY})
        for form in ("GIF", "BMP", "TIFF")
    },
    **{
        form: (partial(promising, form), {(8000, 6000): None, (8064, 6048): None, (8192, 6144): TOO_MANY})
        for form in ("HEIF", "AVIF")
    },
    "WebP": (promising_webp, {(6000, 4000): None, (8000, 6000): TOO_MANY}),
}
"""How a file of a size is made, and with which reason sizes are refused; None if they are taken."""


@pytest.mark.parametrize(
    ("form", "size"), [(form, size) for form, (_, sizes) in SIZES.items() for size in sizes], ids=str
)
def test_up_to_which_size_a_picture_is_taken_depends_on_its_format(form: str, size: tuple[int, int]) -> None:
    make, verdicts = SIZES[form]
    try:
        assert bearable(make(*size), cost.of_plain_copy).pixels == size[0] * size[1]
        verdict = None
    except Unreadable as refused:
        verdict = refused.reason
    assert verdict is verdicts[size]


@pytest.mark.parametrize(
    ("form", "size"),
    [("GIF", (65_000, 65_000)), ("BMP", (60_000, 60_000)), ("HEIF", (60_000, 60_000)), ("AVIF", (9_000, 8_000))],
)
def test_a_small_file_with_very_many_pixels_is_refused_undecoded(form: str, size: tuple[int, int]) -> None:
    with pytest.raises(BadReference) as refused:
        plain_copy(promising(form, *size), "x")
    assert refused.value.reason is Reason.REFERENCE_TOO_MANY_PIXELS


@pytest.mark.parametrize(
    ("is_lossless", "mark", "other"), [(False, rb"\x9d\x01\x2a", rb"\0\0\0"), (True, rb"(VP8L....)/", rb"\1.")]
)
def test_a_webp_whose_frame_is_of_another_format_is_refused_undecoded(
    is_lossless: bool, mark: bytes, other: bytes
) -> None:
    data = re.sub(mark, other, file_of(photo(), "WEBP", lossless=is_lossless), count=1, flags=re.DOTALL)
    with pytest.raises(Unreadable) as refused:
        read_header(data)
    assert refused.value.reason is Reason.REFERENCE_BROKEN


def test_a_tiff_with_endless_tags_is_refused_undecoded() -> None:
    tags = b"".join(struct.pack("<HHII", 700 + number, 1, 2**20, 8) for number in range(20))
    data = b"II*\0\x08\0\0\0" + struct.pack("<H", 20) + tags + bytes(4 + 2**20)
    with pytest.raises(BadReference) as refused:
        plain_copy(data, "x")
    assert refused.value.reason is Reason.REFERENCE_TOO_COMPLEX


def test_a_phone_photo_of_48_megapixels_may_be_copied() -> None:
    small = file_of(photo(), "HEIF")
    data = re.sub(rb"(ispe....).{8}", lambda at: at[1] + struct.pack(">II", 8064, 6048), small, flags=re.DOTALL)
    assert bearable(data, cost.of_plain_copy).pixels == 8064 * 6048
