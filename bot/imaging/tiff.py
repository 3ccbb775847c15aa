"""Read the header of a TIFF: the tags of its first page."""

from __future__ import annotations

import struct
from typing import Final

from PIL import Image

from bot.imaging.headers import Header, broken, too_complex
from bot.imaging.pixels import LYING

MAX_TAGS: Final = 1000
MAX_TAG_BYTES: Final = 8 * 1024 * 1024
"""Most bytes of all tags of the page together; Pillow reads each. A colour profile for printers has about 2 MiB."""

_BYTES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Bytes of a value, by its type."""
_WIDTH, _HEIGHT, _BITS, _ORIENTATION, _SAMPLES = 256, 257, 258, 274, 277


def read_header(data: bytes) -> Header:
    """Return the header of a TIFF. Width and height are as displayed, because Pillow applies the orientation. Raises
    Unreadable."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        tags, following = _tags(data, order)
    except struct.error as error:
        raise broken() from error
    width, height = tags.get(_WIDTH, 0), tags.get(_HEIGHT, 0)
    if not width or not height:
        raise broken()
    lies = tags.get(_ORIENTATION, 1) in LYING
    return Header(
        format="TIFF",
        width=height if lies else width,
        height=width if lies else height,
        channels=max(1, min(tags.get(_SAMPLES, 1), 4)),
        depth=max(1, tags.get(_BITS, 8)),
        pieces=len(tags),
        is_animated=bool(following),
    )


def shades(image: Image.Image) -> Image.Image:
    """Return a grey picture of 16 or 32 bits per pixel in 8 bits. Numbers of 32 bits have no fixed white: the
    smallest becomes black, the greatest white. Any other picture is returned unchanged."""
    if image.mode.startswith("I;16"):
        image = image.convert("I") if image.mode != "I;16" else image
        return image.point(lambda value: value / 256).convert("L")
    if image.mode not in {"I", "F"}:
        return image
    profile = image.info.get("icc_profile")
    image = image.convert("F")
    least, most = (float(str(end)) for end in image.getextrema())
    scale = 255 / (most - least) if most > least else 1.0
    grey = image.point(lambda value: value * scale - least * scale).convert("L")
    if profile:
        grey.info["icc_profile"] = profile
    return grey


def _tags(data: bytes, order: str) -> tuple[dict[int, int], int]:
    """Return the first value of each tag of type SHORT or LONG, and the position of the next page, 0 if there is none.
    Raises struct.error if the file ends within them, Unreadable if there are too many tags or bytes."""
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, start)
    if count > MAX_TAGS:
        raise too_complex()
    found: dict[int, int] = {}
    taken = 0
    for place in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, several = struct.unpack_from(f"{order}HHI", data, place)
        size = _BYTES.get(kind, 1) * several
        taken += size
        if taken > MAX_TAG_BYTES:
            raise too_complex()
        if kind in {3, 4} and several:
            where = place + 8 if size <= 4 else struct.unpack_from(f"{order}I", data, place + 8)[0]
            found[tag] = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", data, where)[0]
    (following,) = struct.unpack_from(f"{order}I", data, start + 2 + 12 * count)
    return found, following
