"""Detect the format of a picture from its bytes. Some formats that the bot does not accept are detected too, to name
them in error messages."""

from __future__ import annotations

import re
from typing import Final

CONTENT_TYPES: Final = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WebP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "HEIC": "image/heic",
    "AVIF": "image/avif",
}
"""Content types of the accepted formats."""
EXTENSIONS: Final = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/bmp": "bmp",
    "image/tiff": "tif",
    "image/heic": "heic",
    "image/avif": "avif",
}
"""File extension for each content type, without a dot."""

_SIGNATURES: Final = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG", "PNG"),
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"8BPS", "PSD"),
    (b"%PDF-", "PDF"),
    (b"\0\0\1\0", "ICO"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"gimp xcf", "XCF"),
)
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})

_SVG: Final = re.compile(
    r"(?:\s+|<\?.*?\?>|<!--.*?-->|<!doctype[^>\[]*(?:\[.*?\])?[^>]*>)*+<(?:\w+:)?svg\b",
    re.DOTALL | re.IGNORECASE,
)
"""`*+` is possessive (never backtracks), so that a hostile prologue cannot cause catastrophic backtracking."""


def format_of(data: bytes) -> str | None:
    """Return the format by the first bytes, accepted (`CONTENT_TYPES`) or not; None if they are of no known format.
    Bytes after the picture are ignored."""
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[:2] == b"BM" and data[6:10] == bytes(4):
        return "BMP"
    return _box_format(data) if data[4:8] == b"ftyp" else _text_format(data[:4096])


def _box_format(data: bytes) -> str | None:
    """Return HEIC or AVIF by the brands in the first box of the container; None for others, as videos use it too."""
    end = min(int.from_bytes(data[:4], "big"), 256)
    brands = {data[start : start + 4] for start in (8, *range(16, end, 4))}
    if brands & _AVIF_BRANDS:
        return "AVIF"
    return "HEIC" if brands & _HEIC_BRANDS else None


def _text_format(head: bytes) -> str | None:
    """Return SVG if the first element of the text is `svg`, after any prologue, else None. A web page that contains an
    SVG is not detected as SVG."""
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = head.decode("utf-16" if wide else "utf-8-sig", errors="ignore")
    return "SVG" if _SVG.match(text) else None
