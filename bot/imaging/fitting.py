"""Re-encode a picture to fit a limit of bytes, with as little loss as possible."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import cache
from math import sqrt
from typing import Final

from PIL import Image

from bot.imaging import cost
from bot.imaging.decoding import bearable, decoded
from bot.imaging.encoding import encoded, png, profile
from bot.imaging.formats import CONTENT_TYPES, EXTENSIONS
from bot.imaging.header import known_format
from bot.imaging.headers import Header
from bot.imaging.pixels import colours, reduced, upright

SMALLEST_LIMIT: Final = 64 * 1024
"""Bytes; the smallest limit to which `fit` re-encodes."""
QUALITIES: Final = (95, 92, 88, 84, 80, 75)
"""Qualities of JPEG and lossy WebP, best first. Instead of a still lower quality, the picture is scaled down."""
PNG_HOPE: Final = 1.25
"""A PNG larger than the limit by more than this factor is not optimised, which rarely saves more than a tenth."""
WEBP_HOPE: Final = 2.0
"""The same factor for lossless WebP, which rarely saves more than half."""
SLOW_PIXELS: Final = 4_000_000
"""Up to this size, thorough encoding is worth its time of a few seconds (measured: about 1 s per megapixel)."""
WEBP_EDGE: Final = 16_383
JPEG_EDGE: Final = 65_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    data: bytes
    content_type: str
    extension: str  # "png", "jpg", "webp": no dot
    changed: bool  # re-encoded to fit


def fit(data: bytes, limit: int) -> Fitted:
    """
    Return the picture with at most `limit` bytes. Use the first step that fits: unchanged; for a PNG only, optimised
    PNG and lossless WebP; JPEG, or WebP for transparent pictures, at falling quality; then scaled down in steps. A
    picture of more than `FITTED_PIXELS` is first reduced to half its width and height, and the lossless steps are left
    out.

    The same input always gives the same result. Steps that would take long and hardly help are skipped. Raises
    Unreadable; ValueError if the file has more than `limit` bytes and `limit` is below `SMALLEST_LIMIT`.
    """
    if len(data) <= limit:
        return unchanged(data)
    if limit < SMALLEST_LIMIT:
        raise ValueError(f"cannot promise to fit {limit} bytes")
    header = bearable(data, cost.of_fitting)
    image = decoded(data, header)
    kept = profile(image)
    if header.pixels > cost.FITTED_PIXELS:
        image = reduced(image, 2, "RGBA" if image.has_transparency_data else "RGB")
    elif made := _without_loss(image, header, kept, len(data), limit):
        return made
    return _with_loss(upright(colours(image), header.orientation), kept, limit)


def unchanged(data: bytes) -> Fitted:
    """Return the file as it is. Raises Unreadable if its first bytes are not those of an accepted format."""
    return _fitted(data, known_format(data), changed=False)


def _fitted(data: bytes, found: str, *, changed: bool = True) -> Fitted:
    content_type = CONTENT_TYPES[found]
    return Fitted(data=data, content_type=content_type, extension=EXTENSIONS[content_type], changed=changed)


def _without_loss(image: Image.Image, header: Header, kept: bytes | None, size: int, limit: int) -> Fitted | None:
    """Try to fit a PNG without loss; None if that fails. Other formats give None at once: a lossy file grows when it
    is re-encoded without loss."""
    if header.format != "PNG" or size > limit * WEBP_HOPE:
        return None
    if size <= limit * PNG_HOPE and header.pixels <= SLOW_PIXELS:
        data = png(upright(image, header.orientation), kept, optimize=True)
        if len(data) <= limit:
            return _fitted(data, "PNG")
    if max(image.size) > WEBP_EDGE:
        return None
    effort = {"method": 4, "quality": 75} if header.pixels <= SLOW_PIXELS else {"method": 1, "quality": 20}
    seen = upright(colours(image), header.orientation)
    data = encoded(seen, "WEBP", lossless=True, icc_profile=kept, **effort)
    return _fitted(data, "WebP") if len(data) <= limit else None


def _with_loss(seen: Image.Image, kept: bytes | None, limit: int) -> Fitted:
    opaque = seen.mode == "RGB"
    scale = min(1.0, (JPEG_EDGE if opaque else WEBP_EDGE) / max(seen.size))

    @cache
    def encode(quality: int, scale: float) -> bytes:
        if opaque:
            chroma = {"subsampling": "4:4:4" if quality >= 92 else "4:2:0"}
            return encoded(_scaled(seen, scale), "JPEG", quality=quality, icc_profile=kept, **chroma)
        return encoded(_scaled(seen, scale), "WEBP", quality=quality, method=2, icc_profile=kept)

    best = bisect_left(QUALITIES, True, key=lambda quality: len(encode(quality, scale)) <= limit)
    quality = QUALITIES[min(best, len(QUALITIES) - 1)]
    while len(data := encode(quality, scale)) > limit:
        scale *= min(0.9, sqrt(limit / len(data)))
    return _fitted(data, "JPEG" if opaque else "WebP")


def _scaled(image: Image.Image, scale: float) -> Image.Image:
    if scale == 1:
        return image
    width, height = (max(1, int(edge * scale)) for edge in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)
