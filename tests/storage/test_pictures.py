"""Tests for the picture store: in a folder, and in a bucket of a local server that implements enough of S3."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from obstore.exceptions import PermissionDeniedError

from bot.config import Settings
from bot.doctor import examine
from storage.pictures import ListingRefused, MissingCopy, PictureStore


class Bucket:
    """A local HTTP server with the objects of one bucket."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.may_list = True
        """Whether keys may be listed. Without that permission, a bucket answers 403 instead of 404 for missing keys."""
        self.may_read = True

    async def answer(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        match request.method:
            case "PUT":
                self.objects[key] = await request.read()
                return web.Response(headers={"ETag": '"1"'})
            case "POST":
                return self._delete(await request.text())
            case "DELETE":
                self.objects.pop(key, None)
                return web.Response(status=204)
        if not self.may_read or (not self.may_list and key not in self.objects):
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
        if not key:
            return self._list(request.query.get("prefix", ""))
        if key not in self.objects:
            return web.Response(status=404)
        headers = {"ETag": '"1"', "Last-Modified": "Wed, 01 Jan 2025 00:00:00 GMT"}
        return web.Response(body=self.objects[key], headers=headers)

    def _delete(self, body: str) -> web.Response:
        keys = re.findall("<Key>(.*?)</Key>", body)
        for key in keys:
            self.objects.pop(key, None)
        deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        return web.Response(text=f"<DeleteResult>{deleted}</DeleteResult>", content_type="application/xml")

    def _list(self, prefix: str) -> web.Response:
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(data)}</Size><ETag>1</ETag>"
            "<LastModified>2025-01-01T00:00:00.000Z</LastModified></Contents>"
            for key, data in self.objects.items()
            if key.startswith(prefix)
        )
        text = f"<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>"
        return web.Response(text=text, content_type="application/xml")


