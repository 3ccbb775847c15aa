"""Which format a picture has, by its bytes and by its file's name. Knows more formats than we take, to name them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Final

CONTENT_TYPES: Final = {"JPEG": "image/jpeg", "PNG": "image/png", "WebP": "image/webp"}
"""Of what we take."""
EXTENSIONS: Final = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
"""What we name a file of that content type; no dot."""

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
"""`*+` never goes back: a hostile prologue cannot make it try every way to read it."""

_NAMED: Final[Mapping[str, str]] = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp"), "JPEG"),
    **dict.fromkeys((".heic", ".heif"), "HEIC"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    **{f".{name.lower()}": name for name in ("PNG", "WebP", "GIF", "BMP", "AVIF", "SVG", "ICO", "PSD", "PDF")},
    ".jxl": "JPEG XL",
    ".jp2": "JPEG 2000",
}


def format_of(data: bytes) -> str | None:
    """By the first bytes, which is how everything that opens a picture tells; what follows behind it does not count."""
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[:2] == b"BM" and data[6:10] == bytes(4):
        return "BMP"
    return _box_format(data) if data[4:8] == b"ftyp" else _text_format(data[:4096])


def format_named(filename: str) -> str | None:
    """What the extension claims; None where it is missing or not a picture's, which says nothing."""
    return _NAMED.get(PurePath(filename).suffix.lower())


def _box_format(data: bytes) -> str | None:
    """HEIC and AVIF share their container with videos; the brands in its first box tell."""
    end = min(int.from_bytes(data[:4], "big"), 256)
    brands = {data[start : start + 4] for start in (8, *range(16, end, 4))}
    if brands & _AVIF_BRANDS:
        return "AVIF"
    return "HEIC" if brands & _HEIC_BRANDS else None


def _text_format(head: bytes) -> str | None:
    """SVG: a document whose root is `svg`, behind whatever prologue; not a web page that has one somewhere."""
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = head.decode("utf-16" if wide else "utf-8-sig", errors="ignore")
    return "SVG" if _SVG.match(text) else None
