"""Write a picture as a file."""

from __future__ import annotations

from io import BytesIO
from typing import Final

from PIL import Image

MAX_PROFILE_BYTES: Final = 16 * 1024
"""A larger colour profile (a printer's) is left out, or nothing might ever fit."""


def profile(image: Image.Image) -> bytes | None:
    """Its colour profile, if it still holds after `colours` and is not out of proportion."""
    found = image.info.get("icc_profile")
    fits = isinstance(found, bytes) and len(found) <= MAX_PROFILE_BYTES
    return found if fits and image.mode in {"RGB", "RGBA", "RGBX", "P"} else None


def encoded(image: Image.Image, encoder: str, **options: object) -> bytes:
    """The bytes of a file that Pillow calls by this name."""
    file = BytesIO()
    image.save(file, encoder, **options)
    return file.getvalue()


def png(image: Image.Image, profile: bytes | None = None, *, optimize: bool = False) -> bytes:
    """As a PNG."""
    return encoded(image, "PNG", icc_profile=profile, optimize=optimize)
