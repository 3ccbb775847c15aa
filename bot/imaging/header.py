"""Read the header of a picture in a bounded number of steps, without decoding pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from bot.errors import Reason
from bot.imaging import gif, jpeg, png, webp
from bot.imaging.formats import format_of
from bot.imaging.headers import Header
from bot.imaging.picture_info import Unreadable

MAX_PIXELS: Final = 2**26
"""67 megapixels; the 8192 x 6144 pixels of a 50-megapixel phone are within the limit."""
WEBP_PIXELS: Final = 24_500_000
"""Pillow has only libwebp's animation decoder, which needs three canvases: 280 MiB for so many pixels."""
MAX_EDGE: Final = 2**17
"""Pixels. Each row costs extra memory, and a picture a million pixels long is of no use."""

_WALKS: Final[Mapping[str, Callable[[bytes], Header]]] = {
    "JPEG": jpeg.read_header,
    "PNG": png.read_header,
    "WebP": webp.read_header,
}


def read_header(data: bytes) -> Header:
    """Return the header of a JPEG, PNG or WebP with one frame and an accepted number of pixels. Raises Unreadable for
    everything else."""
    header = _WALKS[known_format(data)](data)
    most = WEBP_PIXELS if header.format == "WebP" else MAX_PIXELS
    if header.pixels > most or max(header.width, header.height) > MAX_EDGE:
        raise Unreadable(Reason.REFERENCE_TOO_MANY_PIXELS, megapixels=most // 10**6)
    if header.is_animated:
        raise Unreadable(Reason.REFERENCE_ANIMATED, format=header.format)
    return header


def known_format(data: bytes) -> str:
    """Return JPEG, PNG or WebP. Raises Unreadable for every other format."""
    found = format_of(data)
    if found is None:
        raise Unreadable(Reason.REFERENCE_NOT_A_PICTURE)
    if found not in _WALKS:
        moving = found == "GIF" and gif.is_animated(data)
        raise Unreadable(Reason.REFERENCE_ANIMATED if moving else Reason.REFERENCE_FORMAT, format=found)
    return found
