"""Check a picture by decoding it: a reference, a mask or a result."""

from __future__ import annotations

from typing import Final

from PIL import Image, ImageChops

from bot.errors import BadReference, Reason
from bot.imaging import cost
from bot.imaging.decoding import MAX_BYTES, bearable, checked, decoded
from bot.imaging.formats import CONTENT_TYPES
from bot.imaging.header import known_format
from bot.imaging.headers import Header
from bot.imaging.picture_info import PictureInfo, Unreadable
from bot.imaging.pixels import LYING, bands, on_white

BLACK_UP_TO: Final = 63
"""A pixel of a mask is black if its brightest channel (0 to 255) is at most this. Dark colours are not black."""
WHITE_FROM: Final = 192
"""A pixel of a mask is white if its darkest channel is at least this. Soft edges are neither black nor white; JPEG
noise on black or white stays well within these bounds."""
_OF_RESULTS: Final = frozenset({"JPEG", "PNG", "WebP"})
MAX_GREY: Final = 0.10
"""Largest share of a mask's pixels that may be neither black nor white."""


def inspect(data: bytes, filename: str) -> PictureInfo:
    """
    Check a picture as it was attached by reading all of it. The format is that of the content, whatever the file's
    name. Raises BadReference, whose reason says what is wrong with the file, with `filename`.
    """
    try:
        check_file(data)
        header = bearable(data, cost.of_look)
        checked(data, header)
        return _look(header)
    except Unreadable as error:
        raise BadReference(error.reason, filename=filename, **error.parameters) from error


def inspect_mask(data: bytes, filename: str, image: PictureInfo) -> PictureInfo:
    """
    Check a mask as `inspect` does; also check that it has the dimensions of `image` and is black and white. Raises
    BadReference (also with Reason.MASK_SIZE and Reason.MASK_NOT_BLACK_AND_WHITE).

    Transparent parts count as white, as in a mask painted on an empty layer. A mask that is all black changes
    everything and is accepted; a mask without black would change nothing and is refused. `grey` and `black` in
    MASK_NOT_BLACK_AND_WHITE are percentages of the pixels.
    """
    try:
        check_file(data)
        header = bearable(data, cost.of_mask)
        seen = decoded(data, header)
    except Unreadable as error:
        raise BadReference(error.reason, filename=filename, **error.parameters) from error
    look = _look(header)
    if (look.width, look.height) != (image.width, image.height):
        sizes = {"width": image.width, "height": image.height, "mask_width": look.width, "mask_height": look.height}
        raise BadReference(Reason.MASK_SIZE, filename=filename, **sizes)
    black, grey, opaque = _shares(seen)
    if grey > MAX_GREY or not black:
        percents = {"grey": round(grey * 100), "black": round(black * 100)}
        raise BadReference(Reason.MASK_NOT_BLACK_AND_WHITE, filename=filename, **percents)
    return _look(header, as_shown=opaque)


def look_at_result(data: bytes) -> PictureInfo:
    """Check a picture from the image API by reading all of it, within the limits of pixels, memory and time. Raises
    Unreadable, also for an animation and for a format that Discord does not show everywhere."""
    header = bearable(data, cost.of_look)
    if header.format not in _OF_RESULTS:
        raise Unreadable(Reason.REFERENCE_FORMAT, format=header.format)
    if header.is_animated:
        raise Unreadable(Reason.REFERENCE_ANIMATED, format=header.format)
    checked(data, header)
    return _look(header)


def check_file(data: bytes) -> None:
    """Check what needs no header: size and format. Raises Unreadable."""
    if not data:
        raise Unreadable(Reason.REFERENCE_EMPTY)
    if len(data) > MAX_BYTES:
        raise Unreadable(Reason.REFERENCE_TOO_LARGE, megabytes=MAX_BYTES // 2**20)
    known_format(data)


def _look(header: Header, *, as_shown: bool = True) -> PictureInfo:
    lies = header.orientation in LYING
    return PictureInfo(
        content_type=CONTENT_TYPES[header.format],
        width=header.height if lies else header.width,
        height=header.width if lies else header.height,
        as_shown=as_shown and header.orientation == 1,
    )


def _shares(mask: Image.Image) -> tuple[float, float, bool]:
    """Return the share of black pixels, the share of pixels that are neither black nor white (both 0 to 1), and whether
    no pixel is transparent."""
    black, white, opaque = 0, 0, True
    for _, band in bands(mask):
        opaque = opaque and band.mode == "RGB"
        red, green, blue = on_white(band).split()
        brightest = ImageChops.lighter(ImageChops.lighter(red, green), blue).histogram()
        darkest = ImageChops.darker(ImageChops.darker(red, green), blue).histogram()
        black += sum(brightest[: BLACK_UP_TO + 1])
        white += sum(darkest[WHITE_FROM:])
    pixels = mask.width * mask.height
    return black / pixels, (pixels - black - white) / pixels, opaque
