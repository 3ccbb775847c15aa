"""The references of a card as one small picture: a strip of square tiles, in the order attached."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

import structlog
from PIL import Image, ImageOps

from bot.imaging.looks import Unreadable
from bot.imaging.threads import aside
from bot.imaging.thumbnails import thumbnail
from storage.models import Reference
from storage.pictures import MissingCopy, PictureStore

TILE: Final = 160
GAP: Final = 8
"""Pixels; transparent, so that it looks right on dark and on light."""

log = structlog.get_logger(__name__)


async def strip(copies: PictureStore, references: Sequence[Reference]) -> bytes | None:
    """A PNG; a copy that is gone or spoilt is left out. None when nothing is left."""
    tiles = [await small(copies, one.key) for one in references if one.key is not None]
    made = [tile for tile in tiles if tile is not None]
    return await aside(_side_by_side, made) if made else None


async def small(copies: PictureStore, key: str) -> bytes | None:
    """A JPEG of one of our copies, at most 320 pixels long; None where it is gone or spoilt."""
    try:
        return await aside(thumbnail, await copies.get(key))
    except (MissingCopy, Unreadable) as error:
        log.debug("no thumbnail", key=key, error=type(error).__name__)
        return None


def _side_by_side(tiles: Sequence[bytes]) -> bytes:
    canvas = Image.new("RGBA", (len(tiles) * (TILE + GAP) - GAP, TILE))
    for place, tile in enumerate(tiles):
        with Image.open(io.BytesIO(tile), formats=("JPEG",)) as image:
            canvas.paste(ImageOps.fit(image, (TILE, TILE)), (place * (TILE + GAP), 0))
    data = io.BytesIO()
    canvas.save(data, "PNG")
    return data.getvalue()
