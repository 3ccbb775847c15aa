"""Define the header of a picture, and the errors that all header readers share."""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import Reason
from bot.imaging.picture_info import Unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The header of a picture. Width and height are as stored, before `orientation` is applied; those of a TIFF and a
    HEIC are as displayed, and their `orientation` is 1, because the decoders apply it. A HEIC may be cropped later."""

    format: str
    """A key of `CONTENT_TYPES`."""
    width: int
    height: int
    channels: int
    depth: int = 8
    """Bits per channel, as stored (JPEG, PNG, TIFF); 8 for the other formats, which are decoded to 8."""
    orientation: int = 1
    """1 to 8, as in EXIF."""
    scans: int = 1
    """Scans found in the file, those of a second picture included (JPEG)."""
    coefficient_bytes: int = 0
    """Bytes that libjpeg keeps in memory until the last scan, for a picture with several scans."""
    pieces: int = 0
    """Number of chunks, segments, blocks, tags or boxes; Pillow reads most of them one by one in Python."""
    is_animated: bool = False
    """Whether the file has or announces a second frame or page; always false for a JPEG."""
    is_interlaced: bool = False
    """Adam7 (PNG)."""
    extras: bool = False
    """Whether the decoder must get only the `essentials`: there are texts, a colour profile or other chunks that it
    would read and need not, or the file is damaged (PNG)."""
    has_palette: bool = False
    has_profile: bool = False
    """Whether there is a colour profile; known for JPEG and PNG."""
    is_damaged: bool = False
    """Whether the end is missing (JPEG, PNG), or the checksum of a chunk other than IDAT is wrong (PNG). Damage within
    the pixels does not count: only decoding shows it."""

    @property
    def pixels(self) -> int:
        return self.width * self.height


def broken() -> Unreadable:
    """Return the error for a truncated or damaged file."""
    return Unreadable(Reason.REFERENCE_BROKEN)


def too_complex() -> Unreadable:
    """Return the error for a file whose decoding would take too much memory or time, or whose process failed."""
    return Unreadable(Reason.REFERENCE_TOO_COMPLEX)
