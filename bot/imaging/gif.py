"""Find out whether a GIF is animated, without decoding pixels. The sender's error message depends on the result."""

from __future__ import annotations

from typing import Final

MAX_BLOCKS: Final = 110_000
"""Most blocks read, of at most 255 bytes each; 25 MiB of full blocks are 103,000. If no second frame is found within
this limit, the file counts as a GIF that is not animated."""

_EXTENSION: Final = 0x21
_FRAME: Final = 0x2C


def is_animated(data: bytes) -> bool:
    """Return whether a second frame begins within `MAX_BLOCKS`."""
    try:
        return _frames(data) > 1
    except IndexError:
        return False


def _frames(data: bytes) -> int:
    """Count the frames, up to two. Raises IndexError at the end of the file."""
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
    """Return the size of the colour table that the flags announce; 0 if there is none."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
