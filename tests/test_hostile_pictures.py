"""A file made to cost time or memory is refused before it does, and a damaged one raises nothing unforeseen."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import partial
from time import thread_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bot.errors import BadReference, Reason
from bot.imaging import decoding
from bot.imaging.conversion import as_png, mask_as_png
from bot.imaging.fitting import SMALLEST_LIMIT, fit
from bot.imaging.inspection import inspect, inspect_mask, look_at_result
from bot.imaging.looks import Look, Unreadable
from bot.imaging.thumbnails import thumbnail
from tests.picture_files import file_of, oriented, painted

LIMIT = SMALLEST_LIMIT


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def with_chunks(chunks: bytes) -> bytes:
    data = file_of(painted())
    before = data.index(b"IDAT") - 4
    return data[:before] + chunks + data[before:]


def with_scans(count: int, edge: int = 64) -> bytes:
    """A progressive JPEG whose last scan, of some bytes, comes again and again."""
    data = file_of(Image.new("L", (edge, edge)), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * (count - data.count(b"\xff\xda")) + b"\xff\xd9"


def header(width: int, height: int) -> bytes:
    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rest = chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + rest


def jpeg_header(width: int, height: int) -> bytes:
    data = file_of(painted(), "JPEG")
    size = data.index(b"\xff\xc0") + 5
    return data[:size] + struct.pack(">HH", height, width) + data[size + 4 :]


def text_bomb() -> bytes:
    return with_chunks(b"".join(chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(10**6))) for _ in range(80)))


def profile_bomb() -> bytes:
    return with_chunks(chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(64 * 2**20), 9)))


def tag_bomb() -> bytes:
    """60,000 tags, each of which says that it is the whole file."""
    tags = b"".join(struct.pack("<HHII", tag, 1, 2**20, 8) for tag in range(60_000))
    return with_chunks(chunk(b"eXIf", b"II*\0\x08\0\0\0" + struct.pack("<H", 60_000) + tags + bytes(2**20)))


def animated(form: str) -> bytes:
    frames = [Image.new("RGB", (8, 8), (n % 256, n // 256, 0)) for n in range(1000)]
    return file_of(frames[0], form, save_all=True, append_images=frames[1:])


def refusal(data: bytes) -> Reason:
    with pytest.raises(BadReference) as refused:
        inspect(data, "x")
    return refused.value.reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (header(2**31 - 1, 2**31 - 1), Reason.REFERENCE_TOO_MANY_PIXELS),
        (header(8193, 8192), Reason.REFERENCE_TOO_MANY_PIXELS),
        (header(2**17 + 1, 1), Reason.REFERENCE_TOO_MANY_PIXELS),
        (header(1, 2**26 - 1), Reason.REFERENCE_TOO_MANY_PIXELS),
        (jpeg_header(65535, 65535), Reason.REFERENCE_TOO_MANY_PIXELS),
        (header(0, 0), Reason.REFERENCE_BROKEN),
        (with_scans(101), Reason.REFERENCE_BROKEN),
        (text_bomb(), Reason.REFERENCE_BROKEN),
        (animated("PNG"), Reason.REFERENCE_ANIMATED),
        (animated("WEBP"), Reason.REFERENCE_ANIMATED),
        (animated("GIF"), Reason.REFERENCE_ANIMATED),
    ],
    ids=["2**31 squared", "one too many", "wide", "tall", "jpeg", "zero", "scans", "texts", "apng", "webp", "gif"],
)
def test_what_would_cost_too_much_is_refused_at_once(data: bytes, reason: Reason) -> None:
    began = thread_time()
    assert refusal(data) is reason
    assert thread_time() - began < 2


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of tags that are too large
@pytest.mark.parametrize("bomb", [profile_bomb, tag_bomb])
def test_what_lies_beside_the_pixels_does_not_go_off(bomb: Callable[[], bytes]) -> None:
    data = bomb()
    began = thread_time()
    documented(lambda: inspect(data, "x"), BadReference)
    assert thread_time() - began < 2


def test_as_many_scans_as_are_allowed_are_read() -> None:
    assert inspect(with_scans(decoding.MAX_SCANS), "x").width == 64


@pytest.mark.parametrize(
    "data",
    [
        file_of(painted(), "JPEG")[:2] + b"\xff\xe5\0\2" * 2**20 + file_of(painted(), "JPEG")[2:],
        file_of(painted(), "JPEG")[:2] + b"\xff" * 2**21 + file_of(painted(), "JPEG")[2:],
        with_chunks(chunk(b"abCd", b"") * 2**18),
        with_scans(decoding.MAX_SCANS, edge=4096) + bytes(2**20),
    ],
    ids=["markers", "fill bytes", "chunks", "scans"],
)
def test_a_flood_ends_when_its_time_is_over(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "READING_SECONDS", 0.005)
    assert refusal(data) is Reason.REFERENCE_BROKEN


# -- damaged files -----------------------------------------------------------------------------------------------------
WHOLE = (
    file_of(painted(), "JPEG", exif=oriented()),
    file_of(painted(), "JPEG", progressive=True, icc_profile=bytes(300)),
    file_of(painted(mode="CMYK"), "JPEG"),
    file_of(painted(), exif=oriented()),
    file_of(painted(mode="P"), transparency=bytes(range(256))),
    file_of(painted(mode="L").convert("I;16")),
    file_of(painted(mode="RGBA"), "WEBP", exif=oriented(), icc_profile=bytes(300)),
    file_of(painted(), "WEBP", lossless=True),
    with_chunks(
        chunk(b"zTXt", b"k\0\0" + zlib.compress(b"text")) + chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(200)))
    ),
)


def sound(data: bytes) -> bytes:
    """With right checksums, so that what is damaged is looked at, where this still is a PNG."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    made, place = data[:8], 8
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        made += chunk(data[place + 4 : place + 8], data[place + 8 : place + 8 + length])
        place += 12 + length
    return made


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(2, len(data)))
        piece = draw(st.binary(max_size=8) | st.sampled_from([b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\xff\xda"]))
        match draw(st.sampled_from(["write", "insert", "cut", "repeat", "end"])):
            case "write":
                data[place : place + len(piece)] = piece
            case "insert":
                data[place:place] = piece
            case "cut":
                del data[place : place + draw(st.integers(1, 50))]
            case "repeat":
                data[place:place] = data[place : place + draw(st.integers(1, 200))]
            case "end":
                del data[max(place, 20) :]
    return sound(bytes(data)) if draw(st.booleans()) else bytes(data)


@pytest.mark.filterwarnings("ignore")  # Pillow's about what it makes of damage; in the program they go to the log
@settings(max_examples=300, deadline=5000)
@given(data=damaged())
def test_a_damaged_file_raises_what_is_documented_and_nothing_else(data: bytes) -> None:
    shape = Look(content_type="image/png", width=60, height=40)
    for look in (lambda: inspect(data, "x"), lambda: inspect_mask(data, "x", shape)):
        documented(look, BadReference)
    for work in (as_png, mask_as_png, thumbnail, look_at_result):
        documented(partial(work, data), Unreadable)
    documented(lambda: fit(data + bytes(LIMIT), LIMIT), Unreadable)


def documented(work: Callable[[], object], error: type[Exception]) -> None:
    try:
        work()
    except error:
        return
