"""Read the header of a JPEG: its segments up to the first scan, and the number of scans."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from bot.imaging.exif import orientation_of
from bot.imaging.headers import Header, broken, too_complex

MAX_SEGMENTS: Final = 1000
"""Most segments before the first scan; Pillow reads each in Python. 25 MiB of metadata in full segments are 400."""
MAX_JUNK: Final = 4096
"""Most bytes that belong to no segment, fill bytes included; Pillow reads each separately."""
MAX_SCANS: Final = 100
"""Most scans of all pictures in a file together; a progressive picture has about ten."""

_SOI: Final = 0xD8
_SOS: Final = 0xDA
_EOI: Final = 0xD9
_APP1: Final = 0xE1
_APP2: Final = 0xE2
_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length."""
_METADATA: Final = frozenset({*range(0xE1, 0xEE), 0xEF, 0xFE})
"""Application segments and comments, except the segments of JFIF and Adobe, which affect the colours."""
_PROFILE: Final = b"ICC_PROFILE\0\1\1"
"""Start of a colour profile in one segment, which `essentials` keeps; it drops profiles of several segments."""
_PROFILE_PART: Final = b"ICC_PROFILE\0"
_COEFFICIENTS: Final = 64
"""Of a block of 8 by 8 pixels."""
_SCAN: Final = b"\xff\xda"
_END: Final = b"\xff\xd9"
_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"


@dataclass(slots=True)
class _Walk:
    """What was found before the first scan."""

    frame: bytes = b""
    frame_marker: int = 0
    exif: bytes = b""
    xmp: bytes = b""
    segments: int = 0
    junk: int = 0
    of_use: list[tuple[int, int]] = field(default_factory=list)
    """Start and end of each segment that decoding needs."""
    profile: dict[int, bytes] = field(default_factory=dict)
    """The parts of the colour profile, by number."""


def read_header(data: bytes) -> Header:
    """Return the header of a JPEG. Raises Unreadable."""
    walk = _Walk()
    scan = _first_scan(data, walk)
    frame, count = walk.frame, walk.frame[5] if len(walk.frame) > 5 else 0
    if not count or len(frame) < 6 + 3 * count:
        raise broken()
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    if not width or not height:
        raise broken()
    scans = data.count(_SCAN, scan)
    if scans > MAX_SCANS:
        raise too_complex()
    several = walk.frame_marker in _PROGRESSIVE or data[scan + 4 : scan + 5] != bytes([count])
    return Header(
        format="JPEG",
        width=width,
        height=height,
        channels=count,
        depth=frame[0],
        orientation=orientation_of(walk.exif, walk.xmp),
        scans=scans,
        coefficient_bytes=_coefficient_bytes(frame, width, height, count) if several else 0,
        pieces=walk.segments,
        has_profile=bool(walk.profile),
        is_damaged=data.rfind(_END, scan) < 0,
    )


def profile(data: bytes, most: int) -> bytes | None:
    """Return the colour profile; None if there is none or it has more than `most` bytes. Raises Unreadable."""
    walk = _Walk()
    _first_scan(data, walk)
    found = b"".join(part for _, part in sorted(walk.profile.items()))
    return found if 0 < len(found) <= most else None


def lacks_scans(data: bytes) -> bool:
    """Return whether a JPEG of several scans ends before each coefficient of each component has come in a whole scan,
    if only roughly. Such a picture has blocks instead of details; later scans only make the coefficients more
    precise. A scan is whole if another follows. The file must have no end, and a header that `read_header` accepts."""
    walk = _Walk()
    scan = _first_scan(data, walk)
    components = walk.frame[6 : 6 + 3 * walk.frame[5] : 3]
    missing = {(component, number) for component in components for number in range(_COEFFICIENTS)}
    while (following := data.find(_SCAN, scan + 2)) >= 0:
        bounds = scan + 5 + 2 * data[scan + 4]
        numbers = range(data[bounds], data[bounds + 1] + 1)
        missing -= {(component, number) for component in data[scan + 5 : bounds : 2] for number in numbers}
        scan = following
    return bool(missing)


def completed(data: bytes) -> bytes:
    """Return the file with the marker of its end, so that libjpeg paints missing rows grey and decodes without
    missing scans."""
    return data + _END


def essentials(data: bytes) -> bytes:
    """Return the file without the metadata before its first scan, which Pillow would read tag by tag. A colour profile
    of one segment stays. Raises Unreadable."""
    walk = _Walk()
    scan, view = _first_scan(data, walk), memoryview(data)
    return b"".join([view[:2], *[view[start:end] for start, end in walk.of_use], view[scan:]])


def _first_scan(data: bytes, walk: _Walk) -> int:
    """Return the position of the first scan's marker, and record in `walk` what precedes it. Raises Unreadable."""
    place = 2
    while True:
        place = _next_marker(data, place, walk)
        marker = data[place + 1]
        if marker == _SOS:
            return place
        if marker == _EOI:
            raise broken()
        walk.segments += 1
        if walk.segments > MAX_SEGMENTS:
            raise too_complex()
        if marker in _ALONE:
            place += 2
            continue
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        if length < 2 or place + 2 + length > len(data):  # the length counts itself
            raise broken()
        _note(walk, marker, data, place + 4, place + 2 + length)
        if marker not in _METADATA or data.startswith(_PROFILE, place + 4):
            walk.of_use.append((place, place + 2 + length))
        place += 2 + length


def _next_marker(data: bytes, place: int, walk: _Walk) -> int:
    """Return the position of the last 0xFF before the next marker's code. Skip other bytes, as Pillow does."""
    while True:
        if place + 1 >= len(data):
            raise broken()
        if data[place] == 0xFF and data[place + 1] not in {0x00, 0xFF}:
            return place
        place += 1
        walk.junk += 1
        if walk.junk > MAX_JUNK:
            raise too_complex()


def _note(walk: _Walk, marker: int, data: bytes, start: int, end: int) -> None:
    if marker in _FRAMES:
        if walk.frame:
            raise broken()
        walk.frame, walk.frame_marker = data[start:end], marker
    elif marker == _APP1 and data.startswith(b"Exif\0\0", start) and not walk.exif:
        walk.exif = data[start:end]
    elif marker == _APP1 and data.startswith(_XMP, start) and not walk.xmp:
        walk.xmp = data[start:end]
    elif marker == _APP2 and data.startswith(_PROFILE_PART, start) and start + 14 < end:
        walk.profile[data[start + 12]] = data[start + 14 : end]


def _coefficient_bytes(frame: bytes, width: int, height: int, count: int) -> int:
    """Return the memory for all coefficients: two bytes for each coefficient of each whole block of each component."""
    samplings = [(frame[7 + 3 * n] >> 4 or 1, frame[7 + 3 * n] & 15 or 1) for n in range(count)]
    most_across, most_down = max(h for h, _ in samplings), max(v for _, v in samplings)
    across, down = math.ceil(width / (8 * most_across)), math.ceil(height / (8 * most_down))
    return sum(across * h * down * v for h, v in samplings) * 64 * 2
