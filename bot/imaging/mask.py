"""
Read a mask, and make the plain mask that the image API gets: an RGB PNG of the picture's size in which black changes
and white stays.

A mask with transparent pixels (less than half opaque) says with them what changes, whatever its colours, as in OpenAI's
API, GIMP and Photoshop. In any other mask black changes and white stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageChops

from bot.errors import BadReference, Reason
from bot.imaging import cost
from bot.imaging.decoding import bearable, decoded
from bot.imaging.encoding import png
from bot.imaging.inspection import check_file
from bot.imaging.picture_info import Unreadable
from bot.imaging.pixels import LYING, bands, upright

CHANGES: Final = 0
STAYS: Final = 255
HALF: Final = 128
"""What is below half changes: the opacity of a pixel (0 to 255) or, in a mask without transparent pixels, the brightest
channel of a pixel."""
BLACK_UP_TO: Final = 63
"""A pixel of a mask is black if its brightest channel is at most this. Dark colours are not black."""
WHITE_FROM: Final = 192
"""A pixel of a mask is white if its darkest channel is at least this. Soft edges are neither black nor white; JPEG
noise on black or white stays well within these bounds."""
MAX_GREY: Final = 0.10
"""Largest share of pixels that may be neither black nor white, in a mask without transparent pixels."""
MAX_STRETCH: Final = 0.01
"""Largest difference between the shapes (width / height) of a mask and its picture, as a share. A difference of one
pixel is accepted in any case, because programs round when they scale."""

_CRISP: Final = [CHANGES] * HALF + [STAYS] * (256 - HALF)


@dataclass(frozen=True, slots=True)
class PlainMask:
    """A mask as the image API gets it. `change_share` is the share of the picture that changes: above 0, at most 1."""

    data: bytes
    change_share: float


def plain_mask(data: bytes, filename: str, size: tuple[int, int] | None) -> PlainMask:
    """
    Make the plain mask for a picture of `size` (width and height as displayed). None: the picture is unusable, so the
    mask is checked alone and keeps its own size. A mask of another size and about the same shape is scaled.

    Raises BadReference with `filename`, the name of the mask: REFERENCE_* for a file that is not accepted or
    cannot be decoded, MASK_SIZE for another shape, MASK_NOT_BLACK_AND_WHITE and MASK_CHANGES_NOTHING.
    """
    try:
        check_file(data)
        header = bearable(data, cost.of_mask(size))
        mask = decoded(data, header)
    except Unreadable as error:
        raise BadReference(error.reason, filename=filename, **error.parameters) from error
    own = (mask.height, mask.width) if header.orientation in LYING else mask.size
    size = size or own
    if not _same_shape(own, size):
        sizes = {"width": size[0], "height": size[1], "mask_width": own[0], "mask_height": own[1]}
        raise BadReference(Reason.MASK_SIZE, filename=filename, **sizes)
    where = _where(mask, filename)
    del mask  # it may have four times the bytes of `where`
    where = upright(where, header.orientation)
    if where.size != size:
        where = where.resize(size, Image.Resampling.NEAREST)
    return PlainMask(data=png(where.convert("RGB")), change_share=_share(where, filename))


def _same_shape(mask: tuple[int, int], picture: tuple[int, int]) -> bool:
    across, down = mask[0] * picture[1], mask[1] * picture[0]
    off, whole = abs(across - down), max(across, down)
    return off <= MAX_STRETCH * whole or off * min(*mask, *picture) <= whole


def _where(mask: Image.Image, filename: str) -> Image.Image:
    """Return which pixels of the mask change, as CHANGES or STAYS. Raises BadReference."""
    return _by_transparency(mask) or _by_colour(mask, filename)


def _by_transparency(mask: Image.Image) -> Image.Image | None:
    """Return which pixels change by their opacity; None if none is less than half opaque."""
    if not mask.has_transparency_data:
        return None
    where = Image.new("L", mask.size, STAYS)
    for top, band in bands(mask):
        if band.mode == "RGBA":
            where.paste(band.getchannel("A").point(_CRISP), (0, top))
    return where if where.getextrema()[0] == CHANGES else None


def _by_colour(mask: Image.Image, filename: str) -> Image.Image:
    """Return which pixels change by their colour. Raises BadReference with Reason.MASK_NOT_BLACK_AND_WHITE, whose
    `grey` and `black` are percentages, if more than `MAX_GREY` is neither black nor white, or if any such pixel is
    found and no black one."""
    where = Image.new("L", mask.size)
    black, white, pixels = 0, 0, mask.width * mask.height
    for top, band in bands(mask):
        red, green, blue = band.convert("RGB").split()
        brightest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
        black += sum(brightest.histogram()[: BLACK_UP_TO + 1])
        white += sum(ImageChops.darker(ImageChops.darker(red, green), blue).histogram()[WHITE_FROM:])
        where.paste(brightest.point(_CRISP), (0, top))
    grey = pixels - black - white
    if grey > MAX_GREY * pixels or (grey and not black):
        percents = {"grey": round(100 * grey / pixels), "black": round(100 * black / pixels)}
        raise BadReference(Reason.MASK_NOT_BLACK_AND_WHITE, filename=filename, **percents)
    return where


def _share(where: Image.Image, filename: str) -> float:
    changing = where.histogram()[CHANGES]
    if not changing:
        raise BadReference(Reason.MASK_CHANGES_NOTHING, filename=filename)
    return changing / (where.width * where.height)
