"""A file that would cost too much time or memory is refused in advance; a damaged file raises no unexpected error."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bot.engine.work.picture_work import PREVIEW_BYTES, PictureWork, Requester, WorkPriority
from bot.errors import BadReference, Reason
from bot.imaging import cost
from bot.imaging.conversion import as_png
from bot.imaging.decoding import BOUNDS, MOST_MEMORY, Estimate
from bot.imaging.fitting import SMALLEST_LIMIT, fit
from bot.imaging.header import read_header
from bot.imaging.inspection import look_at_result
from bot.imaging.mask import plain_mask
from bot.imaging.picture_info import Unreadable
from bot.imaging.plain import plain_copy
from bot.imaging.preview import mask_preview
from bot.imaging.processes import WorkerProcesses
from bot.imaging.thumbnails import thumbnail
from tests.hostile.pictures import CASES, MIB, ORDINARY, Case, chunk, made, with_chunks
from tests.imaging.picture_files import file_of, oriented, painted

LIMIT = SMALLEST_LIMIT
SOMEBODY = Requester(1, WorkPriority.REQUEST)
OF_SHAPE = {Reason.REFERENCE_TOO_SMALL, Reason.REFERENCE_TOO_LONG}
"""Reasons that are known from the header, before anything is decoded."""
FRESH = 48 * MIB
"""Bytes that a process uses before it has decoded anything."""


@pytest.fixture(scope="module")
def children() -> Iterator[WorkerProcesses]:
    open_ = WorkerProcesses()
    yield open_
    open_.close()


def peaks(children: WorkerProcesses) -> list[int]:
    """Return the peak resident bytes of each process since the last call, and reset the peaks."""
    found = []
    for process in [child.process for child in children.all if child.process is not None]:
        folder = Path(f"/proc/{process.pid}")
        line = next(line for line in (folder / "status").read_text().splitlines() if line.startswith("VmHWM"))
        found.append(int(line.split()[1]) * 1024)
        (folder / "clear_refs").write_text("5")
    return found


@pytest.mark.parametrize("case", [*CASES, *ORDINARY], ids=lambda case: case.name)
@pytest.mark.sampled(every=6)
async def test_whatever_is_attached_is_answered_within_the_bounds(children: WorkerProcesses, case: Case) -> None:
    work, data = PictureWork(children), made(case)
    peaks(children)
    try:
        await work.plain_copy(data, "x", SOMEBODY)
        verdict = None
    except BadReference as refused:
        verdict = refused.reason
    assert verdict is case.verdict
    assert max(peaks(children), default=0) < expected_bytes(data, cost.of_plain_copy) * 1.1 + FRESH
    with suppress(Unreadable):
        await work.look_at_result(data)
    assert max(peaks(children), default=0) < expected_bytes(data, cost.of_look) * 1.1 + FRESH
    if verdict in {None, *OF_SHAPE}:
        try:
            await work.thumbnail(data, SOMEBODY)
            small = True
        except Unreadable:
            small = False
        assert small is case.small
        assert max(peaks(children), default=0) < expected_bytes(data, cost.of_thumbnail) * 1.1 + FRESH


def expected_bytes(data: bytes, estimate: Estimate) -> int:
    """Return the estimated bytes of the work. Work above the limit is not begun, so it needs 0."""
    try:
        expected = estimate(read_header(data), len(data)).bytes
    except Unreadable:
        return 0
    most, _ = BOUNDS.get(estimate, (MOST_MEMORY, 0))
    return expected if expected <= most else 0


@pytest.mark.parametrize("case", ORDINARY, ids=lambda case: case.name)
@pytest.mark.sampled(every=5)
async def test_what_it_takes_is_known_beforehand(children: WorkerProcesses, case: Case) -> None:
    """The estimate is also not far too high, because then usable pictures would be refused."""
    work, data = PictureWork(children), made(case)
    await work.look_at_result(file_of(painted()))
    (idle, *_) = peaks(children)
    await work.thumbnail(data, SOMEBODY)
    expected = expected_bytes(data, cost.of_thumbnail)
    assert expected / 2 - 8 * MIB < max(peaks(children)) - idle < expected * 1.1


# -- masks -------------------------------------------------------------------------------------------------------------
PHOTO_12, PHOTO_48 = (4000, 3000), (8000, 6000)
MASKS: dict[str, tuple[str, tuple[int, int], tuple[int, int], dict[str, Any]]] = {
    "12 megapixels": ("RGBA", PHOTO_12, PHOTO_12, {"compress_level": 1}),
    "48 megapixels": ("RGBA", PHOTO_48, PHOTO_48, {"compress_level": 1}),
    "turned": ("RGB", PHOTO_12, PHOTO_12[::-1], {"form": "JPEG", "exif": oriented()}),
    "WebP": ("RGBA", PHOTO_12, PHOTO_12, {"form": "WEBP", "lossless": True, "method": 0}),
    "small for a large picture": ("L", (800, 600), PHOTO_48, {}),
    "large for a small picture": ("L", PHOTO_48, (400, 300), {"compress_level": 1}),
}
"""Mode and size of the mask, size of its picture, and how the mask is encoded."""


@pytest.mark.parametrize(("mode", "own", "picture", "options"), MASKS.values(), ids=MASKS.keys())
@pytest.mark.sweep
async def test_a_mask_and_its_preview_take_what_is_estimated(
    children: WorkerProcesses, mode: str, own: tuple[int, int], picture: tuple[int, int], options: dict[str, Any]
) -> None:
    work, drawn = PictureWork(children), Image.new(mode, own, "black")
    drawn.paste(Image.new(mode, (own[0] // 4, own[1] // 4)), (own[0] // 4, own[1] // 4))
    data = file_of(drawn, **options)
    peaks(children)
    made = await work.plain_mask(data, "x", picture, SOMEBODY)
    assert max(peaks(children)) < expected_bytes(data, cost.of_mask(picture)) * 1.1 + FRESH
    await work.inverted_mask(made.data, SOMEBODY)
    assert max(peaks(children)) < expected_bytes(made.data, cost.of_inversion) * 1.1 + FRESH
    photo = file_of(Image.new("RGB", picture), "JPEG")
    await work.mask_preview(photo, made.data, SOMEBODY)
    expected = max(expected_bytes(file, cost.of_thumbnail) for file in (photo, made.data))
    assert max(peaks(children)) < (expected + PREVIEW_BYTES) * 1.1 + FRESH


# -- damaged files -----------------------------------------------------------------------------------------------------
WHOLE = (
    file_of(painted(96, 64), "JPEG", exif=oriented()),
    file_of(painted(96, 64), "JPEG", progressive=True, icc_profile=bytes(300)),
    file_of(painted(96, 64, mode="CMYK"), "JPEG"),
    file_of(painted(96, 64), exif=oriented()),
    file_of(painted(96, 64, mode="P"), transparency=bytes(range(256))),
    file_of(painted(96, 64, mode="L").convert("I;16")),
    file_of(painted(96, 64, mode="RGBA"), "WEBP", exif=oriented(), icc_profile=bytes(300)),
    file_of(painted(96, 64), "WEBP", lossless=True),
    with_chunks(
        chunk(b"zTXt", b"k\0\0" + zlib.compress(b"text")) + chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(200)))
    ),
)


def sound(data: bytes) -> bytes:
    """Correct the checksums of a PNG, so that its damaged chunks are decoded. Return other data unchanged."""
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


@pytest.mark.filterwarnings("ignore")  # Pillow warns about damaged files; the bot logs the warnings
@settings(max_examples=300, deadline=5000)
@given(data=damaged())
@pytest.mark.sweep
def test_a_damaged_file_raises_what_is_documented_and_nothing_else(data: bytes) -> None:
    for look in (
        lambda: plain_copy(data, "x"),
        lambda: plain_mask(data, "x", (96, 64)),
        lambda: plain_mask(data, "x", None),
    ):
        documented(look, BadReference)
    for work in (as_png, thumbnail, look_at_result):
        documented(partial(work, data), Unreadable)
    documented(lambda: mask_preview(data, data), Unreadable)
    documented(lambda: fit(data + bytes(LIMIT), LIMIT), Unreadable)


def documented(work: Callable[[], object], error: type[Exception]) -> None:
    try:
        work()
    except error:
        return
