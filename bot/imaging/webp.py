"""Read the header of a WebP, and decode its first frame with as few canvases as libwebp allows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from PIL import Image, _webp

from bot.imaging.exif import orientation_of
from bot.imaging.headers import Header, broken, too_complex

MAX_CHUNKS: Final = 1000

_ALPHA: Final = 0x10
_ANIMATED: Final = 0x02


def read_header(data: bytes) -> Header:
    """Return the header of a WebP. Raises Unreadable."""
    size, frames, channels, exif, xmp, pieces = None, 0, 3, b"", b"", 0
    for name, start, end in _chunks(data):
        pieces += 1
        body = data[start : min(end, start + 10)]
        if name == b"VP8X" and size is None and len(body) == 10:
            size = 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
            channels = 4 if body[0] & _ALPHA else 3
        elif name in {b"VP8 ", b"VP8L"}:
            frames += 1
            size = size or _frame_size(name, body)
            channels = 4 if name == b"VP8L" else channels
        elif name == b"ANMF":
            frames += 1
        elif name == b"EXIF":
            exif = data[start:end]
        elif name == b"XMP ":
            xmp = data[start:end]
        if frames > 1:
            break
    if size is None or not frames or 0 in size:
        raise broken()
    return Header(
        format="WebP",
        width=size[0],
        height=size[1],
        channels=channels,
        orientation=orientation_of(exif, xmp),
        pieces=pieces,
        is_animated=frames > 1,
    )


def canvas(data: bytes) -> Image.Image:
    """Return the first frame as RGBX or RGBA. Raises any exception of libwebp's binding.

    Pillow's own class would make another copy of the canvas: 4 canvases instead of 3 at the same time.
    """
    decoder = _webp.WebPAnimDecoder(data)
    size, _, _, _, mode = decoder.get_info()
    profile = decoder.get_chunk("ICCP")
    frame = decoder.get_next()
    if frame is None:
        raise EOFError
    del decoder
    image = Image.frombuffer(mode, size, frame[0], "raw", mode, 0, 1)
    if profile:
        image.info["icc_profile"] = profile
    return image


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each chunk and the bounds of its body. Data after the RIFF chunk is ignored. Raises Unreadable
    if the file ends before that chunk or there are too many chunks."""
    whole = 8 + int.from_bytes(data[4:8], "little")
    if whole > len(data) + 1:  # a last byte of padding may be missing
        raise broken()
    place, number = 12, 0
    while place + 8 <= whole:
        start = place + 8
        end = start + int.from_bytes(data[place + 4 : start], "little")
        number += 1
        if number > MAX_CHUNKS:
            raise too_complex()
        if end > whole:
            raise broken()
        yield data[place : place + 4], start, end
        place = end + (end & 1)


def _frame_size(name: bytes, body: bytes) -> tuple[int, int]:
    """Return width and height from the frame's own header."""
    if name == b"VP8 ":
        if len(body) < 10 or body[3:6] != b"\x9d\x01\x2a":
            raise broken()
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    if len(body) < 5 or body[0] != 0x2F:
        raise broken()
    bits = int.from_bytes(body[1:5], "little")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
