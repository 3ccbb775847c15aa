"""Make small pictures: of one, and of several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Final

from PIL import Image, ImageOps

from bot.imaging import cost
from bot.imaging.decoding import bearable, decoded
from bot.imaging.encoding import encoded
from bot.imaging.pixels import reduced, upright

EDGE: Final = 320
TILE: Final = 160
GAP: Final = 8
"""Pixels; transparent, so that it looks right on dark and on light."""


def thumbnail(data: bytes, edge: int = EDGE) -> bytes:
    """A JPEG whose longer side is at most `edge`; upright; on white where transparent; no metadata."""
    header = bearable(data, cost.of_thumbnail)
    image = decoded(data, header, edge=2 * edge)
    small = reduced(image, max(1, max(image.size) // (2 * edge)))
    small.thumbnail((edge, edge))
    return encoded(upright(small, header.orientation), "JPEG", quality=85)


def strip(tiles: Sequence[bytes]) -> bytes:
    """A PNG of square tiles in their order; each is a JPEG that `thumbnail` made."""
    canvas = Image.new("RGBA", (len(tiles) * (TILE + GAP) - GAP, TILE))
    for place, tile in enumerate(tiles):
        with Image.open(BytesIO(tile), formats=("JPEG",)) as image:
            canvas.paste(ImageOps.fit(image, (TILE, TILE)), (place * (TILE + GAP), 0))
    return encoded(canvas, "PNG")
