"""Check an attached file before its header is read, and a result by decoding it."""

from __future__ import annotations

from typing import Final

from bot.errors import Reason
from bot.imaging import cost
from bot.imaging.decoding import MAX_BYTES, bearable, checked
from bot.imaging.formats import CONTENT_TYPES
from bot.imaging.header import known_format
from bot.imaging.headers import Header
from bot.imaging.picture_info import PictureInfo, Unreadable
from bot.imaging.pixels import LYING

_OF_RESULTS: Final = frozenset({"JPEG", "PNG", "WebP"})


def look_at_result(data: bytes) -> PictureInfo:
    """Check a picture from the image API with `checked`, within the limits of pixels, memory and time. Raises
    Unreadable, also for an animation and for any format but JPEG, PNG and WebP, which Discord shows everywhere."""
    header = bearable(data, cost.of_look)
    if header.format not in _OF_RESULTS:
        raise Unreadable(Reason.REFERENCE_FORMAT, format=header.format)
    if header.is_animated:
        raise Unreadable(Reason.REFERENCE_ANIMATED, format=header.format)
    checked(data, header)
    return _look(header)


def check_file(data: bytes) -> None:
    """Check what needs no header: the file is not empty, has at most `MAX_BYTES`, and its first bytes are those of an
    accepted format. Raises Unreadable."""
    if not data:
        raise Unreadable(Reason.REFERENCE_EMPTY)
    if len(data) > MAX_BYTES:
        raise Unreadable(Reason.REFERENCE_TOO_LARGE, megabytes=MAX_BYTES // 2**20)
    known_format(data)


def _look(header: Header) -> PictureInfo:
    lies = header.orientation in LYING
    return PictureInfo(
        content_type=CONTENT_TYPES[header.format],
        width=header.height if lies else header.width,
        height=header.width if lies else header.height,
    )
