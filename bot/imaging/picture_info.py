"""Define the results of checking and of copying a picture, and the error for a refused picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.errors import Reason
from bot.imaging.formats import EXTENSIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureInfo:
    """Format and size of a checked picture. Width and height are as displayed, with the orientation applied."""

    content_type: str
    width: int
    height: int

    @property
    def extension(self) -> str:
        """The extension for a file name, without a dot."""
        return EXTENSIONS[self.content_type]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainCopy:
    """A picture as the image API gets it: an upright JPEG or PNG in sRGB, without metadata."""

    data: bytes
    content_type: str
    width: int
    height: int
    is_converted: bool
    """Whether the file differs from the attached one."""
    is_first_frame: bool = False
    """Whether the attached file has or announces more frames or pages."""
    is_reduced: bool = False
    """Whether a limit of pixels or bytes applied: the copy has fewer pixels than the header of the attached file says,
    or is a new JPEG because that file had too many bytes. A PNG with all pixels is no such copy."""
    is_cut: bool = False
    """Whether the attached file lacked the lower edge or, as a JPEG of several scans, its end and thus detail."""


class Unreadable(ValueError):
    """The bytes are not a picture that the bot accepts. `reason` is a `Reason` whose name begins with REFERENCE_;
    `parameters` are the values in its message."""

    def __init__(self, reason: Reason, **parameters: str | int) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.parameters: Mapping[str, str | int] = parameters
