"""Read the orientation of a picture: one tag of its EXIF, or of its XMP if EXIF has none."""

from __future__ import annotations

import re
import struct
from typing import Final

ORIENTATION: Final = 0x0112
SHORT: Final = 3
LONG: Final = 4
MAX_TAGS: Final = 1000
"""Most tags read from the first directory; a camera writes some dozens."""
XMP_BYTES: Final = 256 * 1024
"""Bytes of the XMP packet that are searched; the tag is near the beginning."""
UPRIGHT: Final = 1

_IN_XMP: Final = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')


def orientation_of(exif: bytes, xmp: bytes = b"") -> int:
    """Return the orientation, 1 to 8, by the EXIF or, if it has no such tag, by the XMP packet; 1 (upright) if both
    lack the tag or its value is none of these, which is no error."""
    found = _in_exif(exif.removeprefix(b"Exif\0\0"))
    if found is None and (in_xmp := _IN_XMP.search(xmp[:XMP_BYTES])):
        found = int(in_xmp[1])
    return found if found is not None and 1 <= found <= 8 else UPRIGHT


def _in_exif(exif: bytes) -> int | None:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None or len(exif) < 10:  # the header and the number of tags
        return None
    (start,) = struct.unpack_from(f"{order}I", exif, 4)
    if start + 2 > len(exif):
        return None
    (count,) = struct.unpack_from(f"{order}H", exif, start)
    for place in range(start + 2, min(start + 2 + 12 * min(count, MAX_TAGS), len(exif) - 11), 12):
        tag, kind = struct.unpack_from(f"{order}HH", exif, place)
        if tag == ORIENTATION and kind in {SHORT, LONG}:
            (value,) = struct.unpack_from(f"{order}{'H' if kind == SHORT else 'I'}", exif, place + 8)
            return int(value)
    return None
