"""What is known of a picture, and the refusal of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.errors import Reason
from bot.imaging.formats import EXTENSIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a picture is. Width and height are those one sees, with the orientation tag applied."""

    content_type: str  # image/jpeg, image/png, image/webp
    width: int
    height: int
    as_shown: bool = True
    """What is stored is what one sees: no orientation tag to apply, and, for a mask, no transparency to lay on white.
    An image and a mask of which one is not go together only through `as_png` and `mask_as_png`."""

    @property
    def extension(self) -> str:
        """For a file name of ours: no dot."""
        return EXTENSIONS[self.content_type]


class Unreadable(ValueError):
    """Bytes that are no picture we take, and why; `reason` is one of REFERENCE_*."""

    def __init__(self, reason: Reason, **parameters: str | int) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.parameters: Mapping[str, str | int] = parameters
