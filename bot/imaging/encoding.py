"""Write a picture as a file."""

from __future__ import annotations

from io import BytesIO
from typing import Final

from PIL import Image
from PIL.ImageFile import ImageFile

MAX_PROFILE_BYTES: Final = 16 * 1024
"""A larger colour profile (a printer's) is left out, or nothing might ever fit."""


def profile(image: ImageFile) -> bytes | None:
    """Its colour profile, if it still holds after `colours` and is not out of proportion."""
    profile = image.info.get("icc_profile")
    fits = isinstance(profile, bytes) and len(profile) <= MAX_PROFILE_BYTES and image.mode in {"RGB", "RGBA", "P"}
    return profile if fits else None


def encoded(image: Image.Image, encoder: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, encoder, **options)
    return file.getvalue()


def png(image: Image.Image, profile: bytes | None = None, *, optimize: bool = False) -> bytes:
    return encoded(image, "PNG", icc_profile=profile, optimize=optimize)
