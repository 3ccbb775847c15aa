"""Turn a picture upright, and bring its pixels to 8-bit RGB or RGBA."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from PIL import Image
from PIL.ExifTags import Base

TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""By the value of EXIF's orientation, what makes the picture upright."""
LYING: Final = frozenset({5, 6, 7, 8})


def orientation(image: Image.Image) -> int:
    """1 to 8 as EXIF has it; 1, upright, where the tag is missing or unreadable, which spoils no picture."""
    found = None
    with suppress(Exception):
        found = image.getexif().get(Base.Orientation)
    return found if isinstance(found, int) and found in TURNS else 1


def upright(image: Image.Image, turned: int | None = None) -> Image.Image:
    turn = TURNS.get(turned or orientation(image))
    return image if turn is None else image.transpose(turn)


def colours(image: Image.Image) -> Image.Image:
    """As RGB, or as RGBA where something is really transparent; 8 bits per channel; without metadata."""
    deep = image.mode == "I;16"  # Pillow would cut 16 bits of grey off at 255
    plain = image.point(lambda value: value / 256).convert("L") if deep else image
    colours = plain.convert("RGBA" if plain.has_transparency_data else "RGB")
    if colours.mode == "RGBA" and colours.getchannel("A").getextrema() == (255, 255):
        colours = colours.convert("RGB")
    colours.info = {}
    return colours


def on_white(colours: Image.Image) -> Image.Image:
    if colours.mode == "RGB":
        return colours
    white = Image.new("RGB", colours.size, "white")
    white.paste(colours, mask=colours.getchannel("A"))
    return white
