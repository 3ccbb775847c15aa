"""Tests for removing metadata: a picture from another person is copied without the metadata in its file."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image, ImageOps, PngImagePlugin
from PIL.ExifTags import GPS, IFD, Base

from bot.imaging.inspection import look_at_result
from bot.imaging.metadata import without_metadata
from bot.imaging.plain import plain_copy

WORDS = "a diary of anna"


def photo(kind: str, *, orientation: int = 1, mode: str = "RGB", **options: Any) -> bytes:
    """Return a picture as a phone stores it: with a location, a description, a colour profile and an orientation."""
    image = Image.radial_gradient("L").resize((96, 64)).convert(mode)
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    exif[Base.ImageDescription] = WORDS
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitude] = (48.0, 51.0, 29.0)
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", WORDS)
        text.add_itxt("XML:com.adobe.xmp", WORDS)
        options = {"pnginfo": text} | options
    elif kind == "JPEG":
        options = {"comment": WORDS.encode(), "quality": 90} | options
    data = io.BytesIO()
    image.save(data, kind, exif=exif, icc_profile=b"profile" * 20, xmp=f"<x>{WORDS}</x>".encode(), **options)
    return data.getvalue()


PHOTOS = {
    "jpeg": photo("JPEG"),
    "progressive jpeg": photo("JPEG", progressive=True),
    "jpeg with restarts": photo("JPEG", restart_marker_blocks=2),
    "cmyk jpeg": photo("JPEG", mode="CMYK"),
    "jpeg with something behind it": photo("JPEG") + photo("JPEG"),
    "png": photo("PNG"),
    "png of a palette": photo("PNG", mode="P"),
    "transparent png": photo("PNG", mode="RGBA"),
}
CONVERTED = {
    "turned jpeg": photo("JPEG", orientation=6),
    "turned progressive jpeg": photo("JPEG", orientation=3, progressive=True),
    "turned png": photo("PNG", orientation=8),
    "webp": photo("WEBP", lossless=True),
    "turned webp": photo("WEBP", orientation=5),
    "transparent webp": photo("WEBP", mode="RGBA", lossless=True),
}
"""Pictures that have to be decoded for the image API."""


@pytest.mark.parametrize("data", PHOTOS.values(), ids=PHOTOS)
def test_the_same_picture_is_left_and_nothing_that_was_said_of_it(data: bytes) -> None:
    assert WORDS.encode() in data
    bare = without_metadata(data)
    assert WORDS.encode() not in bare
    with Image.open(io.BytesIO(bare)) as image, Image.open(io.BytesIO(data)) as before:
        assert not image.getexif()
        assert image.tobytes() == before.tobytes()
        assert image.mode == before.mode
        assert image.info.get("icc_profile") == before.info.get("icc_profile")
    assert look_at_result(bare) == look_at_result(data)
    assert without_metadata(bare) == bare


@pytest.mark.parametrize("data", CONVERTED.values(), ids=CONVERTED)
def test_nothing_that_was_said_of_it_is_left_in_a_picture_that_has_to_be_converted(data: bytes) -> None:
    assert WORDS.encode() in data
    made = plain_copy(data, "picture")
    assert WORDS.encode() not in made.data
    with Image.open(io.BytesIO(made.data)) as image:
        assert not image.getexif()
        assert image.size == ImageOps.exif_transpose(Image.open(io.BytesIO(data))).size
    assert without_metadata(made.data) == made.data


def test_what_is_behind_the_end_of_a_picture_goes() -> None:
    data = photo("JPEG")
    assert without_metadata(data + b"\xff\xd8" + b"secret") == without_metadata(data)
    png = photo("PNG")
    assert without_metadata(png + b"secret") == without_metadata(png)


@pytest.mark.parametrize("data", [b"", b"GIF89a", photo("WEBP"), b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_jpeg_and_no_png_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the message depends on the parser that fails first
        without_metadata(data)
