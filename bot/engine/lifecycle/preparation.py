"""Prepare queued tasks: inspect the references, store copies, and upload them where links do not work. Costs no
credits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Final

from bot.engine.availability.disk_space import DiskSpace
from bot.engine.lifecycle.reference_fetching import ReferenceFetching
from bot.engine.limit_errors import limit_error
from bot.engine.ports import ImageAPI
from bot.engine.work.byte_budget import ByteBudget
from bot.engine.work.picture_work import PictureWork, Requester, WorkPriority
from bot.errors import BadReference, Reason, ServiceError, Unavailable
from bot.imaging.cost import SENT_BYTES
from bot.imaging.picture_info import Unreadable
from storage.catalogue import MODELS
from storage.limits import LimitExceeded
from storage.models import Limits, Reference, ReferenceKind, Task, released
from storage.pictures import MissingCopy, PictureStore
from storage.stores import Stores

UPLOAD_LIVES: Final = timedelta(hours=20)
"""API: an uploaded file is kept for at least 24 h. The margin of 4 h covers the wait until the create."""
UPLOADS_AT_ONCE: Final = 8
UPLOADS_PER_PERSON: Final = 2
"""Concurrent uploads of references to the image API: in total, and for one person."""
FETCH_TRIES: Final = 5
PNG: Final = "image/png"


class Preparation:
    def __init__(
        self,
        *,
        stores: Stores,
        picture_store: PictureStore,
        api: ImageAPI,
        fetching: ReferenceFetching,
        picture_work: PictureWork,
        limits_for: Callable[[int, int | None], Limits],
        space: DiskSpace,
        always_upload: bool,
        clock: Callable[[], int],
    ) -> None:
        self._stores = stores
        self._picture_store = picture_store
        self._api = api
        self._fetching = fetching
        self._picture_work = picture_work
        self._limits_for = limits_for
        self._space = space
        self._always_upload = always_upload
        self._clock = clock
        self._uploads = ByteBudget(UPLOADS_AT_ONCE, caps=(UPLOADS_PER_PERSON,))

    async def prepare(self, task: Task) -> Task:
        """Prepare a task, release its lease and return the task with `prepared_at` set. Raises BadReference,
        LimitReached or NoRoom, with which the task fails without a charge; ServiceError, also if a reference was erased
        during its download."""
        references = await self._all_stored(task)
        as_png = await self._mask_needs_png(task, references)
        unlinked = any(reference.is_converted or not reference.url for reference in references)
        by_upload = bool(references) and (task.by_upload or self._always_upload or as_png or unlinked)
        if by_upload:
            for reference in references:
                await self._upload(task, reference, as_png=as_png)
        now = self._clock()
        size = _size(task, references)
        return await self._stores.tasks.change(
            task, prepared_at=now, by_upload=by_upload, failures=0, size=size, fits_picture=False, **released(now)
        )

    async def _all_stored(self, task: Task) -> list[Reference]:
        """Store a copy of each picture. Raises BadReference, which names all pictures that cannot be used."""
        stored, refused = [], []
        for reference in await self._stores.references.of_task(task.id):
            try:
                stored.append(await self._stored(task, reference))
            except BadReference as error:
                refused.append(error)
        if refused:
            raise BadReference.together(refused)
        return stored

    async def _stored(self, task: Task, reference: Reference) -> Reference:
        if reference.key is not None:
            return reference
        key = f"references/{task.id}/{reference.position}"
        async with AsyncExitStack() as held:
            data = await self._bytes(task, reference, held)
            is_mask = reference.kind is ReferenceKind.MASK
            copied, data = await (self._as_attached if is_mask else self._plain)(task, reference, data)
            await self._put(task, reference, key, data)
        kept = replace(copied, key=key, bytes=len(data))
        if not await self._stores.references.save(kept):
            await self._picture_store.delete(key)
            raise Unavailable("a reference was erased while it was fetched")
        return kept

    async def _plain(self, task: Task, reference: Reference, data: bytes) -> tuple[Reference, bytes]:
        """Return what is known of the plain copy, and its bytes."""
        copy = await self._picture_work.plain_copy(data, reference.filename, _requester(task))
        described = replace(
            reference,
            content_type=copy.content_type,
            width=copy.width,
            height=copy.height,
            is_converted=copy.is_converted,
            is_first_frame=copy.is_first_frame,
            is_reduced=copy.is_reduced,
            is_cut=copy.is_cut,
        )
        return described, copy.data

    async def _as_attached(self, task: Task, reference: Reference, data: bytes) -> tuple[Reference, bytes]:
        """Return what is known of a mask, and its bytes: its transparency still has to be read."""
        requester = _requester(task)
        look = await self._picture_work.inspect(data, reference.filename, requester)
        if reference.is_of_another(task.asker_id):
            data = await self._picture_work.without_metadata(data, reference.filename, requester)
        return replace(reference, content_type=look.content_type, width=look.width, height=look.height), data

    async def _put(self, task: Task, reference: Reference, key: str, data: bytes) -> None:
        """Store a copy. A file that is larger than declared is checked against the limits of stored bytes again. Raises
        NoRoom, LimitReached."""
        await self._space.require()
        limits = self._limits_for(task.asker_id, task.guild_id)
        limited = limits.stored_bytes_per_user or limits.stored_bytes_per_user_per_day
        if limited and (more := len(data) - reference.declared_bytes) > 0:
            try:
                await self._stores.tasks.check_stored(task.asker_id, more, limits, now=self._clock())
            except LimitExceeded as reached:
                raise limit_error(reached) from None
        async with self._space.writing():
            await self._picture_store.put(key, data)

    async def _bytes(self, task: Task, reference: Reference, held: AsyncExitStack) -> bytes:
        """Return the bytes of a reference, from an earlier task's stored copy if there is one, else from Discord. The
        memory reserved for them is released when `held` is closed."""
        if reference.is_gone:
            raise BadReference(Reason.REFERENCE_ERASED, filename=reference.filename)
        if reference.stored_key is not None:
            async with AsyncExitStack() as kept:
                held_here = self._picture_work.holding(reference.declared_bytes or None, _requester(task))
                await kept.enter_async_context(held_here)
                with suppress(MissingCopy):
                    data = await self._picture_store.get(reference.stored_key)
                    held.push_async_exit(kept.pop_all())
                    return data
        try:
            return await self._fetching.fetched(reference, by=task.asker_id, held=held)
        except ServiceError:
            if task.failures + 1 >= FETCH_TRIES:
                raise BadReference(Reason.REFERENCE_UNFETCHABLE, filename=reference.filename) from None
            raise

    async def _mask_needs_png(self, task: Task, references: list[Reference]) -> bool:
        """Return whether the picture and its mask must be converted to PNG. Raises BadReference if the mask does not
        fit.

        API: a mask must have the format and the dimensions of its picture. A picture that is rotated by its metadata
        has the dimensions that people see only after the conversion.
        """
        masks = [reference for reference in references if reference.kind is ReferenceKind.MASK]
        if not masks:
            return False
        image, mask = references[0], masks[0]
        work, requester = self._picture_work, _requester(task)
        async with work.holding(max(image.bytes or 0, mask.bytes or 0), requester):
            seen = await work.inspect(await self._copy(image), image.filename, requester)
            masked = await work.inspect_mask(await self._copy(mask), mask.filename, seen, requester)
        return seen.content_type != masked.content_type or not (seen.as_shown and masked.as_shown)

    async def _copy(self, reference: Reference) -> bytes:
        """Return the stored copy. Raises Unavailable if the copy is gone (a power cut, an old backup); its key is then
        cleared, so that the next attempt downloads the reference again."""
        try:
            return await self._picture_store.get(reference.key or "")
        except MissingCopy as missing:
            await self._stores.references.save(replace(reference, key=None))
            raise Unavailable(f"a kept reference is gone: {missing}") from missing

    async def _upload(self, task: Task, reference: Reference, *, as_png: bool) -> None:
        now = self._clock()
        if upload_is_fresh(reference, now):
            return
        requester = _requester(task)
        place = self._uploads.taken(1, holders=(task.asker_id,))
        async with place, self._picture_work.holding(None if as_png else reference.bytes, requester):
            data, content_type = await self._copy(reference), reference.content_type or PNG
            if as_png:
                data, content_type = await self._png(reference, data, requester), PNG
            name = f"atelier-{reference.task_id}-{reference.position}.{content_type.removeprefix('image/')}"
            url = await self._api.upload(name, content_type, data)
        await self._stores.references.save(replace(reference, uploaded_url=url, uploaded_at=now))

    async def _png(self, reference: Reference, data: bytes, requester: Requester) -> bytes:
        work, name = self._picture_work, reference.filename
        convert = work.mask_as_png if reference.kind is ReferenceKind.MASK else work.as_png
        try:
            converted = await convert(data, requester)
        except Unreadable as error:
            raise BadReference(error.reason, filename=name, **error.parameters) from error
        if len(converted) > SENT_BYTES:
            raise BadReference(Reason.REFERENCE_TOO_LARGE, filename=name, megabytes=SENT_BYTES // 2**20)
        return converted


def _size(task: Task, references: list[Reference]) -> str:
    """Return the size of the task: the one nearest to the first picture, as people see it, if the size is
    still open."""
    first = references[0] if references else None
    if not task.fits_picture or first is None or not (first.width and first.height):
        return task.size
    return MODELS[task.model].nearest_size(first.width, first.height)


def _requester(task: Task) -> Requester:
    return Requester(task.asker_id, WorkPriority.REQUEST)


def upload_is_fresh(reference: Reference, now: int) -> bool:
    """Return whether the reference was uploaded less than `UPLOAD_LIVES` ago, so that the image API still has the
    file."""
    lives = int(UPLOAD_LIVES.total_seconds() * 1000)
    return reference.uploaded_at is not None and now - reference.uploaded_at < lives
