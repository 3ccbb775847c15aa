"""
Remove metadata from a picture's file: place, time, camera, author. The pixels are not decoded, so there is no loss. The
orientation and the colour information are kept.

The input must be a JPEG, a PNG or a WebP with one frame that `inspect` accepts; other formats give an unusable file.
Raises Unreadable for a JPEG or a PNG that violates its format.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from bot.imaging.header import read_header
from bot.imaging.headers import broken

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
_WEBP_KEPT: Final = frozenset((b"VP8 ", b"VP8L", b"ALPH", b"ICCP"))
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04
"""Flags of the VP8X chunk."""


def without_metadata(data: bytes) -> bytes:
    """Return the picture without metadata, in the same format. An animated PNG keeps only the picture that programs
    without animation show."""
    header = read_header(data)
    exif = _only_orientation(header.orientation) if header.orientation != 1 else b""
    match header.format:
        case "JPEG":
            return _jpeg(data, exif)
        case "PNG":
            return _png(data, exif)
        case _:
            return _webp(data, exif)


def _only_orientation(orientation: int) -> bytes:
    """Return an EXIF block with one tag, the orientation (0112), as a 16-bit number."""
    tag = b"\x01\x12\0\x03\0\0\0\x01" + orientation.to_bytes(2) + b"\0\0"
    return b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + tag + b"\0\0\0\0"


def _jpeg(data: bytes, exif: bytes) -> bytes:
    """Return the JPEG without metadata and without data after the picture's end, such as a phone's second picture."""
    head = b"\xff\xe1" + (len(exif) + 2).to_bytes(2) + exif if exif else b""
    return b"\xff\xd8" + head + b"".join(_segments(data)) + b"\xff\xd9"


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


def _png(data: bytes, exif: bytes) -> bytes:
    kept = [_PNG_SIGNATURE]
    at = len(_PNG_SIGNATURE)
    while at + 12 <= len(data):
        kind, end = data[at + 4 : at + 8], at + 12 + int.from_bytes(data[at : at + 4])
        if kind in _PNG_KEPT:
            kept.append(data[at:end])
        if kind == b"IHDR" and exif:
            kept.append(_chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")))
        if kind == b"IEND":
            return b"".join(kept)
        at = end
    raise broken()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)


def _webp(data: bytes, exif: bytes) -> bytes:
    kept = []
    at = 12
    while at + 8 <= len(data):
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 8 + length]
        if kind == b"VP8X":
            flags = body[0] & ~(_WEBP_EXIF | _WEBP_XMP) | (_WEBP_EXIF if exif else 0)
            kept.append(_riff(kind, bytes([flags]) + body[1:]))
        elif kind in _WEBP_KEPT:
            kept.append(_riff(kind, body))
        at += 8 + length + length % 2
    if exif:
        kept.append(_riff(b"EXIF", exif))
    content = b"WEBP" + b"".join(kept)
    return b"RIFF" + len(content).to_bytes(4, "little") + content


def _riff(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)
