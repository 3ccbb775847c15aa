"""Read the header of a picture in a bounded number of steps, without decoding pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from bot.errors import Reason
from bot.imaging import bmp, gif, heif, jpeg, png, tiff, webp
from bot.imaging.formats import format_of
from bot.imaging.headers import Header
from bot.imaging.picture_info import Unreadable

MAX_PIXELS: Final = 2**26
"""67 megapixels; the 8192 x 6144 pixels of a 50-megapixel phone are within the limit."""
MOST_PIXELS: Final[Mapping[str, int]] = {
    "JPEG": 2**28,
    "PNG": 2**27,
    "WebP": 24_500_000,
    "HEIC": 50_000_000,
    "AVIF": 50_000_000,
}
"""Limits that differ from `MAX_PIXELS`. A JPEG can be decoded at a fraction of its size, so the 200 megapixels of a
phone are within the limit. A PNG is also limited by the memory that it needs. For WebP, Pillow has only libwebp's
animation decoder, which needs three canvases: 280 MiB for so many pixels. HEIC and AVIF: the 8064 x 6048 pixels of a
phone are within the limit."""
MAX_EDGE: Final = 2**17
"""Pixels. Each row costs extra memory, and a picture a million pixels long is of no use."""

_WALKS: Final[Mapping[str, Callable[[bytes], Header]]] = {
    "JPEG": jpeg.read_header,
    "PNG": png.read_header,
    "WebP": webp.read_header,
    "GIF": gif.read_header,
    "BMP": bmp.read_header,
    "TIFF": tiff.read_header,
    "HEIC": partial(heif.read_header, found="HEIC"),
    "AVIF": partial(heif.read_header, found="AVIF"),
}


def read_header(data: bytes) -> Header:
    """Return the header of a picture with an accepted format, number of pixels and length of its sides. Raises
    Unreadable for everything else."""
    header = _WALKS[known_format(data)](data)
    most = MOST_PIXELS.get(header.format, MAX_PIXELS)
    if header.pixels > most or max(header.width, header.height) > MAX_EDGE:
        raise Unreadable(Reason.REFERENCE_TOO_MANY_PIXELS, megapixels=most // 10**6)
    return header


def known_format(data: bytes) -> str:
    """Return the format by the first bytes. Raises Unreadable for a format that is not accepted or not known."""
    found = format_of(data)
    if found is None:
        raise Unreadable(Reason.REFERENCE_NOT_A_PICTURE)
    if found not in _WALKS:
        raise Unreadable(Reason.REFERENCE_FORMAT, format=found)
    return found
