"""Look into a picture: a reference, a mask, a result."""

from __future__ import annotations

from typing import Final

from PIL import Image, ImageChops
from PIL.ImageFile import ImageFile

from bot.errors import BadReference, Reason
from bot.imaging.decoding import MAX_BYTES, decoded, known_format
from bot.imaging.formats import format_named
from bot.imaging.looks import Look, Unreadable
from bot.imaging.pixels import LYING, colours, on_white, orientation

BLACK_UP_TO: Final = 63
"""A pixel of a mask is black when its brightest channel (of 0 to 255) is no brighter, so dark colours are not black."""
WHITE_FROM: Final = 192
"""... and white when its darkest channel is no darker. Soft edges lie between; the noise of JPEG stays well inside."""
MAX_GREY: Final = 0.10
"""The share of a mask's pixels that may be neither."""


def inspect(data: bytes, filename: str) -> Look:
    """
    Really decode a reference. Raises BadReference (any REFERENCE_* but UNFETCHABLE) naming `filename`.

    An extension that is missing or that nobody here knows says nothing about the format and is fine.
    """
    return _look(_reference(data, filename))


def inspect_mask(data: bytes, filename: str, image: Look) -> Look:
    """
    `inspect`, plus same dimensions as `image` and black-and-white enough. Raises BadReference (MASK_*).

    Transparent parts count as white, as a mask painted on an empty layer means them. A mask that is black everywhere
    changes everything and is fine; one without any black would change nothing and is refused. `grey` and `black` in
    MASK_NOT_BLACK_AND_WHITE are percents of the pixels.
    """
    mask = _reference(data, filename)
    look = _look(mask)
    if (look.width, look.height) != (image.width, image.height):
        sizes = {"width": image.width, "height": image.height, "mask_width": look.width, "mask_height": look.height}
        raise BadReference(Reason.MASK_SIZE, filename=filename, **sizes)
    seen = colours(mask)
    black, grey = _shares(on_white(seen))
    if grey > MAX_GREY or not black:
        percents = {"grey": round(grey * 100), "black": round(black * 100)}
        raise BadReference(Reason.MASK_NOT_BLACK_AND_WHITE, filename=filename, **percents)
    as_shown = look.as_shown and seen.mode == "RGB"
    return Look(content_type=look.content_type, width=look.width, height=look.height, as_shown=as_shown)


def look_at_result(data: bytes) -> Look:
    """A picture from the image API, really decoded within the limit of pixels. Raises Unreadable."""
    return _look(decoded(data))


def _reference(data: bytes, filename: str) -> ImageFile:
    """Decoded, for the person who gave it."""
    try:
        _check_file(data, filename)
        return decoded(data)
    except Unreadable as error:
        raise BadReference(error.reason, filename=filename, **error.parameters) from error


def _check_file(data: bytes, filename: str) -> None:
    """What can be said without a decoder."""
    if not data:
        raise Unreadable(Reason.REFERENCE_EMPTY)
    if len(data) > MAX_BYTES:
        raise Unreadable(Reason.REFERENCE_TOO_LARGE, megabytes=MAX_BYTES // 2**20)
    found, named = known_format(data), format_named(filename)
    if named not in {None, found}:
        raise Unreadable(Reason.REFERENCE_MISNAMED, named=str(named), format=found)


def _look(image: ImageFile) -> Look:
    turned = orientation(image)
    width, height = reversed(image.size) if turned in LYING else image.size
    content_type = f"image/{str(image.format).lower()}"
    return Look(content_type=content_type, width=width, height=height, as_shown=turned == 1)


def _shares(mask: Image.Image) -> tuple[float, float]:
    """Of an RGB picture's pixels: how many are black, and how many are neither black nor white. 0 to 1."""
    red, green, blue = mask.split()
    brightest = ImageChops.lighter(ImageChops.lighter(red, green), blue).histogram()
    darkest = ImageChops.darker(ImageChops.darker(red, green), blue).histogram()
    pixels = mask.width * mask.height
    black, white = sum(brightest[: BLACK_UP_TO + 1]), sum(darkest[WHITE_FROM:])
    return black / pixels, (pixels - black - white) / pixels
