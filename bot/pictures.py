"""
Look inside a picture, and make it fit a limit (Pillow). Synchronous, thread-safe and CPU-bound: call through `aside`,
where at most `AT_ONCE` work at a time, so that memory is bounded.

* what goes in      `inspect` and `inspect_mask`: bytes of strangers, refused with BadReference
* on its way        `as_png` and `mask_as_png`, both without loss, and `thumbnail` for the card
* what comes out    `look_at_result`, and `fit` for a channel that takes smaller files

Everything but `inspect` and `inspect_mask` raises `Unreadable`, a ValueError, for bytes that are no picture we take.

What a file can cost is bounded: its bytes, its pixels and edges as the header has them, the scans of a JPEG, and the
processor's time while it is read. Each decoder's class is called by itself instead of `Image.open`: no other decoder
ever sees the bytes, the pixels are counted before Pillow would warn of them (its warnings are the whole process's and
cannot be caught in a thread), and a phone's MPO, which is a JPEG with a second one behind it, opens as the JPEG it is.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from functools import cache, partial
from io import BytesIO
from math import sqrt
from time import thread_time
from typing import Final, ParamSpec, TypeVar

from PIL import Image, ImageChops
from PIL.ExifTags import Base
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from bot.errors import BadReference, Reason
from bot.formats import CONTENT_TYPES, EXTENSIONS, format_named, format_of, is_moving_gif

MAX_BYTES: Final = 25 * 1024 * 1024
"""What the image API takes per picture (its error message names 26,214,400 bytes)."""
MAX_PIXELS: Final = 2**26
"""67 megapixels, read from the header before anything is decoded: a 50-megapixel phone's 8192 x 6144 goes in."""
MAX_EDGE: Final = 2**17
"""Pixels: each row costs memory of its own, and nobody looks at a line a million pixels long."""
MAX_SCANS: Final = 100
"""Of all pictures in a JPEG file; a progressive one has about ten. Each is a pass over all pixels, for some bytes."""
READING_SECONDS: Final = 8.0
"""The processor's, each time a file is read; looked at whenever the decoder wants more bytes. 67 megapixels of 16 bits
take 1.3 s; 25 MiB of nothing but chunks or markers took half a minute."""
AT_ONCE: Final = 2
"""Calls that work at the same time: the largest WebP takes about 1 GiB while it is decoded."""

BLACK_UP_TO: Final = 63
"""A pixel of a mask is black when its brightest channel (of 0 to 255) is no brighter, so dark colours are not black."""
WHITE_FROM: Final = 192
"""... and white when its darkest channel is no darker. Soft edges lie between; the noise of JPEG stays well inside."""
MAX_GREY: Final = 0.10
"""The share of a mask's pixels that may be neither."""

SMALLEST_LIMIT: Final = 64 * 1024
"""Bytes; `fit` promises nothing below."""
QUALITIES: Final = (95, 92, 88, 84, 80, 75)
"""Of JPEG and lossy WebP, best first; below the last one a picture is better made smaller."""
PNG_HOPE: Final = 1.25
"""Above this many times the limit, optimising a PNG is not tried: it rarely saves more than a tenth ..."""
WEBP_HOPE: Final = 2.0
"""... nor is lossless WebP, which rarely saves more than half."""
SLOW_PIXELS: Final = 4_000_000
"""Up to here thorough encoding takes a few seconds (measured: about 1 s per megapixel) and is worth them."""
LOSSLESS_PIXELS: Final = 32_000_000
"""Up to here lossless WebP takes at most about 7 s with little effort."""
MAX_PROFILE_BYTES: Final = 16 * 1024
"""A larger colour profile (a printer's) is left out, or nothing might ever fit."""
WEBP_EDGE: Final = 16_383
JPEG_EDGE: Final = 65_500

_SCAN: Final = b"\xff\xda"
_DECODERS: Final[Mapping[str, type[ImageFile]]] = {"JPEG": JpegImageFile, "PNG": PngImageFile, "WebP": WebPImageFile}

