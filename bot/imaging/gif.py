"""Read the header of a GIF, and leave only its first frame, without decoding pixels."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from bot.imaging.headers import Header, broken, too_complex

MAX_BLOCKS: Final = 220_000
"""Most blocks read, of at most 255 bytes each; 50 MiB of full blocks are 206,000."""

_EXTENSION: Final = 0x21
_GRAPHIC_CONTROL: Final = 0xF9
_FRAME: Final = 0x2C
_END: Final = b";"


@dataclass(slots=True)
class _Walked:
    """What was found before the second frame."""

    control: tuple[int, int] = (0, 0)
    """Start and end of the extension with the transparent colour of the first frame."""
    frame: tuple[int, int] = (0, 0)
    frames: int = 0
    blocks: int = 0


def read_header(data: bytes) -> Header:
    """Return the header of a GIF. A first frame that exceeds the canvas enlarges it, as in Pillow. Raises
    Unreadable."""
    walk = _walked(data)
    if not walk.frames:
        raise broken()
    width, height = struct.unpack_from("<HH", data, 6)
    left, top, across, down = struct.unpack_from("<HHHH", data, walk.frame[0] + 1)
    width, height = max(width, left + across), max(height, top + down)
    if not width or not height:
        raise broken()
    return Header(format="GIF", width=width, height=height, channels=4, pieces=walk.blocks, is_animated=walk.frames > 1)


def essentials(data: bytes) -> bytes:
    """Return the file with the first frame only and without comments, which Pillow would read block by block. Raises
    Unreadable."""
    walk = _walked(data)
    head = data[: 13 + _table_bytes(data[10])]
    return head + data[slice(*walk.control)] + data[slice(*walk.frame)] + _END


def _walked(data: bytes) -> _Walked:
    """Walk up to the second frame, or to the end. Raises Unreadable if the file ends before the first frame is
    complete; a file that ends after it is accepted."""
    walk = _Walked()
    try:
        _read(data, walk)
    except IndexError as error:
        if not walk.frame[1]:
            raise broken() from error
    return walk


def _read(data: bytes, walk: _Walked) -> None:
    """Record in `walk` what precedes the second frame. Raises IndexError if the file ends without the mark of its
    end, Unreadable if there are too many blocks."""
    place = 13 + _table_bytes(data[10])
    while True:
        start, kind = place, data[place]
        if kind == _FRAME:
            walk.frames += 1
            if walk.frames > 1:
                return
            place += 11 + _table_bytes(data[place + 9])
        elif kind == _EXTENSION:
            place += 2
        else:
            return
        while length := data[place]:
            place += 1 + length
            walk.blocks += 1
            if walk.blocks >= MAX_BLOCKS:
                raise too_complex()
        place += 1
        walk.blocks += 1
        if kind == _FRAME:
            walk.frame = start, place
        elif data[start + 1] == _GRAPHIC_CONTROL and not walk.frames:
            walk.control = start, place


def _table_bytes(flags: int) -> int:
    """Return the size of the colour table that the flags announce; 0 if there is none."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
