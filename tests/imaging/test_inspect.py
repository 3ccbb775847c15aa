"""Tests for pictures: inputs are decoded and checked, a bad one raises only BadReference, and copies look the same."""

from __future__ import annotations

import re
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bot.errors import BadReference, Reason
from bot.imaging.conversion import as_png
from bot.imaging.decoding import MAX_BYTES
from bot.imaging.inspection import look_at_result
from bot.imaging.picture_info import PictureInfo, Unreadable
from bot.imaging.plain import plain_copy
from bot.imaging.thumbnails import CHECKS, thumbnail
from tests.hostile.pictures import promising
from tests.imaging import picture_files
from tests.imaging.picture_files import file_of, opened, oriented

COMMENT = "where I live"
WIDTH, HEIGHT = 96, 64


def painted(width: int = WIDTH, height: int = HEIGHT, mode: str = "RGB") -> Image.Image:
    """Return a picture that is large enough to be sent."""
    return picture_files.painted(width, height, mode)


def animation(form: str) -> bytes:
    return file_of(painted(), form, save_all=True, append_images=[painted(mode="L").convert("RGB")], duration=100)


def reason_of(data: bytes, filename: str = "picture") -> tuple[Reason, dict[str, str | int]]:
    with pytest.raises(BadReference) as refused:
        plain_copy(data, filename)
    parameters = dict(refused.value.parameters)
    assert parameters.pop("filename") == filename
    return refused.value.reason, parameters


FILES = {
    "JPEG": file_of(painted(), "JPEG"),
    "progressive JPEG": file_of(painted(), "JPEG", progressive=True),
    "PNG": file_of(painted()),
    "WebP": file_of(painted(), "WEBP"),
    "lossless WebP": file_of(painted(), "WEBP", lossless=True),
}
OF = {"JPEG": "image/jpeg", "PNG": "image/png", "WebP": "image/webp"}


# -- accepted pictures -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", FILES)
def test_a_whole_picture_is_described(name: str) -> None:
    look = look_at_result(FILES[name])
    assert (look.content_type, look.width, look.height) == (OF[name.split()[-1]], WIDTH, HEIGHT)


@pytest.mark.parametrize(
    "data",
    [
        file_of(painted(mode="CMYK"), "JPEG"),
        file_of(painted(mode="L"), "JPEG"),
        file_of(painted(mode="1")),
        file_of(painted(mode="LA")),
        file_of(painted(mode="L").convert("I;16")),
        file_of(painted(mode="P"), transparency=bytes(range(256))),
        file_of(painted(mode="RGBA"), "WEBP"),
        FILES["PNG"] + b"trailing bytes",
        FILES["JPEG"] + b"PK\x03\x04 an archive behind it <svg>",
    ],
    ids=["cmyk", "grey-jpeg", "1-bit", "grey-alpha", "16-bit", "palette-alpha", "webp-alpha", "trailing", "polyglot"],
)
def test_every_kind_of_pixel_works_all_the_way(data: bytes) -> None:
    look, made = look_at_result(data), plain_copy(data, "x")
    assert (look.width, look.height) == (made.width, made.height) == (WIDTH, HEIGHT)
    assert opened(thumbnail(data)).size == opened(as_png(data)).size == (WIDTH, HEIGHT)


def test_a_phones_double_jpeg_is_a_jpeg() -> None:
    data = file_of(painted(), "MPO", save_all=True, append_images=[painted()])
    assert opened(data).format == "MPO"
    assert look_at_result(data).content_type == plain_copy(data, "IMG_1.JPG").content_type == "image/jpeg"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_sizes_are_those_one_sees(form: str) -> None:
    data = file_of(painted(), form, exif=oriented())
    look, made = look_at_result(data), plain_copy(data, "x")
    assert (look.width, look.height) == (made.width, made.height) == (HEIGHT, WIDTH)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_sizes_are_those_one_sees_also_in_the_byte_order_of_a_macintosh(form: str) -> None:
    tags = b"".join(struct.pack(">HHIHH", tag, 3, 1, value, 0) for tag, value in ((0x0111, 1), (0x0112, 6)))
    exif = b"MM\0*\0\0\0\x08\0\2" + tags + bytes(4)
    look = look_at_result(file_of(painted(), form, exif=b"Exif\0\0" + exif if form == "JPEG" else exif))
    assert (look.width, look.height) == (HEIGHT, WIDTH)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_picture_whose_metadata_name_no_orientation_is_upright(form: str) -> None:
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    look = look_at_result(file_of(painted(), form, exif=exif))
    assert (look.width, look.height) == (WIDTH, HEIGHT)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns about such a tag and continues
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "exif",
    [b"nonsense", b"II*\0\x08\0\0\0\xff\xff", b"MM\0*\x7f\xff\xff\xff" + bytes(9), bytes(40)],
    ids=["words", "cut", "tags beyond the end", "zeros"],
)
def test_unreadable_metadata_spoils_no_picture(form: str, exif: bytes) -> None:
    data = file_of(painted(), form, exif=b"Exif\0\0" + exif if form == "JPEG" else exif)
    look, made = look_at_result(data), plain_copy(data, "x")
    assert (look.width, look.height) == (made.width, made.height) == (WIDTH, HEIGHT)
    assert opened(thumbnail(data)).size == (WIDTH, HEIGHT)


