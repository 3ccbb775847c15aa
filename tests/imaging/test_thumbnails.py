"""Tests for thumbnails: made once, stored next to the copies they show, and deleted with them."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from PIL import Image

from bot.engine.work.picture_work import PictureWork, Requester, WorkPriority
from bot.engine.work.thumbnails import StoredCopy, Thumbnails
from bot.imaging.cost import Cost
from bot.imaging.jobs import Job, Made
from bot.imaging.processes import WorkerProcesses, WorkerThreads
from storage.pictures import MASK_PREVIEW, THUMBNAIL, MissingCopy, PictureStore
from tests.imaging.picture_files import file_of, opened, painted

ALICE = Requester(1, WorkPriority.BROWSING)
KEY = "sets/1/a"
PHOTO = file_of(painted(800, 600), "JPEG")


class Counting(WorkerThreads):
    """Decoders that record the kind of each job."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def do(self, job: Job, cost: Cost) -> Made:
        self.asked.append(job.work)
        return await super().do(job, cost)


@pytest.fixture
def copies(tmp_path: Path) -> PictureStore:
    return PictureStore.open(str(tmp_path / "pictures"))


@pytest.fixture
def decoders() -> Counting:
    return Counting()


@pytest.fixture
def thumbnails(copies: PictureStore, decoders: Counting) -> Thumbnails:
    return Thumbnails(copies, PictureWork(decoders))


def files(tmp_path: Path) -> list[str]:
    folder = tmp_path / "pictures"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_it_is_made_once(copies: PictureStore, decoders: Counting, thumbnails: Thumbnails) -> None:
    await copies.put(KEY, PHOTO)
    seen = await asyncio.gather(*[thumbnails.small(StoredCopy(KEY, len(PHOTO)), ALICE) for _ in range(12)])
    assert decoders.asked == ["thumbnail"]
    assert len(set(seen)) == 1
    assert seen[0] is not None
    assert opened(seen[0]).size == (320, 240)


async def test_it_is_kept_over_a_restart(copies: PictureStore, decoders: Counting, thumbnails: Thumbnails) -> None:
    await copies.put(KEY, PHOTO)
    made = await thumbnails.small(StoredCopy(KEY, len(PHOTO)), ALICE)
    later = Thumbnails(copies, PictureWork(decoders))
    assert await later.small(StoredCopy(KEY, len(PHOTO)), ALICE) == made
    assert decoders.asked == ["thumbnail"]


async def test_it_goes_with_its_copy(copies: PictureStore, thumbnails: Thumbnails, tmp_path: Path) -> None:
    await copies.put(KEY, PHOTO)
    await thumbnails.small(StoredCopy(KEY, len(PHOTO)), ALICE)
    assert len(files(tmp_path)) == 2
    await copies.delete(KEY)
    assert files(tmp_path) == []
    assert await thumbnails.small(StoredCopy(KEY, len(PHOTO)), ALICE) is None


@pytest.mark.parametrize("suffix", [THUMBNAIL, MASK_PREVIEW])
async def test_one_made_while_its_copy_was_deleted_does_not_stay(
    copies: PictureStore, tmp_path: Path, suffix: str
) -> None:
    await copies.put_small(KEY, suffix, b"small")
    assert files(tmp_path) == []


@pytest.mark.parametrize("suffix", [THUMBNAIL, MASK_PREVIEW])
async def test_it_is_no_copy_of_its_own_to_those_who_sweep(copies: PictureStore, tmp_path: Path, suffix: str) -> None:
    await copies.put(KEY, PHOTO)
    await copies.put_small(KEY, suffix, b"small")
    far = 2**62
    assert [keys async for keys in copies.older("sets", far)] == [[KEY]]
    (tmp_path / "pictures" / KEY).unlink()  # the state after a crash between the two deletes
    assert [keys async for keys in copies.older("sets", far)] == [[KEY]]
    await copies.delete(KEY)
    assert files(tmp_path) == []


async def test_the_preview_of_a_mask_is_made_once_and_goes_with_the_picture(
    copies: PictureStore, decoders: Counting, thumbnails: Thumbnails, tmp_path: Path
) -> None:
    mask = file_of(Image.new("RGB", (800, 600)))
    picture, above = StoredCopy(KEY, len(PHOTO)), StoredCopy("sets/1/b", len(mask))
    await copies.put(picture.key, PHOTO)
    await copies.put(above.key, mask)
    seen = await asyncio.gather(*[thumbnails.mask_preview(picture, above, ALICE) for _ in range(5)])
    later = await Thumbnails(copies, PictureWork(decoders)).mask_preview(picture, above, ALICE)
    assert {*seen} == {later}
    assert decoders.asked == ["mask_preview"]
    await copies.delete(picture.key)
    assert files(tmp_path) == [above.key]
    assert await thumbnails.mask_preview(picture, above, ALICE) is None


async def test_a_picture_of_which_none_can_be_made_is_tried_once(
    copies: PictureStore, decoders: Counting, thumbnails: Thumbnails
) -> None:
    broken = bytearray(file_of(painted(800, 600), "PNG"))
    broken[len(broken) // 2] ^= 255
    await copies.put(KEY, bytes(broken))
    for _ in range(3):
        assert await thumbnails.small(StoredCopy(KEY, None), ALICE) is None
    assert decoders.asked == ["thumbnail"]


async def test_a_store_that_takes_no_more_keeps_nobody_from_seeing_it(
    copies: PictureStore, thumbnails: Thumbnails, tmp_path: Path
) -> None:
    await copies.put(KEY, PHOTO)
    (tmp_path / "pictures" / f"{KEY}.small.jpg").mkdir()
    assert await thumbnails.small(StoredCopy(KEY, len(PHOTO)), ALICE) is not None


async def test_a_strip_leaves_out_what_is_gone(copies: PictureStore, thumbnails: Thumbnails) -> None:
    await copies.put(KEY, PHOTO)
    seen = await thumbnails.strip([StoredCopy(KEY, len(PHOTO)), StoredCopy("sets/1/gone", 5)], ALICE)
    assert seen is not None
    assert opened(seen).size == (160, 160)
    assert await thumbnails.strip([StoredCopy("sets/1/gone", 5)], ALICE) is None
    with pytest.raises(MissingCopy):
        await copies.get("sets/1/gone")


async def test_without_a_process_to_decode_there_is_no_strip(
    copies: PictureStore, thumbnails: Thumbnails, monkeypatch: pytest.MonkeyPatch
) -> None:
    await copies.put(KEY, PHOTO)
    await thumbnails.small(StoredCopy(KEY, len(PHOTO)), ALICE)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    async with WorkerProcesses.open() as children:
        later = Thumbnails(copies, PictureWork(children))
        assert await later.strip([StoredCopy(KEY, len(PHOTO))], ALICE) is None


async def test_of_a_stored_thumbnail_that_is_damaged_there_is_no_strip(copies: PictureStore) -> None:
    await copies.put(KEY, PHOTO)
    await copies.put_small(KEY, THUMBNAIL, b"no picture")
    async with WorkerProcesses.open() as children:
        assert await Thumbnails(copies, PictureWork(children)).strip([StoredCopy(KEY, len(PHOTO))], ALICE) is None
