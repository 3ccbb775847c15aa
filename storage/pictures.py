"""
Where our copies of pictures are kept: a folder, or an S3-compatible bucket, behind one interface (obstore).

Keys are relative paths such as `references/<task>/0` and `pictures/<task>/2`. A file is there whole or not at all.

Whoever puts a file has to see afterwards that its row is there, or take the file away again: the row may be erased
while its picture is fetched. What is left all the same, because the process died in between, is found by the hourly
sweep, which looks at all of `FOLDERS`.
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
"""Behind the key of a copy: its thumbnail."""
CHECKED: Final = "check"
FOLDERS: Final = ("references", "pictures", "styles", "sets", CHECKED)
"""All there are: a key elsewhere cannot be put, so that no file escapes the sweep. `storage.named_copies` says which
rows name the files of each."""
_UNFINISHED: Final = re.compile(r".+#\d+")
"""Names of files that obstore was writing when the process died; it lists none of them."""
LISTED: Final = 500
"""Keys at a time: each of these may become a question to the database."""


class MissingCopy(Exception):
    """The store has nothing under this key."""


class ListingRefused(Exception):
    """The bucket does not let us list what is in it; `str()` says what to do."""

    def __init__(self) -> None:
        super().__init__(
            "the bucket does not let its contents be listed: grant these keys s3:ListBucket on the bucket; until then "
            "copies that nothing names are not removed"
        )


class PictureStore:
    def __init__(self, store: ObjectStore, *, folder: Path | None = None) -> None:
        """`folder`: where the files are, if that is a folder."""
        self._store = store
        self.folder = folder

    @classmethod
    def open(cls, url: str) -> PictureStore:
        """
        `url` as in PICTURES_URL: a folder without a scheme (made absolute), `file:///…`, or a bucket such as `s3://…`.

        A folder is created, and only the bot's user can look into it. A bucket's credentials, region and endpoint come
        from the environment (`AWS_…`). Raises what obstore raises for an address that it does not know.
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
        """Replaces what was there; whoever reads meanwhile gets the old or the new, never a half. A key outside
        `FOLDERS` is a ValueError (a defect)."""
        if key.partition("/")[0] not in FOLDERS:
            raise ValueError(f"no sweep would look at {key}")
        await self._store.put_async(key, data)

    async def get(self, key: str) -> bytes:
        """Raises MissingCopy. A bucket that may not be listed answers 403 for what is not there; where a test file can
        be written and read, that is what it means."""
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
        """A copy and its thumbnail. What is not there is fine. The copy goes first: a thumbnail that is put meanwhile
        then finds that there is none (`put_thumbnail`)."""
        for path in (key, key + THUMBNAIL):
            with suppress(FileNotFoundError):
                await self._store.delete_async(path)

    async def put_thumbnail(self, key: str, data: bytes) -> None:
        """The small picture of a copy; it goes with its copy, also with one that was deleted meanwhile."""
        await self.put(key + THUMBNAIL, data)
        try:
            await self._store.head_async(key)
        except (FileNotFoundError, PermissionDeniedError):  # 403 for what is not there, as in `get`
            await self._store.delete_async(key + THUMBNAIL)

    async def thumbnail(self, key: str) -> bytes | None:
        """None where none was made yet."""
        try:
            return await self.get(key + THUMBNAIL)
        except MissingCopy:
            return None

    async def older(self, folder: str, before: int) -> AsyncIterator[list[str]]:
        """The keys in a folder last written before `before` (ms, by the store's clock), some at a time. A thumbnail
        counts as its copy."""
        async for entries in self._listed(folder):
            old = [entry["path"] for entry in entries if entry["last_modified"].timestamp() * 1000 < before]
            if keys := list(dict.fromkeys(path.removesuffix(THUMBNAIL) for path in old)):
                yield keys

    async def drop_unfinished(self, before: int) -> int:
        """Remove what a process was writing when it died, before `before` (ms); how many files. In a folder only: a
        bucket takes a file whole."""
        return await asyncio.to_thread(_drop_unfinished, self.folder, before) if self.folder is not None else 0

    async def used_bytes(self) -> int:
        """Of all copies; looks at every one. Raises ListingRefused, as `older` does."""
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
        """Write, read and delete a small file. Raises what the store raises; OSError for other bytes than written."""
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
            continue  # it is finished by now
    return dropped


def _unfinished(folder: Path) -> Iterator[Path]:
    for one in FOLDERS:
        for path in (folder / one).rglob("*#*"):
            if _UNFINISHED.fullmatch(path.name) and path.is_file():
                yield path