@pytest.mark.parametrize(
    "name", ["photo.jpg", "photo.JPEG", "a.b.jfif", "a.pjpeg", "a.pjp", "photo", "photo.final", ".png"]
)
def test_names_that_fit_or_say_nothing_are_fine(name: str) -> None:
    assert plain_copy(FILES["JPEG"], name).content_type == "image/jpeg"
    assert look_at_result(FILES["JPEG"]).extension == "jpg"


# -- refused pictures --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "form"),
    [
        (file_of(painted(), "ICO"), "ICO"),
        (file_of(painted(), "JPEG2000"), "JPEG 2000"),
        (file_of(painted(), "PDF"), "PDF"),
        (b"8BPS\0\x01" + bytes(40), "PSD"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xef\xbb\xbf  <?xml version='1.0'?>\n<!-- drawn --><!DOCTYPE svg [<!ENTITY a 'b'>]>\n<SVG/>", "SVG"),
        ("\ufeff<?xml version='1.0' encoding='utf-16'?><svg/>".encode("utf-16-le"), "SVG"),
        (b"<ns0:svg xmlns:ns0='http://www.w3.org/2000/svg'/>", "SVG"),
    ],
)
def test_other_formats_are_refused_by_name(data: bytes, form: str) -> None:
    assert reason_of(data, "photo.jpg") == (Reason.REFERENCE_FORMAT, {"format": form})


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        b"hello",
        b"BMW is a car, no bitmap",
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(40),
        b"<!doctype html><html><body><svg/></body></html>",
        b"<?xml version='1.0'?><html><svg/></html>",
        b"<!---->" * 500 + b"<p>",
        bytes(20) + FILES["PNG"],
    ],
)
def test_what_is_no_picture_is_said_to_be_none(data: bytes) -> None:
    assert reason_of(data, "photo.png") == (Reason.REFERENCE_NOT_A_PICTURE, {})


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ("GIF", Reason.REFERENCE_FORMAT),
        ("PNG", Reason.REFERENCE_ANIMATED),
        ("WEBP", Reason.REFERENCE_ANIMATED),
        ("AVIF", Reason.REFERENCE_FORMAT),
    ],
)
def test_a_result_that_moves_or_that_not_everybody_can_see_is_refused(form: str, reason: Reason) -> None:
    with pytest.raises(Unreadable) as refused:
        look_at_result(animation(form))
    assert refused.value.reason is reason


def test_an_empty_file_is_refused() -> None:
    assert reason_of(b"") == (Reason.REFERENCE_EMPTY, {})


def test_50_mebibytes_are_taken_and_not_a_byte_more() -> None:
    whole = FILES["PNG"] + bytes(MAX_BYTES - len(FILES["PNG"]))
    assert plain_copy(whole, "x").width == WIDTH
    assert reason_of(whole + b"\0") == (Reason.REFERENCE_TOO_LARGE, {"megabytes": 50})


