"""Show on a small picture which part of it a mask changes."""

from __future__ import annotations

from typing import Final

from PIL import Image, ImageChops, ImageFilter

from bot.imaging import cost
from bot.imaging.decoding import bearable, decoded
from bot.imaging.encoding import encoded
from bot.imaging.mask import STAYS
from bot.imaging.pixels import reduced, upright

EDGE: Final = cost.DRAFT_EDGE
TINT: Final = (255, 0, 255)
STRENGTH: Final = 140
"""Opacity of the tint, 0 to 255: the picture can still be recognised below it."""
_TINTED: Final = [255] * STAYS + [0]
"""From a pixel of the reduced mask to whether it is tinted: 255 if any of the pixels in it changes."""


def mask_preview(picture: bytes, mask: bytes) -> bytes:
    """
    Return an upright JPEG of the picture whose longer side is at most 640 pixels. What the plain mask changes is tinted
    and has a white and black outline, which shows on a picture in the colour of the tint too. Single pixels that change
    can be seen in pictures of up to about 14,000 pixels on the longer side. Raises Unreadable.
    """
    shown = _small(picture)
    changes = _changes(mask, shown.size)
    shown.paste(TINT, mask=changes.point(lambda value: STRENGTH if value else 0))
    shown.paste("white", mask=ImageChops.subtract(changes.filter(ImageFilter.MaxFilter(3)), changes))
    shown.paste("black", mask=ImageChops.subtract(changes, changes.filter(ImageFilter.MinFilter(3))))
    return encoded(shown, "JPEG", quality=85)


def _small(picture: bytes) -> Image.Image:
    header = bearable(picture, cost.of_thumbnail)
    image = decoded(picture, header, edge=EDGE)
    small = reduced(image, max(1, max(image.size) // EDGE))
    small.thumbnail((EDGE, EDGE))
    return upright(small, header.orientation)


def _changes(mask: bytes, size: tuple[int, int]) -> Image.Image:
    """Return the mask at `size`: 255 where at least one of its pixels changes, 0 elsewhere."""
    stored = decoded(mask, bearable(mask, cost.of_thumbnail))
    small = reduced(stored, max(1, max(stored.size) // EDGE), mode="L").point(_TINTED)
    return small.resize(size, Image.Resampling.BOX).point(lambda value: 255 if value else 0)
