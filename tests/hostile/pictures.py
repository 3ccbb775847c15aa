"""Picture files that cost memory or time, or declare one thing and contain another; and large ordinary ones."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from PIL import Image

from bot.errors import Reason
from tests.imaging import picture_files
from tests.imaging.picture_files import file_of

PNG = b"\x89PNG\r\n\x1a\n"
MIB = 2**20


def painted() -> Image.Image:
    """Return a picture that is large enough to be sent."""
    return picture_files.painted(96, 64)


@dataclass(frozen=True)
class Case:
    """A file, made when needed, and the reason with which it is refused; None if it is accepted."""

    name: str
    make: Callable[[], bytes]
    verdict: Reason | None
    small: bool = True
    """Whether a thumbnail can be made of the file, if it is accepted or refused only for its shape."""


# -- PNG ---------------------------------------------------------------------------------------------------------------
def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def with_chunks(chunks: bytes) -> bytes:
    data = file_of(painted())
    before = data.index(b"IDAT") - 4
    return data[:before] + chunks + data[before:]


def ihdr(width: int, height: int, depth: int = 8, colour: int = 2, interlace: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


def promising(width: int, height: int) -> bytes:
    """Return a PNG whose header declares many pixels, with only a few bytes of them."""
    return PNG + ihdr(width, height) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")


def black(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    """Return a PNG with all its pixels, all zero, which compress to almost nothing."""
    row = bytes(1 + width * depth * {0: 1, 2: 3, 4: 2, 6: 4}[colour] // 8)
    packing = zlib.compressobj(1)
    rows = max(1, 2**20 // len(row))
    packed = b"".join(packing.compress(row * min(rows, height - top)) for top in range(0, height, rows))
    body = chunk(b"IDAT", packed + packing.flush())
    return PNG + ihdr(width, height, depth, colour) + body + chunk(b"IEND", b"")


def text_bomb() -> bytes:
    return with_chunks(b"".join(chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(10**6))) for _ in range(80)))


def profile_bomb() -> bytes:
    return with_chunks(chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(64 * MIB), 9)))


def tags(number: int) -> bytes:
    """Return EXIF tags that each declare a megabyte; all share the same megabyte."""
    entries = b"".join(struct.pack("<HHII", tag, 1, MIB, 8) for tag in range(number))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", number) + entries


def pixels_too_many() -> bytes:
    """Return a PNG with more compressed pixels than its header declares."""
    body = chunk(b"IDAT", zlib.compress(bytes(200_000_000), 1))
    return PNG + ihdr(64, 64) + body + chunk(b"IEND", b"")


def unknown_filter() -> bytes:
    return PNG + ihdr(64, 64) + chunk(b"IDAT", zlib.compress(b"\x09" * 64 * 193)) + chunk(b"IEND", b"")


def two_headers() -> bytes:
    return PNG + ihdr(64, 64) + ihdr(8000, 8000) + chunk(b"IDAT", zlib.compress(bytes(64 * 193))) + chunk(b"IEND", b"")


# -- JPEG --------------------------------------------------------------------------------------------------------------
def with_scans(count: int, edge: int = 64, mode: str = "L") -> bytes:
    """Return a progressive JPEG whose last scan, of a few bytes, is repeated."""
    data = file_of(Image.new(mode, (edge, edge)), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * (count - data.count(b"\xff\xda")) + b"\xff\xd9"


def behind_the_start(extra: bytes) -> bytes:
    data = file_of(painted(), "JPEG")
    return data[:2] + extra + data[2:]


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg_sized(width: int, height: int) -> bytes:
    """Return a small JPEG that declares this size."""
    data = file_of(painted(), "JPEG")
    size = data.index(b"\xff\xc0") + 5
    return data[:size] + struct.pack(">HH", height, width) + data[size + 4 :]


def two_frames() -> bytes:
    data = file_of(painted(), "JPEG")
    frame = data.index(b"\xff\xc0")
    again = data[frame : frame + 19]
    return data[:frame] + again + data[frame:]


def photo(edges: tuple[int, int], **options: object) -> bytes:
    """Return an ordinary photo, as from a camera."""
    return file_of(painted().resize(edges), "JPEG", **options)


def exif_bomb() -> bytes:
    """Return a JPEG with 60,000 tags over several segments, which readers join."""
    body = tags(60_000)
    pieces = [body[start : start + 65_000] for start in range(0, len(body), 65_000)]
    return behind_the_start(b"".join(segment(0xE1, b"Exif\0\0" + piece) for piece in pieces))


def xmp_bomb() -> bytes:
    name = b"http://ns.adobe.com/xap/1.0/\0"
    return behind_the_start(b"".join(segment(0xE1, name + b"<" * 65_000) for _ in range(300)))


def huge_profile() -> bytes:
    pieces = (segment(0xE2, b"ICC_PROFILE\0" + bytes([n, 255]) + bytes(65_000)) for n in range(1, 256))
    return behind_the_start(b"".join(pieces))


# -- WebP --------------------------------------------------------------------------------------------------------------
def riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def one_colour(width: int, height: int) -> bytes:
    """Return a lossless WebP frame that needs no bit for any of its pixels."""
    bits = [(0x2F, 8), (width - 1, 14), (height - 1, 14), (1, 1), (0, 3), (0, 1), (0, 1), (0, 1), *[(1, 4)] * 5]
    value = place = 0
    for number, size in bits:
        value |= number << place
        place += size
    return webp_chunk(b"VP8L", value.to_bytes(-(-place // 8) + 1, "little"))


def canvas(width: int, height: int, flags: int = 0) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + sides)


def animation(frames: int) -> bytes:
    frame = webp_chunk(b"ANMF", bytes(6) + (63).to_bytes(3, "little") * 2 + bytes(4) + one_colour(64, 64))
    return riff(canvas(64, 64, 2), webp_chunk(b"ANIM", bytes(6)), frame * frames)


# -- GIF ---------------------------------------------------------------------------------------------------------------
def gif_of_comments() -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", 64, 64, 0, 0, 0)
    return head + b"\x21\xfe\x01x\x00" * (24 * MIB // 5) + b";"


def gif_of_crumbs() -> bytes:
    """Return a GIF with one comment in one-byte pieces."""
    return b"GIF89a" + struct.pack("<HHBBB", 64, 64, 0, 0, 0) + b"\x21\xfe" + b"\x01x" * (12 * MIB) + b"\0;"


def moving_gif() -> bytes:
    frames = [Image.new("RGB", (64, 64), (n, 0, 0)) for n in range(3)]
    return file_of(frames[0], "GIF", save_all=True, append_images=frames[1:])


def cut(make: Callable[[], bytes], part: float = 0.6) -> bytes:
    data = make()
    return data[: int(len(data) * part)]


TOO_COMPLEX, BROKEN = Reason.REFERENCE_TOO_COMPLEX, Reason.REFERENCE_BROKEN
TOO_MANY_PIXELS = Reason.REFERENCE_TOO_MANY_PIXELS
TOO_SMALL, TOO_LONG = Reason.REFERENCE_TOO_SMALL, Reason.REFERENCE_TOO_LONG

CASES = (
    Case("webp of 67 megapixels in 40 bytes", lambda: riff(one_colour(8192, 8191)), TOO_MANY_PIXELS),
    Case("webp of 24 megapixels in 40 bytes", lambda: riff(one_colour(6000, 4000)), None),
    Case("webp whose canvas is larger than its frame",
         lambda: riff(canvas(4000, 6000), one_colour(64, 64)), BROKEN),
    Case("webp whose frame is larger than its canvas",
         lambda: riff(canvas(64, 64), one_colour(16_383, 16_383)), BROKEN),
    Case("webp of 10,000 frames", partial(animation, 10_000), None),
    Case("webp of a million chunks", lambda: riff(canvas(64, 64), webp_chunk(b"abcd", b"") * 10**6), TOO_COMPLEX),
    Case("webp cut short", lambda: cut(lambda: file_of(painted(), "WEBP")), BROKEN),
    Case("jpeg of 100 scans and 67 megapixels", lambda: with_scans(100, 8191), None, small=False),
    Case("jpeg of 40 scans and 67 megapixels in colour", lambda: with_scans(40, 8191, "RGB"), None),
    Case("jpeg of 100 small scans", lambda: with_scans(100), None),
    Case("jpeg of 101 scans", lambda: with_scans(101), TOO_COMPLEX),
    Case("jpeg, progressive, of 67 megapixels in full colour",
         lambda: photo((8192, 8192), progressive=True, subsampling=0), None, small=False),
    Case("jpeg of 65,535 squared", lambda: jpeg_sized(65_535, 65_535), TOO_MANY_PIXELS),
    Case("jpeg with fewer pixels than it says", lambda: jpeg_sized(8192, 8192), None),
    Case("jpeg of two frames", two_frames, BROKEN),
    Case("jpeg of 25 MiB of markers", lambda: behind_the_start(b"\xff\xe5\0\2" * (24 * MIB // 4)), TOO_COMPLEX),
    Case("jpeg of 980 segments", lambda: behind_the_start(segment(0xFE, b"") * 980), None),
    Case("jpeg of 1,001 segments", lambda: behind_the_start(segment(0xFE, b"") * 1001), TOO_COMPLEX),
    Case("jpeg of 24 MiB of fill bytes", lambda: behind_the_start(b"\xff" * (24 * MIB)), TOO_COMPLEX),
    Case("jpeg of 24 MiB of junk", lambda: behind_the_start(segment(0xE5, b"") + b"\x01" * (24 * MIB)), TOO_COMPLEX),
    Case("jpeg of comments", lambda: behind_the_start(segment(0xFE, bytes(65_000)) * 380), None),
    Case("jpeg with 60,000 tags", exif_bomb, None),
    Case("jpeg with 19 MiB of xmp", xmp_bomb, None),
    Case("jpeg with a colour profile of 16 MiB", huge_profile, None),
    Case("jpeg with a second one behind it",
         lambda: file_of(painted(), "MPO", save_all=True, append_images=[painted()]), None),
    Case("jpeg cut short", lambda: cut(lambda: file_of(painted(), "JPEG")), BROKEN),
    Case("jpeg of 65,500 x 1", lambda: file_of(Image.new("RGB", (65_500, 1)), "JPEG"), TOO_SMALL),
    Case("png of 300,000 empty chunks", lambda: with_chunks(chunk(b"abCd", b"") * 300_000), TOO_COMPLEX),
    Case("png of 2**31 squared", lambda: promising(2**31 - 1, 2**31 - 1), TOO_MANY_PIXELS),
    Case("png of one row too many", lambda: promising(2**14, 2**13 + 1), TOO_MANY_PIXELS),
    Case("png too wide", lambda: promising(2**17 + 1, 1), TOO_MANY_PIXELS),
    Case("png too tall", lambda: promising(1, 2**26 - 1), TOO_MANY_PIXELS),
    Case("png of no pixels", lambda: promising(0, 0), BROKEN),
    Case("png with fewer pixels than it says", lambda: promising(8000, 8000), BROKEN),
    Case("png with more pixels than it says", pixels_too_many, None),
    Case("png with an unknown filter", unknown_filter, BROKEN),
    Case("png of two headers", two_headers, BROKEN),
    Case("png of 131,072 x 1", lambda: black(131_072, 1), TOO_SMALL),
    Case("png of 512 x 131,072", lambda: black(512, 131_072), TOO_LONG),
    Case("png of 67 megapixels, 8 bits", lambda: black(8192, 8192, colour=6), None),
    Case("png of 67 megapixels, 16 bits", lambda: black(8192, 8192, depth=16), None, small=False),
    Case("png of 67 megapixels, 16 bits, with alpha", lambda: black(8192, 8192, 16, 6), TOO_COMPLEX),
    Case("png with 80 MB of text", text_bomb, None),
    Case("png with a colour profile of 64 MiB", profile_bomb, None),
    Case("png with 60,000 tags", lambda: with_chunks(chunk(b"eXIf", tags(60_000) + bytes(MIB))), None),
    Case("png cut short", lambda: cut(lambda: file_of(painted())), BROKEN),
    Case("gif of comments", gif_of_comments, TOO_COMPLEX),
    Case("gif of crumbs", gif_of_crumbs, TOO_COMPLEX),
    Case("gif that moves", moving_gif, None),
)  # fmt: skip

ORDINARY = (
    Case("photo of 50 megapixels", lambda: photo((8192, 6144)), None),
    Case("photo of 50 megapixels, progressive", lambda: photo((8192, 6144), progressive=True), None),
    Case("photo of 12 megapixels", lambda: photo((4032, 3024)), None),
    Case("png of 24 megapixels", lambda: file_of(painted().resize((6000, 4000)), compress_level=1), None),
    Case("webp of 24 megapixels", lambda: file_of(painted().resize((6000, 4000)), "WEBP", method=0), None),
)
"""Ordinary files: none of them is refused for what the hostile files do."""


def made(case: Case) -> bytes:
    """Return the file; at most 25 MiB, the limit of an attachment."""
    data = case.make()
    assert len(data) <= 25 * MIB, f"{case.name} has {len(data)} bytes"
    return data


def everything() -> Iterator[Case]:
    yield from CASES
    yield from ORDINARY
