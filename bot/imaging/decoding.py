"""
Decode a picture whose header was found bearable.

Each decoder's class is called by itself instead of `Image.open`: no other decoder ever sees the bytes, Pillow does not
warn (its warnings are the whole process's and cannot be caught in a thread), and a phone's MPO, which is a JPEG with a
second one behind it, opens as the JPEG it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Final, TypeVar

from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from bot.imaging import cost, jpeg, png, webp
from bot.imaging.cost import Cost
from bot.imaging.header import read_header
from bot.imaging.headers import Header, broken, too_complex

MAX_BYTES: Final = 25 * 1024 * 1024
"""What the image API takes per picture (its error message names 26,214,400 bytes)."""
MOST_MEMORY: Final = 304 * 1024 * 1024
"""At the peak of work on one picture: a progressive photo of 50 megapixels (4:2:2), or a WebP of 24, go in."""
MOST_SECONDS: Final = 2.5
"""Of a processor, as estimated, to look into a picture that somebody waits for."""
MOST_SECONDS_OF_WORK: Final = 6.0
"""To make something else of it."""

Estimate = Callable[[Header, int], Cost]
BOUNDS: Final[Mapping[Estimate, tuple[int, float]]] = {
    cost.of_look: (MOST_MEMORY, MOST_SECONDS),
    cost.of_fitting: (704 * 1024 * 1024, 120.0),
}
"""Where others hold: paid results alone are fitted, and whatever their size they are to be posted."""

Picture = TypeVar("Picture", bound=Image.Image)
T = TypeVar("T")


def bearable(data: bytes, estimate: Estimate) -> Header:
    """The header, of a picture with which such work may be begun. Raises Unreadable."""
    header = read_header(data)
    expected = estimate(header, len(data))
    memory, seconds = BOUNDS.get(estimate, (MOST_MEMORY, MOST_SECONDS_OF_WORK))
    if expected.bytes > memory or expected.seconds > seconds:
        raise too_complex()
    return header


def checked(data: bytes, header: Header) -> None:
    """All of it was read, and is whole; no more of it is kept than the format demands. Raises Unreadable."""
    match header.format:
        case "PNG":
            png.check(data, header)
        case "JPEG":
            _loaded(JpegImageFile, jpeg.essentials(data), header, cost.draft_scale(header, 1))
        case _:
            decoded(data, header)


def decoded(data: bytes, header: Header, *, edge: int | None = None) -> Image.Image:
    """Its pixels as stored; where the format can, at a fraction of its size, but at least `edge` long and wide.
    Raises Unreadable."""
    match header.format:
        case "PNG":
            png.check(data, header)
            return _loaded(PngImageFile, png.essentials(data) if header.extras else data, header)
        case "JPEG":
            return _loaded(JpegImageFile, jpeg.essentials(data), header, cost.draft_scale(header, edge) if edge else 1)
    image = attempt(lambda: webp.canvas(data))
    return _of_size(image, header)


def _loaded(decoder: type[ImageFile], data: bytes, header: Header, scale: int = 1) -> Image.Image:
    image = _of_size(attempt(lambda: decoder(BytesIO(data))), header)
    if scale > 1:
        image.draft(None, (header.width // scale, header.height // scale))
    attempt(image.load)
    return image


def _of_size(image: Picture, header: Header) -> Picture:
    """What the estimates were made for is what the decoder saw."""
    if image.size != (header.width, header.height):
        raise broken()
    return image


def attempt(step: Callable[[], T]) -> T:
    """Whatever a decoder raises, the bytes are broken; but for running out of the memory that it was given."""
    try:
        return step()
    except MemoryError as error:
        raise too_complex() from error
    except Exception as error:
        raise broken() from error
