"""
Estimate the cost of work on a picture from its header: peak memory in bytes, and seconds of one processor.

The bytes are the sum of the allocations of libjpeg, libwebp and Pillow; those of libheif and libavif were measured. A
child process may use that much memory and a fixed reserve. The seconds were measured on a machine of 2026 with noise,
empty scans and pictures of one colour, and rounded up: they give the order of magnitude.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from bot.imaging.headers import Header
from bot.imaging.pixels import BAND_PIXELS
from bot.imaging.png import inflated_bytes

MIB: Final = 1024 * 1024
BASE_BYTES: Final = 1 * MIB
BASE_SECONDS: Final = 0.005
BAND_BYTES: Final = 16
"""Bytes per pixel of a band (`bot.imaging.pixels.bands`): as stored, after `colours`, and after `on_white`."""
CANVASES: Final = 3
"""Canvases of libwebp's animation decoder, of four bytes per pixel: the frame, the previous frame, and the result."""
FITTED_PIXELS: Final = 24_500_000
"""Pictures with more pixels are fitted at half their width and height."""
SENT_BYTES: Final = 25 * 1024 * 1024
"""Most bytes of a picture that is sent, also to a model that takes more. API: 25 MiB for 4o (its error message names
26,214,400 bytes)."""
SENT_PIXELS: Final = 2**26
"""Most pixels of a file that is sent as it is; a larger picture is converted. API: few models have a limit."""
CONVERTED_PIXELS: Final = 24_500_000
"""Most pixels of a converted picture; a larger one is reduced. A phone's photo of 24 megapixels keeps its size."""
DRAFT_EDGE: Final = 640
"""Pixels. Where the format can be decoded at a fraction of its size, a thumbnail is made from a picture with sides of
at least this length, or in full size."""

_CHANNELS_SENT: Final = {"JPEG": 3, "PNG": 4}
"""Most channels of a JPEG (a fourth is the black of a print) and of a PNG (a fourth is transparency)."""
PIECE_SECONDS: Final = 25e-6
SCAN_SECONDS: Final = 1.2e-9
"""Per pixel and scan, even if the scan is empty."""


@dataclass(frozen=True, slots=True)
class Cost:
    bytes: int
    seconds: float


class SentLimit(NamedTuple):
    """What a model takes of one picture: most bytes and, unless None, most pixels. What the bot sends to any model is
    limited as well."""

    bytes: int
    pixels: int | None = None


def sent_bytes(limit: SentLimit | None) -> int:
    return min(SENT_BYTES, limit.bytes) if limit else SENT_BYTES


def sent_pixels(limit: SentLimit | None) -> int:
    return min(SENT_PIXELS, limit.pixels) if limit and limit.pixels else SENT_PIXELS


def converted_pixels(limit: SentLimit | None) -> int:
    return min(CONVERTED_PIXELS, limit.pixels) if limit and limit.pixels else CONVERTED_PIXELS


def of_look(header: Header, size: int) -> Cost:
    """Estimate checking that a file is complete."""
    if header.format == "PNG":
        inflated = inflated_bytes(header)
        return _cost(size, 0, size * 5e-9 + inflated * 4e-9 + header.pieces * 5e-6)
    if header.format == "JPEG":
        return _jpeg(header, size, scale=draft_scale(header, 1))
    return _decoded(header, size)


def of_thumbnail(header: Header, size: int) -> Cost:
    if header.format == "JPEG":
        scale = draft_scale(header, DRAFT_EDGE)
        made = _jpeg(header, size, scale=scale)
        return Cost(made.bytes + _bands(header, scale), made.seconds + header.pixels / scale**2 * 20e-9)
    return _by_bands(header, size, header.pixels * 15e-9)


def of_mask(picture: tuple[int, int] | None) -> Callable[[Header, int], Cost]:
    """Return a function that estimates making a plain mask for a picture of this width and height. None: the mask
    keeps its own size."""

    def estimate(header: Header, size: int) -> Cost:
        scaled = picture[0] * picture[1] if picture else header.pixels
        read = _by_bands(header, size, header.pixels * 30e-9)
        scaling, encoding = 2 * header.pixels + scaled, 5 * scaled + 25 * MIB
        made = max(read.bytes + header.pixels, BASE_BYTES + 2 * size + max(scaling, encoding))
        return Cost(made, read.seconds + scaled * 30e-9)

    return estimate


def of_conversion(header: Header, size: int) -> Cost:
    """Estimate converting to a PNG, rotated upright if necessary."""
    made = _decoded(header, size)
    copies = 0
    if header.orientation != 1:
        copies += 1
    if header.channels in {2, 4}:
        copies += 2
    return Cost(made.bytes + 4 * header.pixels * copies + 25 * MIB, made.seconds + header.pixels * 150e-9)


def of_inversion(header: Header, size: int) -> Cost:
    """Estimate inverting a plain mask: beside it, or beside what is encoded, two copies of a byte per pixel."""
    made = _decoded(header, size)
    return Cost(made.bytes + 2 * header.pixels + 25 * MIB, made.seconds + header.pixels * 50e-9)


def needs_conversion(header: Header, size: int, limit: SentLimit | None = None) -> bool:
    """Return whether the header and the size (bytes) show that the image API must not get the pixels as they are
    stored. A picture for which this is false may still need conversion because of its colour profile."""
    kept = header.format in {"JPEG", "PNG"} and header.channels <= _CHANNELS_SENT[header.format] and header.depth <= 8
    is_whole = not header.is_damaged and not header.has_palette and header.orientation == 1
    return not kept or not is_whole or size > sent_bytes(limit) or header.pixels > sent_pixels(limit)


