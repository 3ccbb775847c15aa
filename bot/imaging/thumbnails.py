"""Make a thumbnail of a picture, and a strip of several thumbnails."""

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
"""Pixels between tiles; transparent, to fit dark and light themes."""


def thumbnail(data: bytes, edge: int = EDGE) -> bytes:
    """Return an upright JPEG of the first frame whose longer side is at most `edge` pixels, without metadata;
    transparent parts become white. A smaller picture keeps its size. Raises Unreadable."""
    header = bearable(data, cost.of_thumbnail)
    image = decoded(data, header, edge=2 * edge)
    small = reduced(image, max(1, max(image.size) // (2 * edge)))
    small.thumbnail((edge, edge))
    return encoded(upright(small, header.orientation), "JPEG", quality=85)


def strip(tiles: Sequence[bytes]) -> bytes:
    """Return a PNG of square tiles in the given order; each input is a JPEG made by `thumbnail`."""
    canvas = Image.new("RGBA", (len(tiles) * (TILE + GAP) - GAP, TILE))
    for place, tile in enumerate(tiles):
        with Image.open(BytesIO(tile), formats=("JPEG",)) as image:
            canvas.paste(ImageOps.fit(image, (TILE, TILE)), (place * (TILE + GAP), 0))
    return encoded(canvas, "PNG")
