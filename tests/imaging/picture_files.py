"""Small pictures as files, created for each test that needs them."""

from __future__ import annotations

import random
from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw

SIDEWAYS = 6
"""EXIF orientation of a phone held upright."""


def painted(width: int = 60, height: int = 40, mode: str = "RGB") -> Image.Image:
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    ImageDraw.Draw(image).rectangle((0, 0, width // 2, height // 2), fill=(200, 30, 60))
    return image.convert(mode)


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Return an incompressible picture, the same every time."""
    bands = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
    return Image.frombytes(mode, (width, height), random.Random(7).randbytes(width * height * bands))


def soft(width: int, height: int) -> Image.Image:
    """Return a soft picture, which lossy encoders compress well."""
    return noise(width // 8, height // 8).resize((width, height), Image.Resampling.BICUBIC)


def file_of(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


def oriented(value: int = SIDEWAYS) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif
