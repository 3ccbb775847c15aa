"""Read the header of a BMP."""

from __future__ import annotations

import struct
from typing import Final

from bot.imaging.headers import Header, broken

_CORE: Final = 12
"""Length of the oldest header, whose sides have 16 bits."""


def read_header(data: bytes) -> Header:
    """Return the header of a BMP. Raises Unreadable."""
    if len(data) < 30:
        raise broken()
    (length,) = struct.unpack_from("<I", data, 14)
    if length == _CORE:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
    else:
        width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
    if width <= 0 or not height:
        raise broken()
    return Header(format="BMP", width=width, height=abs(height), channels=4 if bits == 32 else 3)
