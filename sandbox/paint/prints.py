"""Show the attached pictures in a painting: as framed prints, or as the area that a mask keeps."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from sandbox.paint.palette import Palette, mix

MAX_EDGE: Final = 1536
"""Pixels; a print never needs more."""


def load(data: bytes) -> Image.Image:
    """Return the picture pixels, on white, at most `MAX_EDGE` pixels wide and high."""
    with Image.open(io.BytesIO(data)) as opened:
        opened.draft("RGB", (MAX_EDGE, MAX_EDGE))
        pixels = opened.convert("RGBA")
    pixels.thumbnail((MAX_EDGE, MAX_EDGE))
    white = Image.new("RGBA", pixels.size, "white")
    return Image.alpha_composite(white, pixels).convert("RGB")


def repaint(picture: Image.Image, mask: Image.Image, painting: Image.Image) -> Image.Image:
    """Return the picture with the painting where the mask is black; the seam is blurred."""
    ground = ImageOps.fit(picture, painting.size, Image.Resampling.LANCZOS)
    keep = ImageOps.fit(mask.convert("L"), painting.size).filter(ImageFilter.GaussianBlur(painting.width / 340))
    return Image.composite(ground, painting, keep)


def hang(canvas: Image.Image, pictures: Sequence[Image.Image], palette: Palette, dice: random.Random) -> None:
    """Paste the prints along the lower part, each slightly rotated and tinted by the painting's light."""
    if not pictures:
        return
    share = {1: 0.46, 2: 0.4, 3: 0.31, 4: 0.26}.get(len(pictures), 1.1 / len(pictures))
    edge = int(min(canvas.width * share, canvas.height * 0.42))
    for index, picture in enumerate(pictures):
        print_ = _print(picture, edge, palette).rotate(dice.uniform(-5, 5), Image.Resampling.BICUBIC, expand=True)
        x = int(canvas.width * (index + 1) / (len(pictures) + 1)) - print_.width // 2
        if len(pictures) == 1:
            x = int(canvas.width * dice.choice((0.3, 0.7))) - print_.width // 2
        drop = (index % 2) * edge // 8 if len(pictures) > 1 else 0
        y = int(canvas.height * 0.93) - print_.height - drop
        _shadow(canvas, print_, x, y)
        canvas.paste(print_, (x, y), print_)


def _print(picture: Image.Image, edge: int, palette: Palette) -> Image.Image:
    small = ImageOps.contain(picture, (edge, edge), Image.Resampling.LANCZOS)
    tinted = Image.blend(small, Image.new("RGB", small.size, mix(palette.horizon, palette.light, 0.5)), 0.1)
    rim = max(2, edge // 26)
    paper = mix((250, 247, 240), palette.horizon, 0.14)
    framed = ImageOps.expand(tinted, rim, paper)
    ImageDraw.Draw(framed).rectangle(
        (rim - 1, rim - 1, framed.width - rim, framed.height - rim), outline=mix(paper, (0, 0, 0), 0.3)
    )
    return framed.convert("RGBA")


def _shadow(canvas: Image.Image, print_: Image.Image, x: int, y: int) -> None:
    soft = max(2, print_.width // 30)
    shade = Image.new("L", (print_.width + soft * 6, print_.height + soft * 6))
    shade.paste(print_.getchannel("A").point([value * 130 // 255 for value in range(256)]), (soft * 3, soft * 3))
    canvas.paste((8, 8, 16), (x - soft * 2, y - soft), shade.filter(ImageFilter.GaussianBlur(soft)))
