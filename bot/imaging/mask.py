"""
Read a mask, and make the plain mask that the image API gets: an RGB PNG of the picture's size in which black changes
and white stays; a model for which white changes gets it inverted.

A mask with a transparent part (`MIN_CLEAR` of it is less than half opaque) says with it what changes, whatever its
colours, as in OpenAI's API, GIMP and Photoshop. In any other mask black changes and white stays. If there is no black
beside white, but the opacity varies, as after a soft eraser, the more transparent part changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from PIL import Image, ImageChops

from bot.errors import BadReference, Reason
from bot.imaging import cost
from bot.imaging.decoding import bearable, decoded
from bot.imaging.encoding import png
from bot.imaging.headers import broken
from bot.imaging.inspection import check_file
from bot.imaging.picture_info import Unreadable
from bot.imaging.pixels import LYING, bands, upright

CHANGES: Final = 0
STAYS: Final = 255
HALF: Final = 128
"""A pixel whose opacity (0 to 255) is below half is transparent. Where the colours say what changes, it is the pixels
whose brightest channel is below half."""
MIN_CLEAR: Final = 0.001
"""Share of transparent pixels from which they say what changes, whatever the colours: a square of 110 pixels in a photo
of 12 megapixels. A smaller part may be a slip of the eraser or the rounded corners of a screenshot."""
MIN_FADING: Final = 64
"""Smallest difference between the lowest and the highest opacity (0 to 255) with which a mask may mean something. A
mask of less only seems to be opaque."""
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


def _crisp(limit: int) -> list[int]:
    """Return the table that makes values below the limit CHANGES and the others STAYS."""
    return [CHANGES] * limit + [STAYS] * (256 - limit)


_CRISP: Final = _crisp(HALF)


@dataclass(frozen=True, slots=True)
class PlainMask:
    """A mask as the image API gets it. `change_share` is the share of the picture that changes: above 0, at most 1."""

    data: bytes
    change_share: float


def plain_mask(data: bytes, filename: str, size: tuple[int, int] | None) -> PlainMask:
    """
    Make the plain mask for a picture of `size` (width and height as displayed). None: the picture is unusable, so the
    mask is checked alone and keeps its own size. A mask of another size and about the same shape is scaled.

    Raises BadReference with `filename`, the name of the mask: REFERENCE_* for a file that is not accepted or cannot be
    decoded, and for a JPEG without its end, because the rows that it may lack would stay; MASK_SIZE for another shape,
    MASK_NOT_BLACK_AND_WHITE and MASK_CHANGES_NOTHING.
    """
    try:
        check_file(data)
        header = bearable(data, cost.of_mask(size))
        if header.format == "JPEG" and header.is_damaged:
            raise broken()
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


def inverted_mask(data: bytes) -> bytes:
    """Return a plain mask in which white changes and black stays, for a model that reads masks in that way. Raises
    Unreadable."""
    where = decoded(data, bearable(data, cost.of_inversion)).convert("L")
    return png(ImageChops.invert(where).convert("RGB"))


def _same_shape(mask: tuple[int, int], picture: tuple[int, int]) -> bool:
    across, down = mask[0] * picture[1], mask[1] * picture[0]
    off, whole = abs(across - down), max(across, down)
    return off <= MAX_STRETCH * whole or off * min(*mask, *picture) <= whole


@dataclass(slots=True)
class _Seen:
    """Numbers of pixels of a mask. Transparent pixels have no colour."""

    pixels: int
    black: int = 0
    white: int = 0
    grey: int = 0
    opacities: list[int] = field(default_factory=lambda: [0] * 256)
    """Number of pixels by their opacity."""


def _where(mask: Image.Image, filename: str) -> Image.Image:
    """Return which pixels of the mask change, as CHANGES or STAYS. Raises BadReference with
    Reason.MASK_NOT_BLACK_AND_WHITE, whose `grey` and `black` are percentages, if the opacity says nothing and more than
    `MAX_GREY` is neither black nor white, or any such pixel is found and no black one."""
    seen = _seen(mask)
    limit = _opacity_limit(seen)
    if limit is None and (seen.grey > MAX_GREY * seen.pixels or (seen.grey and not seen.black)):
        percents = {"grey": round(100 * seen.grey / seen.pixels), "black": round(100 * seen.black / seen.pixels)}
        raise BadReference(Reason.MASK_NOT_BLACK_AND_WHITE, filename=filename, **percents)
    where = Image.new("L", mask.size)
    for top, band in bands(mask):
        shades = _brightest(band).point(_CRISP) if limit is None else _opacity(band).point(_crisp(limit))
        where.paste(shades, (0, top))
    return where


def _seen(mask: Image.Image) -> _Seen:
    seen = _Seen(mask.width * mask.height)
    for _, band in bands(mask):
        opacity = _opacity(band)
        visible = opacity.point(_CRISP)
        black = sum(_brightest(band).histogram(visible)[: BLACK_UP_TO + 1])
        white = sum(_darkest(band).histogram(visible)[WHITE_FROM:])
        seen.black, seen.white = seen.black + black, seen.white + white
        seen.grey += visible.histogram()[STAYS] - black - white
        seen.opacities = [sum(pair) for pair in zip(seen.opacities, opacity.histogram(), strict=True)]
    return seen


def _opacity_limit(seen: _Seen) -> int | None:
    """Return the opacity below which pixels change; None if the colours say what changes."""
    found = [value for value, pixels in enumerate(seen.opacities) if pixels]
    fades = found[-1] - found[0] >= MIN_FADING
    limit = (found[0] + found[-1] + 1) // 2 if fades else HALF
    if sum(seen.opacities[:HALF]) >= MIN_CLEAR * seen.pixels:
        return limit
    return limit if fades and not _is_black_and_white(seen, sum(seen.opacities[:limit])) else None


def _is_black_and_white(seen: _Seen, changing: int) -> bool:
    """Return whether the colours show both a part that changes and one that stays. A part that is smaller than
    `MIN_CLEAR` of the mask counts only if it has more pixels than would be `changing` by their opacity."""
    speck = min(MIN_CLEAR * seen.pixels, changing)
    return min(seen.black, seen.white) > speck and seen.grey <= MAX_GREY * seen.pixels


def _opacity(band: Image.Image) -> Image.Image:
    return band.getchannel("A") if band.mode == "RGBA" else Image.new("L", band.size, 255)


def _brightest(band: Image.Image) -> Image.Image:
    red, green, blue = band.convert("RGB").split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue)


def _darkest(band: Image.Image) -> Image.Image:
    red, green, blue = band.convert("RGB").split()
    return ImageChops.darker(ImageChops.darker(red, green), blue)


def _share(where: Image.Image, filename: str) -> float:
    changing = where.histogram()[CHANGES]
    if not changing:
        raise BadReference(Reason.MASK_CHANGES_NOTHING, filename=filename)
    return changing / (where.width * where.height)
