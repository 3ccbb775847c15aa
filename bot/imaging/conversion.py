"""Make a PNG of a picture or a mask, without loss, as one sees it."""

from __future__ import annotations

from bot.imaging.decoding import decoded
from bot.imaging.encoding import png, profile
from bot.imaging.pixels import colours, on_white, orientation, upright


def as_png(data: bytes) -> bytes:
    """Without loss and upright, as one sees it; a PNG that is upright comes back untouched. CMYK becomes RGB."""
    image = decoded(data)
    if image.format == "PNG" and orientation(image) == 1:
        return data
    return png(upright(image.convert("RGB") if image.mode == "CMYK" else image), profile=profile(image))


def mask_as_png(data: bytes) -> bytes:
    """`as_png` of a mask: transparent parts become white."""
    image = decoded(data)
    seen = colours(image)
    if image.format == "PNG" and orientation(image) == 1 and seen.mode == "RGB":
        return data
    return png(upright(on_white(seen), orientation(image)))
