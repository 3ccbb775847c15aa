"""Make a picture fit a limit of bytes, with the least loss that does it."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import cache
from math import sqrt
from typing import Final

from PIL import Image
from PIL.ImageFile import ImageFile

from bot.imaging.decoding import decoded, known_format
from bot.imaging.encoding import encoded, png, profile
from bot.imaging.formats import CONTENT_TYPES, EXTENSIONS
from bot.imaging.pixels import colours, orientation, upright

SMALLEST_LIMIT: Final = 64 * 1024
"""Bytes; `fit` promises nothing below."""
QUALITIES: Final = (95, 92, 88, 84, 80, 75)
"""Of JPEG and lossy WebP, best first; below the last one a picture is better made smaller."""
PNG_HOPE: Final = 1.25
"""Above this many times the limit, optimising a PNG is not tried: it rarely saves more than a tenth ..."""
WEBP_HOPE: Final = 2.0
"""... nor is lossless WebP, which rarely saves more than half."""
SLOW_PIXELS: Final = 4_000_000
"""Up to here thorough encoding takes a few seconds (measured: about 1 s per megapixel) and is worth them."""
LOSSLESS_PIXELS: Final = 32_000_000
"""Up to here lossless WebP takes at most about 7 s with little effort."""
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
    At most `limit` bytes (from `SMALLEST_LIMIT` on), with the least loss that fits: unchanged; PNG optimised; WebP
    lossless; JPEG, or WebP where something is transparent, at falling quality; then scaled down in steps.

    The same bytes always give the same. Steps that would take long and hardly help are left out. Raises Unreadable.
    """
    if len(data) <= limit:
        return _fitted(data, known_format(data), changed=False)
    if limit < SMALLEST_LIMIT:
        raise ValueError(f"cannot promise to fit {limit} bytes")
    image = decoded(data)
    return _without_loss(image, len(data), limit) or _with_loss(image, limit)


def _fitted(data: bytes, found: str, *, changed: bool = True) -> Fitted:
    content_type = CONTENT_TYPES[found]
    return Fitted(data=data, content_type=content_type, extension=EXTENSIONS[content_type], changed=changed)


def _without_loss(image: ImageFile, size: int, limit: int) -> Fitted | None:
    """Only a PNG: what was encoded with loss once is far larger without."""
    pixels = image.width * image.height
    if image.format != "PNG" or size > limit * WEBP_HOPE or pixels > LOSSLESS_PIXELS:
        return None
    if size <= limit * PNG_HOPE and pixels <= SLOW_PIXELS:
        data = png(upright(image), profile(image), optimize=True)
        if len(data) <= limit:
            return _fitted(data, "PNG")
    if max(image.size) > WEBP_EDGE:
        return None
    effort = {"method": 4, "quality": 75} if pixels <= SLOW_PIXELS else {"method": 1, "quality": 20}
    seen = upright(colours(image), orientation(image))
    data = encoded(seen, "WEBP", lossless=True, icc_profile=profile(image), **effort)
    return _fitted(data, "WebP") if len(data) <= limit else None


def _with_loss(image: ImageFile, limit: int) -> Fitted:
    seen = upright(colours(image), orientation(image))
    opaque = seen.mode == "RGB"
    scale = min(1.0, (JPEG_EDGE if opaque else WEBP_EDGE) / max(seen.size))

    @cache
    def encode(quality: int, scale: float) -> bytes:
        if opaque:
            chroma = {"subsampling": "4:4:4" if quality >= 92 else "4:2:0"}
            return encoded(_scaled(seen, scale), "JPEG", quality=quality, icc_profile=profile(image), **chroma)
        return encoded(_scaled(seen, scale), "WEBP", quality=quality, method=2, icc_profile=profile(image))

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