class Spoiling(dict[str, bytes]):
    """What a cache on the way makes of stored files."""

    def __setitem__(self, key: str, data: bytes) -> None:
        super().__setitem__(key, data[::-1])


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.fixture(params=["folder", "bucket"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[PictureStore]:
    if request.param == "folder":
        yield PictureStore.open(str(tmp_path / "a folder" / "pictures"))
        return
    async with opened(Bucket(), monkeypatch) as bucket:
        yield bucket


@asynccontextmanager
async def opened(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PictureStore]:
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/atelier{slash:/?}{key:.*}", bucket.answer)
    async with TestServer(app) as server:
        environment = {
            "AWS_ENDPOINT": str(server.make_url("/")).rstrip("/"),
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "key",
            "AWS_REGION": "eu-test-1",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield PictureStore.open("s3://atelier")


async def test_a_copy_comes_back_as_it_was_put(store: PictureStore) -> None:
    data = bytes(range(256)) * 1000
    await store.put("pictures/a1/0", data)
    assert await store.get("pictures/a1/0") == data


async def test_a_copy_is_replaced(store: PictureStore) -> None:
    await store.put("pictures/a1/0", b"old and long")
    await store.put("pictures/a1/0", b"new")
    assert await store.get("pictures/a1/0") == b"new"


async def test_what_is_not_there_is_missing_and_may_be_deleted(store: PictureStore) -> None:
    with pytest.raises(MissingCopy, match="pictures/a1/0"):
        await store.get("pictures/a1/0")
    await store.delete("pictures/a1/0")


async def test_a_deleted_copy_is_gone(store: PictureStore) -> None:
    await store.put("pictures/a1/0", b"one")
    await store.put("pictures/a1/1", b"two")
    await store.delete("pictures/a1/0")
    with pytest.raises(MissingCopy):
        await store.get("pictures/a1/0")
    assert await store.get("pictures/a1/1") == b"two"


async def test_used_bytes_are_those_of_all_copies(store: PictureStore) -> None:
    assert await store.used_bytes() == 0
    await asyncio.gather(*[store.put(f"references/{n}/0", b"x" * n) for n in range(120)])
    assert await store.used_bytes() == sum(range(120))


async def test_what_is_older_than_a_time_is_listed_by_its_folder(store: PictureStore) -> None:
    far = 4_000_000_000_000
    assert [keys async for keys in store.older("styles", far)] == []
    await store.put("styles/a1/0", b"one")
    await store._store.put_async("stylesheets/a1/0", b"one")
    assert [keys async for keys in store.older("styles", far)] == [["styles/a1/0"]]
    assert [keys async for keys in store.older("styles", 0)] == []


async def test_a_check_leaves_nothing_behind(store: PictureStore) -> None:
    await store.check()
    assert await store.used_bytes() == 0


async def test_a_store_that_gives_back_something_else_fails_its_check(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Bucket()
    bucket.objects = Spoiling()
    async with opened(bucket, monkeypatch) as store:
        with pytest.raises(OSError, match="something else"):
            await store.check()
        assert await store.used_bytes() == 0


async def test_many_copies_are_put_at_once(store: PictureStore) -> None:
    await asyncio.gather(*[store.put(f"pictures/a1/{n}", bytes([n]) * 100_000) for n in range(16)])
    for n in range(16):
        assert await store.get(f"pictures/a1/{n}") == bytes([n]) * 100_000


async def test_a_folder_may_be_named_three_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    await PictureStore.open("data/pictures").put("pictures/a/0", b"one")
    monkeypatch.chdir("/")
    for url in (str(tmp_path / "data" / "pictures"), (tmp_path / "data" / "pictures").as_uri()):
        assert await PictureStore.open(url).get("pictures/a/0") == b"one"


async def test_a_relative_folder_stays_where_it_was_when_it_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = PictureStore.open("pictures")
    monkeypatch.chdir("/")
    await store.put("pictures/a/0", b"one")
    assert (tmp_path / "pictures" / "pictures" / "a" / "0").read_bytes() == b"one"


async def test_a_folder_is_swept_with_its_last_copy(tmp_path: Path) -> None:
    store = PictureStore.open(str(tmp_path))
    await store.put("pictures/a1/0", b"one")
    await store.delete("pictures/a1/0")
    assert names(tmp_path) == []


async def test_a_half_written_copy_is_never_read(tmp_path: Path) -> None:
    store = PictureStore.open(str(tmp_path))
    sizes = set()
    await store.put("pictures/a/0", b"x" * 1_000_000)

    async def write() -> None:
        for _ in range(20):
            await store.put("pictures/a/0", b"x" * 1_000_000)

    writing = asyncio.create_task(write())
    while not writing.done():
        sizes.add(len(await store.get("pictures/a/0")))
    await writing
    assert sizes == {1_000_000}


async def test_a_key_cannot_leave_the_folder(tmp_path: Path) -> None:
    store = PictureStore.open(str(tmp_path / "pictures"))
    with pytest.raises(Exception, match=r"(?i)path"):
        await store.put("pictures/../../outside", b"one")
    assert names(tmp_path) == ["pictures"]


async def test_a_file_can_only_be_put_where_the_sweep_looks(store: PictureStore) -> None:
    for key in ("../outside", "elsewhere/a1/0", "loose"):
        with pytest.raises(ValueError, match="no sweep"):
            await store.put(key, b"one")


async def test_what_was_being_written_when_the_process_died_goes_once_it_is_old(tmp_path: Path) -> None:
    store = PictureStore.open(str(tmp_path))
    await store.put("references/a1/0", b"whole")
    half = tmp_path / "references" / "a1" / "1#1"
    half.write_bytes(b"half")
    (tmp_path / "notes#1").write_bytes(b"somebody else's")
    assert await store.drop_unfinished(0) == 0
    assert await store.drop_unfinished(2**62) == 1
    assert not half.exists()
    assert await store.get("references/a1/0") == b"whole"
    assert (tmp_path / "notes#1").exists()


# -- bucket without list permission ------------------------------------------------------------------------------------


async def test_what_is_not_there_is_missing_too_where_a_bucket_answers_403_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bucket = Bucket()
    bucket.may_list = False
    async with opened(bucket, monkeypatch) as store:
        await store.check()
        await store.put("pictures/a1/0", b"one")
        assert await store.get("pictures/a1/0") == b"one"
        with pytest.raises(MissingCopy, match="pictures/a1/1"):
            await store.get("pictures/a1/1")
        await store.delete("pictures/a1/1")
    assert list(bucket.objects) == ["pictures/a1/0"]


async def test_keys_that_are_refused_altogether_make_no_copy_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Bucket()
    async with opened(bucket, monkeypatch) as store:
        await store.put("pictures/a1/0", b"one")
        bucket.may_read = False
        with pytest.raises(PermissionDeniedError):
            await store.get("pictures/a1/0")


async def test_a_bucket_that_may_not_be_listed_names_the_permission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket()
    bucket.may_list = False
    async with opened(bucket, monkeypatch) as store:
        with pytest.raises(ListingRefused, match="grant these keys s3:ListBucket"):
            await store.used_bytes()
        with pytest.raises(ListingRefused):
            assert [keys async for keys in store.older("styles", 0)]
        settings = Settings(database_url=f"sqlite:///{tmp_path}/atelier.db", pictures_url="s3://atelier")
        (found,) = [found for found in await examine(settings) if found.name == "pictures"]
    assert not found.ok
    assert "s3:ListBucket" in found.remedy
