"""
Remove metadata from a picture's file: place, time, camera, author. The pixels are not decoded, so there is no loss. The
colour information is kept.

The input must be an upright JPEG or PNG, as the orientation is removed too. Raises Unreadable for other formats and
for a file whose parts it cannot follow; the pixels are not checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bot.errors import Reason
from bot.imaging.header import read_header
from bot.imaging.headers import broken
from bot.imaging.picture_info import Unreadable

_JPEG_LEFT_OUT: Final = frozenset({*range(0xE1, 0xF0), 0xFE}) - {0xE2, 0xEE}
"""Application segments and comments, except JFIF (E0) and the two of colour: the profile (E2) and the colour transform
(EE)."""
_JPEG_BEGINS: Final = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0"}
"""Required start of kept segments, by marker. Other segments with these markers hold thumbnails or a second picture."""
_JPEG_SCAN: Final = 0xDA
_JPEG_END: Final = 0xD9
_JPEG_BARE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length."""
_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT: Final = frozenset(
    (
        b"IHDR",
        b"PLTE",
        b"IDAT",
        b"IEND",
        b"tRNS",
        b"gAMA",
        b"cHRM",
        b"sRGB",
        b"iCCP",
        b"cICP",
        b"sBIT",
        b"bKGD",
        b"pHYs",
    )
)


def without_metadata(data: bytes) -> bytes:
    """Return the picture without metadata, in the same format. An animated PNG keeps only the picture that programs
    without animation show; a JPEG loses what follows its end, such as a second picture."""
    match read_header(data).format:
        case "JPEG":
            return _jpeg(data)
        case "PNG":
            return _png(data)
        case other:
            raise Unreadable(Reason.REFERENCE_FORMAT, format=other)


def _jpeg(data: bytes) -> bytes:
    """Return the JPEG without metadata and without data after the picture's end, such as a phone's second picture."""
    return b"\xff\xd8" + b"".join(_segments(data)) + b"\xff\xd9"


def _segments(data: bytes) -> Iterator[bytes]:
    """Yield the kept segments, up to the end of the picture."""
    at = 2
    while at + 1 < len(data):
        if data[at] != 0xFF:
            raise broken()
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if marker == _JPEG_END:
            return
        if marker in _JPEG_BARE:
            end = at + 2
        else:
            end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
            if marker == _JPEG_SCAN:
                end = _end_of_scan(data, end)
        if marker not in _JPEG_LEFT_OUT and data[at + 4 : end].startswith(_JPEG_BEGINS.get(marker, b"")):
            yield data[at:end]
        at = end


def _end_of_scan(data: bytes, at: int) -> int:
    """Return the position of the next marker. In a scan, FF is followed by 00 or by the code of a restart marker."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            return len(data)
        if data[at + 1] == 0 or 0xD0 <= data[at + 1] <= 0xD7:
            at += 2
        else:
            return at


def _png(data: bytes) -> bytes:
    kept = [_PNG_SIGNATURE]
    at = len(_PNG_SIGNATURE)
    while at + 12 <= len(data):
        kind, end = data[at + 4 : at + 8], at + 12 + int.from_bytes(data[at : at + 4])
        if kind in _PNG_KEPT:
            kept.append(data[at:end])
        if kind == b"IEND":
            return b"".join(kept)
        at = end
    raise broken()