def conversion_scale(header: Header) -> int:
    """Return the factor (1, 2, 4 or 8) by which libjpeg divides both sides of a JPEG before its conversion; 1
    for other formats."""
    if header.format != "JPEG":
        return 1
    return next((scale for scale in (1, 2, 4) if header.pixels <= CONVERTED_PIXELS * scale**2), 8)


def of_plain_copy(header: Header, size: int, limit: SentLimit | None = None) -> Cost:
    """Estimate the work of `plain_copy`: checking and rewriting the file, or, where it may be necessary, converting it
    with at most one copy of the pixels beside the picture."""
    converted = needs_conversion(header, size, limit)
    most = converted_pixels(limit)
    look, copying = of_look(header, size), of_copying(header, size)
    if not converted and not header.has_profile:
        return Cost(max(look.bytes, copying.bytes), look.seconds + copying.seconds)
    scale = conversion_scale(header)
    made = _jpeg(header, size, scale=scale) if header.format == "JPEG" else _decoded(header, size)
    copied = min(header.pixels // scale**2, most)
    spare = 4 * (CANVASES - 1) * header.pixels if header.format in {"WebP", "HEIC", "AVIF"} else 0
    more = max(0, 6 * copied + 4 * header.pixels // scale**2 // 2 * (header.pixels > most) - spare)
    seconds = made.seconds + copied * 120e-9
    return Cost(made.bytes + more + 2 * MIB, seconds if converted else seconds + look.seconds)


def of_copying(header: Header, size: int) -> Cost:
    """Estimate rewriting the file without decoding it."""
    return Cost(BASE_BYTES + 3 * size, BASE_SECONDS + size * 1e-8 + header.pieces * PIECE_SECONDS)


def of_fitting(header: Header, size: int) -> Cost:
    """Estimate decoding and several encodings, of a quarter of the pixels where `fit` halves both sides first. One rate
    for each pixel is enough, because `fit` tries its slowest encodings only for small pictures."""
    made = _decoded(header, size)
    worked_on = header.pixels if header.pixels <= FITTED_PIXELS else header.pixels // 4
    return Cost(made.bytes + 12 * worked_on + 3 * size, made.seconds + worked_on * 1e-6)


def draft_scale(header: Header, edge: int) -> int:
    """Return the largest factor (1, 2, 4 or 8) by which libjpeg can divide both sides and keep them at least `edge`; 1
    if a side is shorter already."""
    scale = min(header.width, header.height) // edge
    return next((part for part in (8, 4, 2) if scale >= part), 1)


def _bands(header: Header, scale: int = 1) -> int:
    """Return the bytes of one band and of the picture reduced in width only."""
    width, height = math.ceil(header.width / scale), math.ceil(header.height / scale)
    narrow = math.ceil(width / max(1, max(width, height) // DRAFT_EDGE))
    return BAND_BYTES * min(BAND_PIXELS, width * height) + 4 * narrow * height


def _cost(size: int, pixel_bytes: int, seconds: float) -> Cost:
    """Add the base cost, the file, and the copy of the file that the decoder makes."""
    return Cost(BASE_BYTES + 2 * size + pixel_bytes, BASE_SECONDS + seconds)


def _decoded(header: Header, size: int) -> Cost:
    """Estimate decoding all pixels into memory."""
    match header.format:
        case "JPEG":
            return _jpeg(header, size, scale=1)
        case "PNG":
            grey = 2 if header.depth > 8 else 1
            pixel = 4 if header.channels > 1 else grey
            seconds = inflated_bytes(header) * 15e-9 + size * 10e-9 + header.pieces * PIECE_SECONDS
            return _cost(size, pixel * header.pixels, seconds)
        case "HEIC" | "AVIF":
            return _cost(size, 12 * header.pixels + 32 * MIB, header.pixels * 100e-9 + size * 20e-9)
        case "GIF" | "BMP" | "TIFF":
            seconds = header.pixels * 20e-9 + size * 20e-9 + header.pieces * PIECE_SECONDS / 10
            return _cost(size, 6 * header.pixels, seconds)
    return _cost(size, 4 * CANVASES * header.pixels, header.pixels * 50e-9 + size * 20e-9)


def _by_bands(header: Header, size: int, seconds: float) -> Cost:
    """Estimate decoding the whole picture and then processing band by band. During the processing only one of libwebp's
    canvases is left."""
    made = _decoded(header, size)
    spare = 4 * (CANVASES - 1) * header.pixels if header.format == "WebP" else 0
    return Cost(made.bytes + max(0, _bands(header) - spare), made.seconds + seconds)


def _jpeg(header: Header, size: int, *, scale: int) -> Cost:
    pixel = 1 if header.channels == 1 else 4
    pixel_bytes = pixel * (header.pixels // scale**2 + header.width) + header.coefficient_bytes
    passes = header.scans if header.coefficient_bytes else 1
    seconds = header.pixels * (2e-9 + SCAN_SECONDS * passes) + size * 25e-9 + header.pieces * PIECE_SECONDS
    return _cost(size, pixel_bytes, seconds + header.pixels / scale**2 * 8e-9)
