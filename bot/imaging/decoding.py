"""
Decode a picture whose estimated cost is acceptable.

The decoder's class is called directly instead of `Image.open`: no other decoder gets the bytes, Pillow emits no
warnings (warnings are global to the process and cannot be caught in a thread), and a phone's MPO file, which is a JPEG
followed by a second JPEG, is opened as a JPEG.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from io import BytesIO
from typing import Final, TypeVar

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from bot.imaging import cost, gif, heif, jpeg, png, tiff, webp
from bot.imaging.cost import Cost
from bot.imaging.header import read_header
from bot.imaging.headers import Header, broken, too_complex
from bot.imaging.picture_info import Unreadable

MAX_BYTES: Final = 50 * 1024 * 1024
"""Limit of an attached file, in bytes. It may be larger than what the image API takes (`cost.SENT_BYTES`)."""
MOST_MEMORY: Final = 304 * 1024 * 1024
"""Limit of the estimated peak memory of work on one picture, in bytes, except plain copies and fitting (`BOUNDS`). A
progressive photo of 50 megapixels (4:2:2) and a WebP of 24 megapixels are within the limit."""
MOST_SECONDS: Final = 2.5
"""Limit of the estimated processor time for checking a result (`cost.of_look`), for which a person waits."""
MOST_SECONDS_OF_WORK: Final = 6.0
"""Limit of the estimated processor time for all other work except plain copies and fitting (`BOUNDS`)."""

Estimate = Callable[[Header, int], Cost]
BOUNDS: Final[Mapping[Estimate, tuple[int, float]]] = {
    cost.of_look: (MOST_MEMORY, MOST_SECONDS),
    cost.of_plain_copy: (640 * 1024 * 1024, 10.0),
    cost.of_fitting: (704 * 1024 * 1024, 120.0),
}
"""Limits (bytes, seconds) that differ from `MOST_MEMORY` and `MOST_SECONDS_OF_WORK`. A phone's HEIC of 48 megapixels
can be copied. Only paid results are fitted, and they have to be posted whatever their size."""

Picture = TypeVar("Picture", bound=Image.Image)
T = TypeVar("T")


def bearable(data: bytes, estimate: Estimate) -> Header:
    """Return the header if the estimated cost of the work is within its limits. Raises Unreadable otherwise, and for
    what `read_header` does not accept."""
    header = read_header(data)
    expected = estimate(header, len(data))
    work = estimate.func if isinstance(estimate, partial) else estimate
    memory, seconds = BOUNDS.get(work, (MOST_MEMORY, MOST_SECONDS_OF_WORK))
    if expected.bytes > memory or expected.seconds > seconds:
        raise too_complex()
    return header


def checked(data: bytes, header: Header) -> None:
    """Check the file for damage: by its header, then by decoding the first frame with as little memory as the format
    allows (a PNG is only inflated, a JPEG decoded at a fraction of its size). Raises Unreadable. Damage that the
    decoder does not report is not found: libjpeg tolerates wrong or missing pixels before the mark of the end."""
    if header.is_damaged:
        raise broken()
    match header.format:
        case "PNG":
            png.check(data, header)
        case "JPEG":
            _loaded(JpegImageFile, jpeg.essentials(data), header, cost.draft_scale(header, 1))
        case _:
            decoded(data, header)


def decoded(data: bytes, header: Header, *, edge: int | None = None) -> Image.Image:
    """Return the pixels of the first frame, before `header.orientation` is applied. With `edge`, a JPEG may be decoded
    at a fraction of its size, with both sides at least `edge` pixels long if they were. Pixels that a JPEG without
    its end lacks are grey. Raises Unreadable, also if such a JPEG lacks scans (`jpeg.lacks_scans`), or if pixels are
    missing in any other file."""
    match header.format:
        case "PNG":
            png.check(data, header)
            return _loaded(PngImageFile, png.essentials(data) if header.extras else data, header)
        case "JPEG":
            if header.is_damaged and header.coefficient_bytes and attempt(lambda: jpeg.lacks_scans(data)):
                raise broken()
            whole = jpeg.completed(data) if header.is_damaged else data
            return _loaded(JpegImageFile, jpeg.essentials(whole), header, cost.draft_scale(header, edge) if edge else 1)
        case "GIF":
            return _loaded(GifImageFile, gif.essentials(data), header)
        case "BMP":
            return _loaded(BmpImageFile, data, header)
        case "TIFF":
            page = _within(attempt(lambda: TiffImageFile(BytesIO(data))), header)
            attempt(page.load)
            return attempt(lambda: tiff.shades(_of_size(page, header)))
        case "HEIC" | "AVIF":
            return _within(attempt(lambda: heif.decoded(data, header)), header)
    image = attempt(lambda: webp.canvas(data))
    return _of_size(image, header)


def _loaded(decoder: type[ImageFile], data: bytes, header: Header, scale: int = 1) -> Image.Image:
    image = _of_size(attempt(lambda: decoder(BytesIO(data))), header)
    if scale > 1:
        image.draft(None, (header.width // scale, header.height // scale))
    attempt(image.load)
    return image


def _of_size(image: Picture, header: Header) -> Picture:
    """Return the image if its size is that of the header, on which the estimates are based. Raises Unreadable."""
    if image.size != (header.width, header.height):
        raise broken()
    return image


def _within(image: Picture, header: Header) -> Picture:
    """Return the image if it has at most as many pixels as the header says: a HEIC may be cropped, and a TIFF that is
    stored on its side is turned while it is loaded. Raises Unreadable."""
    if image.width * image.height > header.pixels:
        raise broken()
    return image


def attempt(step: Callable[[], T]) -> T:
    """Call a decoder. Translate its exceptions to `broken`, but MemoryError (the memory limit) to `too_complex`; an
    Unreadable passes unchanged."""
    try:
        return step()
    except Unreadable:
        raise
    except MemoryError as error:
        raise too_complex() from error
    except Exception as error:
        raise broken() from error
