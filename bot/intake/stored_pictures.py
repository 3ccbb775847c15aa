"""Store a copy of an attached picture for later requests, as the address of a Discord attachment expires."""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack
from typing import Final

import structlog

from bot.engine.work.picture_work import Requester, WorkPriority
from bot.errors import BadReference, Reason, ServiceError
from bot.intake.requests import Attached, reference_of
from bot.services import Services
from storage.community import StoredPicture
from storage.models import SPOILER_PREFIX, UNNAMED, NewReference, Reference

FETCH_SECONDS: Final = 30.0
"""Timeout of the download, as a person waits for the answer."""

log = structlog.get_logger(__name__)


async def keep_copy(
    services: Services, attached: Attached, folder: str, *, by: int, for_others: bool = False
) -> StoredPicture:
    """Store the plain copy of what a person (`by`) attached under a new key in `folder`, so that no other copy is
    replaced. Takes seconds, so the caller defers the interaction first. `for_others`: return the picture without its
    file name. Raises NoRoom, Unavailable, and BadReference for a file that no request could use or that cannot be
    downloaded now."""
    reference = reference_of(attached)
    await services.engine.disk_space.require()
    key = f"{folder}/{secrets.token_hex(8)}"
    async with AsyncExitStack() as held:
        data = await _fetched(services, reference, by, held)
        requester = Requester(by, WorkPriority.REQUEST)
        copy = await services.picture_work.plain_copy(data, reference.filename, requester)
        await held.enter_async_context(services.engine.disk_space.writing())
        await services.picture_store.put(key, copy.data)
    return StoredPicture(
        key=key,
        filename=_unnamed(reference) if for_others else reference.filename,
        content_type=copy.content_type,
        bytes=len(copy.data),
        width=copy.width,
        height=copy.height,
    )


def _unnamed(reference: NewReference) -> str:
    """Return a name that says nothing but whether the picture is a spoiler."""
    return f"{SPOILER_PREFIX}{UNNAMED}" if reference.spoiler else UNNAMED


async def drop_copy(services: Services, picture: StoredPicture | None) -> None:
    """Delete a copy that no row refers to; nothing for None. A failure is only logged, as it changes nothing for the
    person: the search for files that no row names tries again later."""
    if picture is None:
        return
    try:
        await services.picture_store.delete(picture.key)
    except Exception:
        log.exception("copy not deleted: unexpected exception, orphan search will try again", key=picture.key)


async def _fetched(services: Services, reference: NewReference, by: int, held: AsyncExitStack) -> bytes:
    asked = Reference(
        task_id="",
        position=0,
        kind=reference.kind,
        url=reference.url,
        filename=reference.filename,
        declared_type=reference.declared_type,
        declared_bytes=reference.declared_bytes,
    )
    try:
        return await services.engine.attachments.fetched(asked, by=by, held=held, seconds=FETCH_SECONDS)
    except (ServiceError, TimeoutError):
        raise BadReference(Reason.REFERENCE_UNFETCHABLE, filename=reference.filename) from None
