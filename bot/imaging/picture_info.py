"""Define the result of checking a picture, and the error for a refused picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.errors import Reason
from bot.imaging.formats import EXTENSIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureInfo:
    """Format and size of a checked picture. Width and height are as displayed, with the orientation applied."""

    content_type: str  # image/jpeg, image/png, image/webp
    width: int
    height: int
    as_shown: bool = True
    """Whether the stored pixels are the displayed pixels: there is no orientation to apply."""

    @property
    def extension(self) -> str:
        """The extension for a file name, without a dot."""
        return EXTENSIONS[self.content_type]


class Unreadable(ValueError):
    """The bytes are not a picture that the bot accepts. `reason` is a `Reason` whose name begins with REFERENCE_;
    `parameters` are the values in its message."""

    def __init__(self, reason: Reason, **parameters: str | int) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.parameters: Mapping[str, str | int] = parameters
