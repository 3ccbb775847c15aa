"""Read the header of a HEIC or AVIF (boxes of ISO/IEC 14496-12 and 23008-12), and decode its main picture."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Final, NamedTuple

from PIL import Image, _avif

from bot.imaging import gamut
from bot.imaging.headers import Header, broken, too_complex

MAX_BOXES: Final = 4000
"""A file with this many boxes on one level is refused. A phone's photo of 48 megapixels has some hundred
properties."""
MAX_ITEMS: Final = 20_000
"""Most items that have properties; a file with more is refused."""

_TURNED: Final = {1: 8, 2: 3, 3: 6}
"""EXIF orientation for each rotation in steps of 90 degrees, counter-clockwise."""
_TURNED_AND_MIRRORED: Final = {
    (0, 0): 4,
    (0, 1): 2,
    (1, 0): 5,
    (1, 1): 7,
    (2, 0): 2,
    (2, 1): 4,
    (3, 0): 7,
    (3, 1): 5,
}
"""EXIF orientation for each rotation and axis of a mirror; the rotation comes first."""


class _Box(NamedTuple):
    name: bytes
    start: int
    end: int
    """`start` and `end`: bounds of the box's body."""


def read_header(data: bytes, found: str) -> Header:
    """Return the header of the main picture; `found` is HEIC or AVIF. Raises Unreadable."""
    try:
        return _header(data, found)
    except (struct.error, IndexError) as error:
        raise broken() from error


def decoded(data: bytes, header: Header) -> Image.Image:
    """Return the main picture with 8 bits per channel and with its colour profile; if it has none, with the profile
    that `gamut.profile` makes for its code points, if any. A HEIC is upright already. Raises Unreadable, and any
    exception of the two decoders."""
    image = _heic(data) if header.format == "HEIC" else _from_avif(data)
    if "icc_profile" not in image.info and (profile := _profile_by_code_points(data)):
        image.info["icc_profile"] = profile
    return image


def _header(data: bytes, found: str) -> Header:
    boxes = _named(data, 0, len(data))
    size, turns, axis = (0, 0), 0, None
    for part in _main_properties(data, boxes):
        if part.name == b"ispe":
            size = struct.unpack_from(">II", data, part.start + 4)
        elif part.name == b"irot":
            turns = data[part.start] & 3
        elif part.name == b"imir":
            axis = data[part.start] & 1
    if 0 in size:
        raise broken()
    orientation = _TURNED.get(turns, 1) if axis is None else _TURNED_AND_MIRRORED[turns, axis]
    if found == "HEIC" and turns % 2:
        size = size[1], size[0]
    return Header(
        format=found,
        width=size[0],
        height=size[1],
        channels=4,
        orientation=orientation if found == "AVIF" else 1,
        pieces=len(boxes),
        is_animated=b"moov" in boxes,
    )


def _profile_by_code_points(data: bytes) -> bytes | None:
    for part in _main_properties(data, _named(data, 0, len(data))):
        if part.name == b"colr" and data[part.start : part.start + 4] == b"nclx":
            primaries, transfer = struct.unpack_from(">HH", data, part.start + 4)
            return gamut.profile(primaries, transfer)
    return None


def _main_properties(data: bytes, boxes: Mapping[bytes, _Box]) -> Iterator[_Box]:
    """Yield the properties of the main picture, in the order in which they apply. `boxes`: those of the file."""
    meta = boxes.get(b"meta")
    if meta is None:
        raise broken()
    inner = _named(data, meta.start + 4, meta.end)
    if b"pitm" not in inner or b"iprp" not in inner:
        raise broken()
    yield from _properties(data, inner[b"iprp"], _main_item(data, inner[b"pitm"]))


def _named(data: bytes, start: int, end: int) -> dict[bytes, _Box]:
    """Return the boxes of one level by name; of several with one name, the last."""
    return {box.name: box for box in _boxes(data, start, end)}


def _boxes(data: bytes, start: int, end: int) -> Iterator[_Box]:
    place = start
    for _ in range(MAX_BOXES):
        if place + 8 > end:
            return
        length, name = struct.unpack_from(">I4s", data, place)
        body = place + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, body)
            body += 8
        stop = end if length == 0 else place + length
        if stop < body or stop > end:
            raise broken()
        yield _Box(name, body, stop)
        place = stop
    raise too_complex()


def _main_item(data: bytes, pitm: _Box) -> int:
    (number,) = struct.unpack_from(">H" if data[pitm.start] == 0 else ">I", data, pitm.start + 4)
    return int(number)


def _properties(data: bytes, iprp: _Box, item: int) -> Iterator[_Box]:
    """Yield the properties of the item, in the order in which they apply."""
    inner = _named(data, iprp.start, iprp.end)
    if b"ipco" not in inner or b"ipma" not in inner:
        raise broken()
    properties = list(_boxes(data, inner[b"ipco"].start, inner[b"ipco"].end))
    for index in _of_item(data, inner[b"ipma"], item):
        if 0 < index <= len(properties):
            yield properties[index - 1]


def _of_item(data: bytes, ipma: _Box, item: int) -> list[int]:
    """Return the numbers of the item's properties, from 1."""
    version, is_wide = data[ipma.start], data[ipma.start + 3] & 1
    (count,) = struct.unpack_from(">I", data, ipma.start + 4)
    if count > MAX_ITEMS:
        raise too_complex()
    place, id_format = ipma.start + 8, ">H" if version == 0 else ">I"
    for _ in range(count):
        (number,) = struct.unpack_from(id_format, data, place)
        place += struct.calcsize(id_format)
        several, place = data[place], place + 1
        if number == item:
            if is_wide:
                return [index & 0x7FFF for index in struct.unpack_from(f">{several}H", data, place)]
            return [index & 0x7F for index in data[place : place + several]]
        place += several * (2 if is_wide else 1)
    return []


def _heic(data: bytes) -> Image.Image:
    import pillow_heif  # here, because the bot and most child processes never need the library

    pillow_heif.options.DECODE_THREADS = 1  # each thread takes memory that no estimate knows
    file = pillow_heif.open_heif(BytesIO(data), convert_hdr_to_8bit=True)
    return file[file.primary_index].to_pillow()


def _from_avif(data: bytes) -> Image.Image:
    decoder = _avif.AvifDecoder(data, "auto", 1)
    size, _, mode, profile, *_ = decoder.get_info()
    pixels = decoder.get_frame(0)[0]
    del decoder
    image = Image.frombytes(mode, size, pixels)
    if profile:
        image.info["icc_profile"] = profile
    return image
