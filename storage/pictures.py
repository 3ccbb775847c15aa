"""
Store copies of pictures in a folder or an S3-compatible bucket, behind one interface (obstore).

Keys are relative paths such as `references/<task>/0` and `pictures/<task>/2`. A file exists completely or not at all.

After a put, the caller must check that the row of the file still exists, and else delete the file: the row may be
erased during the download of the picture. Files left because the process died in between are found by the hourly
sweep, which checks all of `FOLDERS`.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError, PermissionDeniedError
from obstore.store import LocalStore, ObjectStore, from_url

from storage.private_files import make_private

if TYPE_CHECKING:
    from obstore import ObjectMeta

THUMBNAIL: Final = ".small.jpg"
"""Suffix of a copy's key that gives the key of its thumbnail."""
MASK_PREVIEW: Final = ".mask.jpg"
"""Suffix of the key of a picture's copy that gives the key of its preview: the picture with the part tinted that the
mask of its task changes."""
CHECKED: Final = "check"
"""Folder of the test files that `check` writes."""
FOLDERS: Final = ("references", "pictures", "styles", "sets", CHECKED)
"""All folders. A key in another folder cannot be put, so that no file escapes the sweep. `storage.referenced_pictures`
says which rows name the files of each folder."""
_UNFINISHED: Final = re.compile(r".+#\d+")
"""Names of files that obstore was writing when the process died; obstore does not list them."""
LISTED: Final = 500
"""Keys per chunk of a listing; each chunk may become a database query."""


class MissingCopy(Exception):
    """The store has nothing under this key."""


class ListingRefused(Exception):
    """The bucket does not allow its contents to be listed; `str()` says what to do."""

    def __init__(self) -> None:
        super().__init__(
            "the bucket does not let its contents be listed: grant these keys s3:ListBucket on the bucket; until then "
            "copies that nothing names are not removed"
        )


class PictureStore:
    def __init__(self, store: ObjectStore, *, folder: Path | None = None) -> None:
        """`folder`: the folder of the files, if they are not in a bucket."""
        self._store = store
        self.folder = folder

    @classmethod
    def open(cls, url: str) -> PictureStore:
        """
        Open the store at `url`, as in PICTURES_URL: a folder without a scheme (made absolute), `file:///…`, or a
        bucket such as `s3://…`.

        A folder is created, and only the bot's user can read it. A bucket's credentials, region and endpoint come from
        the environment (`AWS_…`). Raises what obstore raises for an unknown URL.
        """
        if "://" not in url:
            folder = Path(url).expanduser().absolute()
            store: ObjectStore = LocalStore(folder, mkdir=True, automatic_cleanup=True)
        elif url.startswith("file://"):
            store, folder = from_url(url, mkdir=True, automatic_cleanup=True), Path(unquote(urlsplit(url).path))
        else:
            return cls(from_url(url))
        make_private(folder)
        return cls(store, folder=folder)

    async def put(self, key: str, data: bytes) -> None:
        """Store a file, replacing an existing one. A concurrent reader gets the old or the new file, never a part.
        Raises ValueError for a key outside `FOLDERS` (a defect)."""
        if key.partition("/")[0] not in FOLDERS:
            raise ValueError(f"no sweep would look at {key}")
        await self._store.put_async(key, data)

    async def get(self, key: str) -> bytes:
        """Read a file. Raises MissingCopy. A bucket without the permission to list answers 403 for a missing file; 403
        is taken as missing if a test file can be written and read; else the error of that test is raised."""
        try:
            return await self._get(key)
        except PermissionDeniedError:
            await self.check()
            raise MissingCopy(key) from None

    async def _get(self, key: str) -> bytes:
        try:
            found = await self._store.get_async(key)
            return bytes(await found.bytes_async())
        except FileNotFoundError:
            raise MissingCopy(key) from None

    async def delete(self, key: str) -> None:
        """Delete a copy, its thumbnail and its preview. Missing files are ignored. The copy is deleted first, so that a
        concurrent `put_small` finds that the copy is gone."""
        for path in (key, key + THUMBNAIL, key + MASK_PREVIEW):
            with suppress(FileNotFoundError):
                await self._store.delete_async(path)

    async def put_small(self, key: str, suffix: str, data: bytes) -> None:
        """Store the thumbnail or the preview of a copy, and delete it if the copy no longer exists."""
        await self.put(key + suffix, data)
        try:
            await self._store.head_async(key)
        except (FileNotFoundError, PermissionDeniedError):  # 403 for a missing file, as in `get`
            await self._store.delete_async(key + suffix)

    async def small(self, key: str, suffix: str) -> bytes | None:
        """Return the thumbnail or the preview of a copy; None if there is none."""
        try:
            return await self.get(key + suffix)
        except MissingCopy:
            return None

    async def older(self, folder: str, before: int) -> AsyncIterator[list[str]]:
        """Yield, in chunks, the keys in a folder that were last written before `before` (ms, by the store's clock). An
        old thumbnail or preview yields the key of its copy, which may be newer or missing. Raises ListingRefused."""
        async for entries in self._listed(folder):
            old = [entry["path"] for entry in entries if entry["last_modified"].timestamp() * 1000 < before]
            if keys := list(dict.fromkeys(path.removesuffix(THUMBNAIL).removesuffix(MASK_PREVIEW) for path in old)):
                yield keys

    async def drop_unfinished(self, before: int) -> int:
        """Delete unfinished files that were last written before `before` (ms): the process died while it wrote them.
        Return how many; 0 for a bucket, which stores a file completely or not at all."""
        return await asyncio.to_thread(_drop_unfinished, self.folder, before) if self.folder is not None else 0

    async def used_bytes(self) -> int:
        """Return the bytes of all files, thumbnails and previews included; lists every file. Raises ListingRefused."""
        return sum([entry["size"] async for entries in self._listed() for entry in entries])

    async def _listed(self, folder: str | None = None) -> AsyncIterator[Sequence[ObjectMeta]]:
        try:
            async for entries in self._store.list_async(folder, chunk_size=LISTED):
                yield entries
        except BaseError as error:
            if isinstance(error, PermissionDeniedError) or "403 Forbidden" in str(error):
                raise ListingRefused from error
            raise

    async def check(self) -> None:
        """Write, read and delete a small file. Raises what the store raises; MissingCopy if the written file is not
        found, OSError if the read bytes differ from the written ones."""
        key, data = f"{CHECKED}/{secrets.token_hex(8)}", b"is it kept?"
        await self.put(key, data)
        try:
            if await self._get(key) != data:
                raise OSError("the picture store gave back something else than was put into it")
        finally:
            await self.delete(key)


def _drop_unfinished(folder: Path, before: int) -> int:
    dropped = 0
    for path in _unfinished(folder):
        try:
            if path.stat().st_mtime * 1000 < before:
                path.unlink()
                dropped += 1
        except FileNotFoundError:
            continue  # finished or deleted since the listing
    return dropped


def _unfinished(folder: Path) -> Iterator[Path]:
    for name in FOLDERS:
        for path in (folder / name).rglob("*#*"):
            if _UNFINISHED.fullmatch(path.name) and path.is_file():
                yield path
