"""The header of a picture, and the refusals that all who read one share."""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import Reason
from bot.imaging.looks import Unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Width and height are those stored, before the orientation is applied."""

    format: str  # JPEG, PNG, WebP
    width: int
    height: int
    channels: int
    depth: int = 8
    """Bits per channel."""
    orientation: int = 1
    """1 to 8, as EXIF has it."""
    scans: int = 1
    """Passes over all pixels (JPEG)."""
    coefficient_bytes: int = 0
    """What libjpeg keeps of a picture that comes in several scans, until the last of them."""
    pieces: int = 0
    """Chunks or segments that Pillow reads one by one, in Python."""
    is_animated: bool = False
    is_interlaced: bool = False
    """Adam7 (PNG)."""
    extras: bool = False
    """There is text, or another thing of no use, that decoding would read (PNG)."""

    @property
    def pixels(self) -> int:
        return self.width * self.height


def broken() -> Unreadable:
    """Truncated or damaged."""
    return Unreadable(Reason.REFERENCE_BROKEN)


def too_complex() -> Unreadable:
    """It would take more memory or time than a picture is worth."""
    return Unreadable(Reason.REFERENCE_TOO_COMPLEX)
