"""Read the header of a PNG, and check its pixels by inflating them without keeping them."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NamedTuple

from bot.imaging.exif import orientation_of
from bot.imaging.headers import Header, broken, too_complex

MAX_CHUNKS: Final = 20_000
"""Most chunks of a file. 25 MiB in the smallest chunks that encoders write (4 KiB) are 6,400."""
MAX_EXIF: Final = 64 * 1024
MAX_PROFILE: Final = 16 * 1024
"""Most bytes, after inflation, of a colour profile that `essentials` keeps. Larger profiles (for printers) are dropped;
the encoder drops them too."""
FED: Final = 64 * 1024
"""Compressed bytes passed to zlib at a time; zlib copies the unused rest after each call."""
INFLATED: Final = 256 * 1024
"""Most bytes that zlib returns at a time."""

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""By colour type."""
_DEPTHS: Final = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
_PALETTE: Final = 3
"""Colour type."""
_NEEDED: Final = frozenset({b"IHDR", b"PLTE", b"IDAT"})
"""Chunks without which there is no picture."""
_OF_USE: Final = _NEEDED | {b"tRNS", b"IEND"}
"""Chunks that decoding uses; the colour profile is handled separately."""
_END: Final = b"\0\0\0\0IEND\xaeB`\x82"
_HARMLESS: Final = frozenset({b"sRGB", b"gAMA", b"cHRM", b"pHYs", b"bKGD", b"sBIT", b"tIME"})
"""Short chunks that cost nothing to read."""
_PASSES: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Passes of Adam7: first column, first row, column step, row step."""
_LAST_FILTER: Final = 4


class _Chunk(NamedTuple):
    name: bytes
    start: int
    end: int
    """`start` and `end`: bounds of the chunk's body."""


def read_header(data: bytes) -> Header:
    """Return the header of a PNG. Raises Unreadable."""
    chunks = list(_chunks(data))
    sound = [chunk for chunk in chunks if chunk.name == b"IDAT" or _is_sound(data, chunk)]
    names = {chunk.name for chunk in sound}
    first = chunks[0]
    if first.name != b"IHDR" or first.end - first.start != 13 or b"IDAT" not in names:
        raise broken()
    if sum(chunk.name == b"IHDR" for chunk in chunks) > 1:
        raise broken()
    width, height, depth, colour, method, filtering, interlace = struct.unpack_from(">IIBBBBB", data, first.start)
    if not width or not height or depth not in _DEPTHS.get(colour, ()) or method or filtering or interlace > 1:
        raise broken()
    animation = next((chunk for chunk in chunks if chunk.name == b"acTL"), None)
    exif = next(
        (data[chunk.start : min(chunk.end, chunk.start + MAX_EXIF)] for chunk in sound if chunk.name == b"eXIf"), b""
    )
    return Header(
        format="PNG",
        width=width,
        height=height,
        channels=_CHANNELS[colour],
        depth=depth,
        orientation=orientation_of(exif, _xmp(data, sound)),
        pieces=len(chunks),
        is_animated=animation is not None and int.from_bytes(data[animation.start : animation.start + 4], "big") > 1,
        is_interlaced=bool(interlace),
        extras=bool(names - _OF_USE - _HARMLESS) or len(sound) < len(chunks) or b"IEND" not in names,
        has_palette=colour == _PALETTE,
        has_profile=b"iCCP" in names,
        is_damaged=len(sound) < len(chunks) or b"IEND" not in names,
    )


def inflated_bytes(header: Header) -> int:
    """Return the bytes of all rows, including their filter bytes."""
    return sum(rows * row for rows, row in _rows(header))


def check(data: bytes, header: Header) -> None:
    """Check the checksums of the chunks that decoding needs (IHDR, PLTE, IDAT), and that there are at least as many
    pixels as the header says, in rows with known filters unless interlaced; keep none. Raises Unreadable."""
    try:
        _inflate(data, header)
    except zlib.error as error:
        raise broken() from error


