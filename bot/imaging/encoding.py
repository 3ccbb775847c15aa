"""Encode a picture as a file."""

from __future__ import annotations

from io import BytesIO
from typing import Final

from PIL import Image

MAX_PROFILE_BYTES: Final = 16 * 1024
"""Larger colour profiles (for printers) are dropped, as a picture with such a profile might never fit a limit."""


def profile(image: Image.Image) -> bytes | None:
    """Return the colour profile; None if there is none, if the image has neither RGB nor a palette (`colours` makes the
    profile of a grey or CMYK picture invalid), or if the profile has more than `MAX_PROFILE_BYTES`."""
    found = image.info.get("icc_profile")
    fits = isinstance(found, bytes) and len(found) <= MAX_PROFILE_BYTES
    return found if fits and image.mode in {"RGB", "RGBA", "RGBX", "P"} else None


def encoded(image: Image.Image, encoder: str, **options: object) -> bytes:
    """Encode the image; `encoder` is Pillow's name of the format."""
    file = BytesIO()
    image.save(file, encoder, **options)
    return file.getvalue()


def png(image: Image.Image, profile: bytes | None = None, *, optimize: bool = False) -> bytes:
    """Encode the image as a PNG with this colour profile; None: without one."""
    return encoded(image, "PNG", icc_profile=profile, optimize=optimize)
