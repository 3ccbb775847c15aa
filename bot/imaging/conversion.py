"""Convert a picture to an upright PNG, without lossy compression."""

from __future__ import annotations

from bot.imaging import cost
from bot.imaging.decoding import bearable, decoded
from bot.imaging.encoding import png, profile
from bot.imaging.pixels import upright


def as_png(data: bytes) -> bytes:
    """Convert the first frame of a picture to an upright PNG without lossy compression. A PNG that is already upright
    is checked and returned unchanged. CMYK is converted to RGB, more than 8 bits per channel may be reduced to 8, and a
    colour profile that `encoding.profile` does not return is dropped. Raises Unreadable."""
    header = bearable(data, cost.of_conversion)
    image = decoded(data, header)
    if header.format == "PNG" and header.orientation == 1:
        return data
    kept = profile(image)
    if image.mode in {"CMYK", "RGBX"}:
        image = image.convert("RGB")
    return png(upright(image, header.orientation), kept)