def essentials(data: bytes) -> bytes:
    """Return the file with only the chunks that decoding needs (unchecked, see `check`), and the transparency and a
    colour profile of at most `MAX_PROFILE` bytes where their checksums are right. Texts, which may be compressed
    without limit, and all other chunks are left out. Raises Unreadable."""
    view = memoryview(data)
    kept = [
        view[chunk.start - 8 : chunk.end + 4]
        for chunk in _chunks(data)
        if chunk.name in _NEEDED
        or (chunk.name == b"tRNS" and _is_sound(data, chunk))
        or (chunk.name == b"iCCP" and _is_sound(data, chunk) and len(_inflated(data, chunk)) <= MAX_PROFILE)
    ]
    return _SIGNATURE + b"".join(kept) + _END


def profile(data: bytes, most: int) -> bytes | None:
    """Return the inflated colour profile; None if there is none with a right checksum, or if it cannot be inflated or
    has more than `most` bytes. Raises Unreadable."""
    for chunk in _chunks(data):
        if chunk.name == b"iCCP" and _is_sound(data, chunk):
            found = _inflated(data, chunk, most)
            return found if 0 < len(found) <= most else None
    return None


def _inflated(data: bytes, chunk: _Chunk, most: int = MAX_PROFILE) -> bytes:
    """Return the inflated profile, at most one byte more than `most`; nothing if it cannot be inflated."""
    packed = data[data.find(b"\0", chunk.start) + 2 : chunk.end]
    with suppress(zlib.error):
        return zlib.decompressobj().decompress(packed, most + 1)
    return b""


def _is_sound(data: bytes, chunk: _Chunk) -> bool:
    """Return whether the checksum of the chunk is right."""
    (checksum,) = struct.unpack_from(">I", data, chunk.end)
    return bool(zlib.crc32(memoryview(data)[chunk.start - 4 : chunk.end]) == checksum)


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Yield the chunks up to IEND. If the file ends within a chunk after the first pixels, that chunk is left out.
    Raises Unreadable if the file ends earlier or there are too many chunks."""
    if not data.startswith(_SIGNATURE):
        raise broken()
    place, has_pixels = len(_SIGNATURE), False
    for _ in range(MAX_CHUNKS):
        start = place + 8
        end = start + int.from_bytes(data[place : place + 4], "big")
        if end + 4 > len(data):
            if has_pixels:
                return
            raise broken()
        has_pixels = has_pixels or data.startswith(b"IDAT", place + 4)
        yield _Chunk(data[place + 4 : start], start, end)
        if data.startswith(b"IEND", place + 4):
            return
        place = end + 4
    raise too_complex()


def _xmp(data: bytes, chunks: list[_Chunk]) -> bytes:
    """Return the XMP packet if it is not compressed, else nothing."""
    keyword = b"XML:com.adobe.xmp\0\0"
    for chunk in chunks:
        if chunk.name == b"iTXt" and data.startswith(keyword, chunk.start):
            return data[chunk.start : chunk.end]
    return b""


def _rows(header: Header) -> Iterator[tuple[int, int]]:
    """Yield for each pass the number of rows and the bytes per row, including the filter byte."""
    bits = header.channels * header.depth
    for left, top, across, down in _PASSES if header.is_interlaced else ((0, 0, 1, 1),):
        columns, rows = math.ceil((header.width - left) / across), math.ceil((header.height - top) / down)
        if columns > 0 and rows > 0:
            yield rows, 1 + math.ceil(columns * bits / 8)


def _inflate(data: bytes, header: Header) -> None:
    view, inflating, place = memoryview(data), zlib.decompressobj(), 0
    wanted = inflated_bytes(header)
    row = 0 if header.is_interlaced else next(_rows(header))[1]
    for chunk in _chunks(data):
        if chunk.name in _NEEDED and not _is_sound(data, chunk):
            raise broken()
        if chunk.name != b"IDAT":
            continue
        for start in range(chunk.start, chunk.end, FED):
            rest: bytes | memoryview = view[start : min(start + FED, chunk.end)]
            while place < wanted and (pixels := inflating.decompress(rest, min(INFLATED, wanted - place))):
                rest = inflating.unconsumed_tail
                if row and max(pixels[-place % row :: row], default=0) > _LAST_FILTER:
                    raise broken()
                place += len(pixels)
    if place < wanted:
        raise broken()
