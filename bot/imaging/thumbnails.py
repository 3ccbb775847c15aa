"""Make a small picture."""

from __future__ import annotations

from bot.imaging.decoding import attempt, opened
from bot.imaging.encoding import encoded
from bot.imaging.pixels import colours, on_white, orientation, upright


def thumbnail(data: bytes, edge: int = 320) -> bytes:
    """A JPEG whose longer side is at most `edge`; upright; on white where transparent; no metadata."""
    image = opened(data)
    image.draft(None, (2 * edge, 2 * edge))  # a large JPEG is decoded at a fraction of its size
    attempt(image.load)
    small = colours(image)
    small.thumbnail((edge, edge))
    return encoded(upright(on_white(small), orientation(image)), "JPEG", quality=85)
