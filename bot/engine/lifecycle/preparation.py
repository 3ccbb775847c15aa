"""Prepare queued tasks: inspect the references, store copies, and upload them where links do not work. Costs no
credits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
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
from bot.engine.work.thumbnails import StoredCopy, Thumbnails
from bot.errors import BadReference, Reason, ServiceError, Unavailable
from bot.imaging.cost import SENT_BYTES, SentLimit, sent_bytes
from bot.imaging.picture_info import Unreadable
from storage.catalogue import DEFAULT, Model
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
        thumbnails: Thumbnails,
        show: Callable[[Task], Awaitable[None]],
        limits_for: Callable[[int, int | None], Limits],
        space: DiskSpace,
        always_upload: bool,
        preview_wait: timedelta,
        models: Mapping[str, Model],
        clock: Callable[[], int],
    ) -> None:
        self._stores = stores
        self._picture_store = picture_store
        self._api = api
        self._fetching = fetching
        self._picture_work = picture_work
        self._thumbnails = thumbnails
        self._show = show
        self._limits_for = limits_for
        self._space = space
        self._always_upload = always_upload
        self._preview_wait_ms = int(preview_wait.total_seconds() * 1000)
        self._models = models
        self._clock = clock
        self._uploads = ByteBudget(UPLOADS_AT_ONCE, caps=(UPLOADS_PER_PERSON,))

    async def prepare(self, task: Task) -> Task:
        """Prepare a task, release its lease and return the task with `prepared_at` set. Its create may begin at once
        or, the first time that the preview of a mask was shown, after `preview_wait`. Raises BadReference, LimitReached
        or NoRoom, with which the task fails without a charge; ServiceError, also if a reference was erased during its
        download."""
        references = await self._all_stored(task)
        masked = await self._show_mask(task, references)
        unlinked = any(reference.is_converted or not reference.url for reference in references)
        by_upload = bool(references) and (task.by_upload or self._always_upload or masked or unlinked)
        if by_upload:
            for reference in references:
                await self._upload(task, reference, as_png=masked)
        now = self._clock()
        size = self._size(task, references)
        is_looked_at = masked and task.batch_id is None and not task.by_upload  # set when it was prepared before
        due = now + self._preview_wait_ms if is_looked_at else now
        return await self._stores.tasks.change(
            task, prepared_at=now, by_upload=by_upload, failures=0, size=size, fits_picture=False, **released(due)
        )

    def _size(self, task: Task, references: list[Reference]) -> str:
        """Return the size of the task: the one nearest to the first picture, as people see it, if the size is still
        open. Sizes that the model cannot make with the task's resolution and background are left out."""
        first = references[0] if references else None
        if not task.fits_picture or first is None or not (first.width and first.height):
            return task.size
        return self._model_of(task).nearest_size(
            first.width, first.height, resolution=task.resolution, background=task.background
        )

    def _model_of(self, task: Task) -> Model:
        """Return the task's model; for one of another release, whose create will be refused, the default."""
        return self._models.get(task.model, DEFAULT)

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
        if reference.is_prepared:
            return reference
        key = f"references/{task.id}/{reference.position}"
        async with AsyncExitStack() as held:
            data = await self._bytes(task, reference, held)
            is_mask = reference.kind is ReferenceKind.MASK
            copied, data = await (self._plain_mask if is_mask else self._plain)(task, reference, data)
            await self._put(task, reference, key, data)
        kept = replace(copied, key=key, bytes=len(data))
        if not await self._stores.references.save(kept):
            await self._picture_store.delete(key)
            raise Unavailable("a reference was erased while it was fetched")
        return kept

    async def _plain(self, task: Task, reference: Reference, data: bytes) -> tuple[Reference, bytes]:
        """Return what is known of the plain copy, and its bytes."""
        limit = _sent_limit(self._model_of(task))
        copy = await self._picture_work.plain_copy(data, reference.filename, _requester(task), limit=limit)
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

    async def _plain_mask(self, task: Task, reference: Reference, data: bytes) -> tuple[Reference, bytes]:
        """Return what is known of the plain mask, and its bytes. The mask is the last reference, so that its picture
        was inspected before."""
        image, *_ = await self._stores.references.of_task(task.id)
        size = (image.width, image.height) if image.width and image.height else None
        made = await self._picture_work.plain_mask(data, reference.filename, size, _requester(task))
        described = replace(
            reference,
            content_type=PNG,
            width=image.width,
            height=image.height,
            uploaded_url=None,
            uploaded_at=None,
            change_share=made.change_share,
        )
        return described, made.data

    async def _show_mask(self, task: Task, references: Sequence[Reference]) -> bool:
        """Show on the card which part of the picture the mask changes, as long as the task can be cancelled: before the
        uploads. Return whether there is a mask."""
        masks = [reference for reference in references if reference.kind is ReferenceKind.MASK]
        if not masks:
            return False
        if task.batch_id is None:  # else there is no card
            image, mask = [StoredCopy(each.key or "", each.bytes) for each in (references[0], masks[0])]
            await self._thumbnails.mask_preview(image, mask, _requester(task))
            await self._show(task)
        return True

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
        """Return the bytes of a reference, from a stored copy if there is one (its own, or that of an earlier task, a
        set or a style), else from Discord. The memory reserved for them is released when `held` is closed. Raises
        BadReference if the picture was erased, or at the failure number `FETCH_TRIES`; else what the download
        raises."""
        if reference.is_gone:
            raise BadReference(Reason.REFERENCE_ERASED, filename=reference.filename)
        if (key := reference.key or reference.stored_key) is not None:
            async with AsyncExitStack() as kept:
                held_here = self._picture_work.holding(reference.declared_bytes or None, _requester(task))
                await kept.enter_async_context(held_here)
                with suppress(MissingCopy):
                    data = await self._picture_store.get(key)
                    held.push_async_exit(kept.pop_all())
                    return data
        try:
            return await self._fetching.fetched(reference, by=task.asker_id, held=held)
        except ServiceError:
            if task.failures + 1 >= FETCH_TRIES:
                raise BadReference(Reason.REFERENCE_UNFETCHABLE, filename=reference.filename) from None
            raise

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
            model = self._model_of(task)
            if as_png and reference.kind is ReferenceKind.IMAGE:  # API: a mask has the format of its picture
                data, content_type = await self._png(reference, data, requester, model), PNG
            elif reference.kind is ReferenceKind.MASK and model.mask is not None and model.mask.changes == "white":
                data = await self._inverted(reference, data, requester)
            name = f"atelier-{reference.task_id}-{reference.position}.{content_type.removeprefix('image/')}"
            url = await self._api.upload(name, content_type, data)
        await self._stores.references.save(replace(reference, uploaded_url=url, uploaded_at=now))

    async def _inverted(self, reference: Reference, data: bytes, requester: Requester) -> bytes:
        try:
            return await self._picture_work.inverted_mask(data, requester)
        except Unreadable as error:
            raise BadReference(error.reason, filename=reference.filename, **error.parameters) from error

    async def _png(self, reference: Reference, data: bytes, requester: Requester, model: Model) -> bytes:
        name = reference.filename
        try:
            converted = await self._picture_work.as_png(data, requester)
        except Unreadable as error:
            raise BadReference(error.reason, filename=name, **error.parameters) from error
        if len(converted) > sent_bytes(_sent_limit(model)):
            taken = model.references.most_megabytes if model.references else 0
            megabytes = min(taken, SENT_BYTES // 2**20)
            raise BadReference(Reason.REFERENCE_TOO_LARGE, filename=name, megabytes=megabytes)
        return converted


def _sent_limit(model: Model) -> SentLimit | None:
    return SentLimit(model.references.most_bytes, model.references.most_pixels) if model.references else None


def _requester(task: Task) -> Requester:
    return Requester(task.asker_id, WorkPriority.REQUEST)


def upload_is_fresh(reference: Reference, now: int) -> bool:
    """Return whether the reference was uploaded less than `UPLOAD_LIVES` ago, so that the image API still has the
    file."""
    lives = int(UPLOAD_LIVES.total_seconds() * 1000)
    return reference.uploaded_at is not None and now - reference.uploaded_at < lives
