"""
Decode a picture within bounds.

What a file can cost is bounded: its bytes, its pixels and edges as the header has them, the scans of a JPEG, and the
processor's time while it is read. Each decoder's class is called by itself instead of `Image.open`: no other decoder
ever sees the bytes, the pixels are counted before Pillow would warn of them (its warnings are the whole process's and
cannot be caught in a thread), and a phone's MPO, which is a JPEG with a second one behind it, opens as the JPEG it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from time import thread_time
from typing import Final, TypeVar

from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from bot.errors import Reason
from bot.imaging.formats import format_of, is_moving_gif
from bot.imaging.looks import Unreadable

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

_SCAN: Final = b"\xff\xda"
_DECODERS: Final[Mapping[str, type[ImageFile]]] = {"JPEG": JpegImageFile, "PNG": PngImageFile, "WebP": WebPImageFile}


T = TypeVar("T")


class _Bounded(BytesIO):
    """Ends when its thread has been busy for too long since it was opened."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._ends = thread_time() + READING_SECONDS

    def read(self, size: int | None = -1, /) -> bytes:
        if thread_time() > self._ends:
            raise TimeoutError
        return super().read(size)


def known_format(data: bytes) -> str:
    """JPEG, PNG or WebP. Raises Unreadable for every other one."""
    found = format_of(data)
    if found is None:
        raise Unreadable(Reason.REFERENCE_NOT_A_PICTURE)
    if found not in _DECODERS:
        raise Unreadable(Reason.REFERENCE_ANIMATED if is_moving_gif(data) else Reason.REFERENCE_FORMAT, format=found)
    return found


def opened(data: bytes) -> ImageFile:
    """Its header read and found bearable; nothing decoded yet."""
    found = known_format(data)
    if found == "JPEG" and data.count(_SCAN) > MAX_SCANS:
        raise Unreadable(Reason.REFERENCE_BROKEN)
    image = attempt(lambda: _DECODERS[found](_Bounded(data)))
    if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_EDGE:
        raise too_many_pixels()
    if getattr(image, "is_animated", False):
        raise Unreadable(Reason.REFERENCE_ANIMATED, format=found)
    return image


def too_many_pixels() -> Unreadable:
    return Unreadable(Reason.REFERENCE_TOO_MANY_PIXELS, megapixels=MAX_PIXELS // 10**6)


def decoded(data: bytes) -> ImageFile:
    image = opened(data)
    if isinstance(image, PngImageFile):
        attempt(image.verify)  # the checksums, which decoding alone would pass over; it uses the image up
        image = opened(data)
    attempt(image.load)
    return image


def attempt(step: Callable[[], T]) -> T:
    """Whatever a decoder raises, the bytes are broken; only running out of memory is no fault of theirs."""
    try:
        return step()
    except Image.DecompressionBombError as error:
        raise too_many_pixels() from error
    except MemoryError:
        raise
    except Exception as error:
        raise Unreadable(Reason.REFERENCE_BROKEN) from error