@pytest.mark.parametrize(("width", "height"), [(12_000, 12_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_a_small_file_with_very_many_pixels_is_refused_undecoded(width: int, height: int) -> None:
    assert reason_of(promising(width, height)) == (Reason.REFERENCE_TOO_MANY_PIXELS, {"megapixels": 134})


def test_too_many_pixels_are_seen_in_every_format() -> None:
    jpeg = re.sub(
        rb"(\xff\xc0\0\x11\x08)....", lambda found: found[1] + b"\xff" * 4, FILES["JPEG"], count=1, flags=re.DOTALL
    )
    webp = bytearray(file_of(painted(), "WEBP", exif=oriented(1)))
    webp[24:30] = b"\xff\x3f\0\xff\x3f\0"  # canvas: 16,384 by 16,384 pixels
    assert reason_of(jpeg)[0] is reason_of(bytes(webp))[0] is Reason.REFERENCE_TOO_MANY_PIXELS


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9, 0.98])
def test_a_truncated_picture_is_refused(name: str, part: float) -> None:
    data = FILES[name]
    with pytest.raises(Unreadable) as refused:
        look_at_result(data[: int(len(data) * part)])
    assert refused.value.reason is Reason.REFERENCE_BROKEN


def test_a_png_whose_checksum_is_wrong_is_refused() -> None:
    data = bytearray(FILES["PNG"])
    end_of_pixels = data.index(b"IEND") - 5
    data[end_of_pixels] ^= 1
    assert reason_of(bytes(data)) == (Reason.REFERENCE_BROKEN, {})


HEADS = [data[:60] for data in FILES.values()] + [
    b"GIF89a",
    b"<svg",
    b"\0\0\0\x20ftyp",
    b"BM",
    b"RIFF\0\0\0\0WEBPVP8X",
    b"",
]


def judgement(data: bytes) -> str:
    try:
        made = plain_copy(data, "x")
    except BadReference as refused:
        return refused.reason
    return made.content_type


@pytest.mark.filterwarnings("ignore::UserWarning")  # as in production, where warnings are no errors
@settings(deadline=None, max_examples=200)
@given(head=st.sampled_from(HEADS), tail=st.binary(max_size=300))
def test_whatever_the_bytes_it_is_a_look_or_a_bad_reference(head: bytes, tail: bytes) -> None:
    assert judgement(head + tail).startswith(("reference_", "image/"))


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(deadline=None, max_examples=200)
@given(data=st.sampled_from(list(FILES.values())), changes=st.dictionaries(st.integers(0, 400), st.integers(0, 255)))
def test_whatever_is_damaged_it_is_a_look_or_a_bad_reference(data: bytes, changes: dict[int, int]) -> None:
    damaged = bytearray(data)
    for place, value in changes.items():
        damaged[place % len(damaged)] = value
    assert judgement(bytes(damaged)).startswith(("reference_", "image/"))


# -- copies ------------------------------------------------------------------------------------------------------------
def test_an_upright_png_is_its_own_png() -> None:
    assert as_png(FILES["PNG"]) is FILES["PNG"]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_png_copy_is_upright_and_loses_nothing(form: str) -> None:
    data = file_of(painted(), form, exif=oriented())
    made = opened(as_png(data))
    assert made.format == "PNG"
    assert not made.getexif()
    assert made.tobytes() == opened(data).convert("RGB").transpose(Image.Transpose.ROTATE_270).tobytes()


@pytest.mark.parametrize("size", [(1000, 500), (500, 1000), (7, 5), (3000, 1)])
def test_a_thumbnail_keeps_its_shape_within_its_edge(size: tuple[int, int]) -> None:
    small = opened(thumbnail(file_of(painted(*size)), edge=100))
    assert small.format == "JPEG"
    assert max(small.size) == min(100, max(size))
    assert abs(small.width / small.height - size[0] / size[1]) < 0.1 or min(size) == 1


def test_a_thumbnail_is_upright_and_says_nothing_but_the_picture() -> None:
    data = file_of(painted(800, 400), "JPEG", exif=oriented(), comment=COMMENT)
    small = thumbnail(data)
    assert opened(small).size == (160, 320)
    assert COMMENT.encode() in data
    assert COMMENT.encode() not in small
    assert "exif" not in opened(small).info


@pytest.mark.parametrize("clear", [Image.new("RGBA", (60, 40)), Image.new("LA", (60, 40))], ids=["colour", "grey"])
def test_of_a_thumbnail_the_transparent_parts_are_a_checkerboard(clear: Image.Image) -> None:
    small = opened(thumbnail(file_of(clear)))
    assert (small.getpixel((4, 4)), small.getpixel((12, 4))) == (CHECKS[1], CHECKS[0])


@pytest.mark.parametrize("colour", ["white", "black"])
@pytest.mark.parametrize("edge", [60, 2000], ids=["small", "large"])
def test_a_drawing_without_background_stands_out_in_its_thumbnail(colour: str, edge: int) -> None:
    drawing = Image.new("RGBA", (edge, edge))
    drawing.paste(colour, (edge // 2, 0, edge, edge))
    small = opened(thumbnail(file_of(drawing))).convert("L")
    drawn, beside = (small.crop((x, 20, x + 1, 21)).tobytes()[0] for x in (small.width * 3 // 4, small.width // 4))
    assert drawn == pytest.approx(255 if colour == "white" else 0, abs=6)
    assert abs(drawn - beside) > 35


def test_a_picture_without_transparent_pixels_has_no_checkerboard() -> None:
    shades = opened(thumbnail(file_of(Image.new("RGBA", (60, 40), "teal")))).convert("L").tobytes()
    assert max(shades) - min(shades) < 6


def test_a_16_bit_grey_keeps_its_shades() -> None:
    grey = Image.new("I;16", (60, 40), 0x8000)
    assert opened(thumbnail(file_of(grey))).convert("L").getpixel((5, 5)) == pytest.approx(0x80, abs=2)


def test_a_result_is_described_and_nonsense_is_a_value_error() -> None:
    assert look_at_result(FILES["PNG"]) == PictureInfo(content_type="image/png", width=WIDTH, height=HEIGHT)
    for nonsense in (b"", b"<html>", FILES["PNG"][:-40], promising(60_000, 60_000)):
        with pytest.raises(ValueError, match="reference_"):
            look_at_result(nonsense)