_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""By the value of EXIF's orientation, what makes the picture upright."""
_LYING: Final = frozenset({5, 6, 7, 8})

P = ParamSpec("P")
T = TypeVar("T")
_threads: Final = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pictures")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a picture is. Width and height are those one sees, with the orientation tag applied."""

    content_type: str  # image/jpeg, image/png, image/webp
    width: int
    height: int
    as_shown: bool = True
    """What is stored is what one sees: no orientation tag to apply, and, for a mask, no transparency to lay on white.
    An image and a mask of which one is not go together only through `as_png` and `mask_as_png`."""

    @property
    def extension(self) -> str:
        """For a file name of ours: no dot."""
        return EXTENSIONS[self.content_type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    data: bytes
    content_type: str
    extension: str  # "png", "jpg", "webp": no dot
    changed: bool  # re-encoded to fit


class _Bounded(BytesIO):
    """Ends when its thread has been busy for too long since it was opened."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._ends = thread_time() + READING_SECONDS

    def read(self, size: int | None = -1, /) -> bytes:
        if thread_time() > self._ends:
            raise TimeoutError
        return super().read(size)


class Unreadable(ValueError):
    """Bytes that are no picture we take, and why; `reason` is one of REFERENCE_*."""

    def __init__(self, reason: Reason, **parameters: str | int) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.parameters: Mapping[str, str | int] = parameters


async def aside(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do one of these off the event loop, when there is room. In threads of their own: asyncio's are few, and host
    names are looked up there. What is logged there belongs to the same task."""
    in_context = partial(copy_context().run, work, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_threads, in_context)


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
    seen = _colours(mask)
    black, grey = _shares(_on_white(seen))
    if grey > MAX_GREY or not black:
        percents = {"grey": round(grey * 100), "black": round(black * 100)}
        raise BadReference(Reason.MASK_NOT_BLACK_AND_WHITE, filename=filename, **percents)
    as_shown = look.as_shown and seen.mode == "RGB"
    return Look(content_type=look.content_type, width=look.width, height=look.height, as_shown=as_shown)


def as_png(data: bytes) -> bytes:
    """Without loss and upright, as one sees it; a PNG that is upright comes back untouched. CMYK becomes RGB."""
    image = _decoded(data)
    if image.format == "PNG" and _orientation(image) == 1:
        return data
    return _png(_upright(image.convert("RGB") if image.mode == "CMYK" else image), profile=_profile(image))


def mask_as_png(data: bytes) -> bytes:
    """`as_png` of a mask: transparent parts become white."""
    image = _decoded(data)
    seen = _colours(image)
    if image.format == "PNG" and _orientation(image) == 1 and seen.mode == "RGB":
        return data
    return _png(_upright(_on_white(seen), _orientation(image)))


def thumbnail(data: bytes, edge: int = 320) -> bytes:
    """A JPEG whose longer side is at most `edge`; upright; on white where transparent; no metadata."""
    image = _opened(data)
    image.draft(None, (2 * edge, 2 * edge))  # a large JPEG is decoded at a fraction of its size
    _attempt(image.load)
    small = _colours(image)
    small.thumbnail((edge, edge))
    return _encoded(_upright(_on_white(small), _orientation(image)), "JPEG", quality=85)


def look_at_result(data: bytes) -> Look:
    """A picture from the image API, really decoded within the limit of pixels. Raises Unreadable."""
    return _look(_decoded(data))


def fit(data: bytes, limit: int) -> Fitted:
    """
    At most `limit` bytes (from `SMALLEST_LIMIT` on), with the least loss that fits: unchanged; PNG optimised; WebP
    lossless; JPEG, or WebP where something is transparent, at falling quality; then scaled down in steps.

    The same bytes always give the same. Steps that would take long and hardly help are left out. Raises Unreadable.
    """
    if len(data) <= limit:
        return _fitted(data, _known_format(data), changed=False)
    if limit < SMALLEST_LIMIT:
        raise ValueError(f"cannot promise to fit {limit} bytes")
    image = _decoded(data)
    return _without_loss(image, len(data), limit) or _with_loss(image, limit)


# -- what it is --------------------------------------------------------------------------------------------------------
def _reference(data: bytes, filename: str) -> ImageFile:
    """Decoded, for the person who gave it."""
    try:
        _check_file(data, filename)
        return _decoded(data)
    except Unreadable as error:
        raise BadReference(error.reason, filename=filename, **error.parameters) from error


def _check_file(data: bytes, filename: str) -> None:
    """What can be said without a decoder."""
    if not data:
        raise Unreadable(Reason.REFERENCE_EMPTY)
    if len(data) > MAX_BYTES:
        raise Unreadable(Reason.REFERENCE_TOO_LARGE, megabytes=MAX_BYTES // 2**20)
    found, named = _known_format(data), format_named(filename)
    if named not in {None, found}:
        raise Unreadable(Reason.REFERENCE_MISNAMED, named=str(named), format=found)


def _known_format(data: bytes) -> str:
    """JPEG, PNG or WebP. Raises Unreadable for every other one."""
    found = format_of(data)
    if found is None:
        raise Unreadable(Reason.REFERENCE_NOT_A_PICTURE)
    if found not in _DECODERS:
        raise Unreadable(Reason.REFERENCE_ANIMATED if is_moving_gif(data) else Reason.REFERENCE_FORMAT, format=found)
    return found


# -- decoding ----------------------------------------------------------------------------------------------------------
def _opened(data: bytes) -> ImageFile:
    """Its header read and found bearable; nothing decoded yet."""
    found = _known_format(data)
    if found == "JPEG" and data.count(_SCAN) > MAX_SCANS:
        raise Unreadable(Reason.REFERENCE_BROKEN)
    image = _attempt(lambda: _DECODERS[found](_Bounded(data)))
    if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_EDGE:
        raise _too_many_pixels()
    if getattr(image, "is_animated", False):
        raise Unreadable(Reason.REFERENCE_ANIMATED, format=found)
    return image


def _too_many_pixels() -> Unreadable:
    return Unreadable(Reason.REFERENCE_TOO_MANY_PIXELS, megapixels=MAX_PIXELS // 10**6)


def _decoded(data: bytes) -> ImageFile:
    image = _opened(data)
    if isinstance(image, PngImageFile):
        _attempt(image.verify)  # the checksums, which decoding alone would pass over; it uses the image up
        image = _opened(data)
    _attempt(image.load)
    return image


def _attempt(step: Callable[[], T]) -> T:
    """Whatever a decoder raises, the bytes are broken; only running out of memory is no fault of theirs."""
    try:
        return step()
    except Image.DecompressionBombError as error:
        raise _too_many_pixels() from error
    except MemoryError:
        raise
    except Exception as error:
        raise Unreadable(Reason.REFERENCE_BROKEN) from error


def _look(image: ImageFile) -> Look:
    orientation = _orientation(image)
    width, height = reversed(image.size) if orientation in _LYING else image.size
    content_type = f"image/{str(image.format).lower()}"
    return Look(content_type=content_type, width=width, height=height, as_shown=orientation == 1)


def _orientation(image: Image.Image) -> int:
    """1 to 8 as EXIF has it; 1, upright, where the tag is missing or unreadable, which spoils no picture."""
    orientation = None
    with suppress(Exception):
        orientation = image.getexif().get(Base.Orientation)
    return orientation if isinstance(orientation, int) and orientation in _TURNS else 1


# -- pixels ------------------------------------------------------------------------------------------------------------
def _upright(image: Image.Image, orientation: int | None = None) -> Image.Image:
    turn = _TURNS.get(orientation or _orientation(image))
    return image if turn is None else image.transpose(turn)


def _colours(image: Image.Image) -> Image.Image:
    """As RGB, or as RGBA where something is really transparent; 8 bits per channel; without metadata."""
    deep = image.mode == "I;16"  # Pillow would cut 16 bits of grey off at 255
    plain = image.point(lambda value: value / 256).convert("L") if deep else image
    colours = plain.convert("RGBA" if plain.has_transparency_data else "RGB")
    if colours.mode == "RGBA" and colours.getchannel("A").getextrema() == (255, 255):
        colours = colours.convert("RGB")
    colours.info = {}
    return colours


def _on_white(colours: Image.Image) -> Image.Image:
    if colours.mode == "RGB":
        return colours
    white = Image.new("RGB", colours.size, "white")
    white.paste(colours, mask=colours.getchannel("A"))
    return white


def _shares(mask: Image.Image) -> tuple[float, float]:
    """Of an RGB picture's pixels: how many are black, and how many are neither black nor white. 0 to 1."""
    red, green, blue = mask.split()
    brightest = ImageChops.lighter(ImageChops.lighter(red, green), blue).histogram()
    darkest = ImageChops.darker(ImageChops.darker(red, green), blue).histogram()
    pixels = mask.width * mask.height
    black, white = sum(brightest[: BLACK_UP_TO + 1]), sum(darkest[WHITE_FROM:])
    return black / pixels, (pixels - black - white) / pixels


# -- encoding ----------------------------------------------------------------------------------------------------------
def _profile(image: ImageFile) -> bytes | None:
    """Its colour profile, if it still holds after `_colours` and is not out of proportion."""
    profile = image.info.get("icc_profile")
    fits = isinstance(profile, bytes) and len(profile) <= MAX_PROFILE_BYTES and image.mode in {"RGB", "RGBA", "P"}
    return profile if fits else None


def _encoded(image: Image.Image, encoder: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, encoder, **options)
    return file.getvalue()


def _png(image: Image.Image, profile: bytes | None = None, *, optimize: bool = False) -> bytes:
    return _encoded(image, "PNG", icc_profile=profile, optimize=optimize)


def _fitted(data: bytes, found: str, *, changed: bool = True) -> Fitted:
    content_type = CONTENT_TYPES[found]
    return Fitted(data=data, content_type=content_type, extension=EXTENSIONS[content_type], changed=changed)


def _without_loss(image: ImageFile, size: int, limit: int) -> Fitted | None:
    """Only a PNG: what was encoded with loss once is far larger without."""
    pixels = image.width * image.height
    if image.format != "PNG" or size > limit * WEBP_HOPE or pixels > LOSSLESS_PIXELS:
        return None
    if size <= limit * PNG_HOPE and pixels <= SLOW_PIXELS:
        data = _png(_upright(image), _profile(image), optimize=True)
        if len(data) <= limit:
            return _fitted(data, "PNG")
    if max(image.size) > WEBP_EDGE:
        return None
    effort = {"method": 4, "quality": 75} if pixels <= SLOW_PIXELS else {"method": 1, "quality": 20}
    seen = _upright(_colours(image), _orientation(image))
    data = _encoded(seen, "WEBP", lossless=True, icc_profile=_profile(image), **effort)
    return _fitted(data, "WebP") if len(data) <= limit else None


def _with_loss(image: ImageFile, limit: int) -> Fitted:
    seen = _upright(_colours(image), _orientation(image))
    opaque = seen.mode == "RGB"
    scale = min(1.0, (JPEG_EDGE if opaque else WEBP_EDGE) / max(seen.size))

    @cache
    def encode(quality: int, scale: float) -> bytes:
        if opaque:
            chroma = {"subsampling": "4:4:4" if quality >= 92 else "4:2:0"}
            return _encoded(_scaled(seen, scale), "JPEG", quality=quality, icc_profile=_profile(image), **chroma)
        return _encoded(_scaled(seen, scale), "WEBP", quality=quality, method=2, icc_profile=_profile(image))

    best = bisect_left(QUALITIES, True, key=lambda quality: len(encode(quality, scale)) <= limit)
    quality = QUALITIES[min(best, len(QUALITIES) - 1)]
    while len(data := encode(quality, scale)) > limit:
        scale *= min(0.9, sqrt(limit / len(data)))
    return _fitted(data, "JPEG" if opaque else "WebP")


def _scaled(image: Image.Image, scale: float) -> Image.Image:
    if scale == 1:
        return image
    width, height = (max(1, int(edge * scale)) for edge in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)
