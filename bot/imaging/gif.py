"""GIF: no pixel is decoded; whether there is a second frame decides what its sender is told."""

from __future__ import annotations

from typing import Final

MAX_BLOCKS: Final = 110_000
"""Of at most 255 bytes each: 25 MiB of full ones are 103,000. What has more is told as a GIF."""

_EXTENSION: Final = 0x21
_FRAME: Final = 0x2C


def is_animated(data: bytes) -> bool:
    """Whether a second frame begins within the bounds."""
    try:
        return _frames(data) > 1
    except IndexError:
        return False


def _frames(data: bytes) -> int:
    """Up to two. Raises IndexError where the file ends."""
    place, frames, blocks = 13 + _table_bytes(data[10]), 0, 0
    while frames < 2 and blocks < MAX_BLOCKS:
        kind = data[place]
        if kind == _FRAME:
            frames += 1
            place += 11 + _table_bytes(data[place + 9])
        elif kind == _EXTENSION:
            place += 2
        else:
            break
        while length := data[place]:
            place += 1 + length
            blocks += 1
            if blocks >= MAX_BLOCKS:
                return frames
        place += 1
        blocks += 1
    return frames


def _table_bytes(flags: int) -> int:
    """Of a colour table that the flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
