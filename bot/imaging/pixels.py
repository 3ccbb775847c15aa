"""Rotate a picture upright, convert its pixels to 8-bit RGB or RGBA, and reduce it; large pictures band by band."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from PIL import Image

BAND_PIXELS: Final = 1_000_000

TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The transposition that makes a picture upright, by its EXIF orientation."""
LYING: Final = frozenset({5, 6, 7, 8})


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return the image rotated or mirrored according to its EXIF orientation; for 1 and unknown ones, the image
    itself."""
    turn = TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def colours(image: Image.Image) -> Image.Image:
    """Convert to RGB, or to RGBA if a pixel is really transparent; 8 bits per channel; without metadata and colour
    profile. An image that needs no conversion is returned itself and loses its own metadata and profile."""
    if image.mode == "I;16":  # Pillow would clip 16-bit grey at 255
        image = image.point(lambda value: value / 256).convert("L")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    made = image.convert(mode) if image.mode != mode else image
    if made.mode == "RGBA" and made.getchannel("A").getextrema() == (255, 255):
        made = made.convert("RGB")
    made.info = {}
    return made


def on_white(image: Image.Image) -> Image.Image:
    """Return an RGB image unchanged, and an RGBA image composited on white."""
    if image.mode == "RGB":
        return image
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white


def bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Cut the image into horizontal bands of about `BAND_PIXELS` and yield them from top to bottom: the first row of
    the band, and the band converted by `colours`."""
    rows = max(1, BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield top, colours(image.crop((0, top, image.width, min(top + rows, image.height))))


def reduced(image: Image.Image, factor: int, mode: str = "RGB") -> Image.Image:
    """Divide each side by `factor`, rounded up, and return the image in `mode`; in mode RGB, transparent parts become
    white. Needs memory for one band and for a picture with the width of the result and the full height."""
    narrow = Image.new(mode, (math.ceil(image.width / factor), image.height))
    for top, band in bands(image):
        seen = on_white(band) if mode == "RGB" else band.convert(mode)
        narrow.paste(seen.reduce((factor, 1)), (0, top))
    return narrow.reduce((1, factor))
