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
CHECK: Final = 8
"""Pixels of a side of a square of the checkerboard."""
CHECKS: Final = ((176, 176, 176), (208, 208, 208))
"""Colours of the checkerboard. White and black drawings stand out from both, in dark and light themes."""


def thumbnail(data: bytes, edge: int = EDGE) -> bytes:
    """Return an upright JPEG of the first frame whose longer side is at most `edge` pixels, without metadata;
    transparent parts become a checkerboard. A smaller picture keeps its size. Raises Unreadable."""
    header = bearable(data, cost.of_thumbnail)
    image = decoded(data, header, edge=2 * edge)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    small = reduced(image, max(1, max(image.size) // (2 * edge)), mode)
    small.thumbnail((edge, edge))
    seen = small if mode == "RGB" else _on_checks(small)
    return encoded(upright(seen, header.orientation), "JPEG", quality=85)


def strip(tiles: Sequence[bytes]) -> bytes:
    """Return a PNG of square tiles in the given order; each input is a JPEG made by `thumbnail`."""
    canvas = Image.new("RGBA", (len(tiles) * (TILE + GAP) - GAP, TILE))
    for place, tile in enumerate(tiles):
        with Image.open(BytesIO(tile), formats=("JPEG",)) as image:
            canvas.paste(ImageOps.fit(image, (TILE, TILE)), (place * (TILE + GAP), 0))
    return encoded(canvas, "PNG")


def _on_checks(image: Image.Image) -> Image.Image:
    """Return an RGBA image composited on a checkerboard."""
    dark, light = CHECKS
    square = Image.new("L", (CHECK, CHECK), 255)
    pair = Image.new("L", (2 * CHECK, 2 * CHECK))
    pair.paste(square, (0, 0))
    pair.paste(square, (CHECK, CHECK))
    checks = Image.new("L", image.size)
    for top in range(0, image.height, 2 * CHECK):
        for left in range(0, image.width, 2 * CHECK):
            checks.paste(pair, (left, top))
    ground = Image.composite(Image.new("RGB", image.size, light), Image.new("RGB", image.size, dark), checks)
    ground.paste(image, mask=image.getchannel("A"))
    return ground
