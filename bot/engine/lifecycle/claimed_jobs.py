"""Read the record of a job that a callback claims for a create, and compare the record with the request."""

from __future__ import annotations

import structlog

from bot.engine.ports import CreateRequest, ImageAPI, Record, RecordStatus
from bot.errors import ServiceError

log = structlog.get_logger(__name__)


async def claimed_record(api: ImageAPI, job_id: str, form: str) -> Record | None:
    """Return the record; None if it cannot be read, does not exist, or does not say with which prompt the job was
    made."""
    try:
        record = await api.record(job_id, form)
    except ServiceError as error:
        log.debug(
            "reading the record of a claimed job failed, will retry for up to a day", job_id=job_id, error=str(error)
        )
        return None
    except Exception:
        log.exception("reading the record of a claimed job failed: unexpected error, will retry", job_id=job_id)
        return None
    return None if record.status is RecordStatus.MISSING or record.prompt is None else record


def is_of(request: CreateRequest, record: Record, *, task_id: str, job_id: str) -> bool:
    """Return whether a record belongs to the request of a task: the prompt is the same, apart from spaces and
    unprintable characters, or, if both have none, the input pictures have the same addresses without their queries."""
    words = _words(request.request.prompt)
    same = words == _words(record.prompt or "")
    if same and (words or {_place(url) for url in request.files} == {_place(url) for url in record.files}):
        return True
    log.error(
        "callback rejected: its record is of another request, the create stays unconfirmed", task=task_id, job_id=job_id
    )
    return False


def _words(text: str) -> str:
    """Return the text without spaces and unprintable characters, which may get lost on the way through the API."""
    return "".join(letter for letter in text if letter.isprintable() and not letter.isspace())


def _place(url: str) -> str:
    """Return the URL without its query, which holds the signature."""
    return url.partition("?")[0]
