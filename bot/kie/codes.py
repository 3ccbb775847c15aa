"""
Map the image API's codes to errors, by the kind of call, and failures of tasks to reasons.

A code is nearly always in the body at HTTP 200; the `code` of the body takes precedence over the HTTP status. For a
create, every answer that is not listed here means that the task may have been accepted and paid (`Unconfirmed`).

An HTTP status without a readable body counts as a refusal only where no handler that could accept a task ever ran:

* 401, 403  rejected before the API. A 403 page, or "error code: 1010", is Cloudflare's and never reached the API
* 404       no such path: as with a 403 page, another prompt would not help
* 405, 413  the method, or a body of this size, is not allowed (matters for uploads only)
* 429       rate limit

The API's own refusals (400, 402, 422, 433, 455, 500, 550) have a JSON body. If one of these statuses has another
body, the answer is not from the API as we know it, and the outcome of the call is unknown.

A 500 to a create may pass, unless its words say that the model, as the bot asks for it, does not exist or has changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum, auto
from typing import Final

from bot.errors import AccountRefused, Reason, Refused, ServerFault, Throttled, Unavailable, Unconfirmed
from bot.kie import refusal_words


class Call(Enum):
    CREATE = auto()
    """Costs money and cannot be retried safely."""
    QUESTION = auto()
    """Changes nothing and can be retried after any error."""
    TRANSFER = auto()
    """An upload, or the creation of a download link: free, but an explicit refusal is final."""


SUCCESS: Final = 200
THROTTLED: Final = frozenset({429, 455, 550})
"""Rate limit, maintenance, queue full."""
TURNED_AWAY: Final = frozenset({403, 404})
BEFORE_ANY_HANDLER: Final = TURNED_AWAY | {401, 405, 413, 429}

_INVALID = Reason.INVALID_REQUEST
_REFUSED: Final[Mapping[Call, Mapping[int, Reason]]] = {
    Call.CREATE: {**dict.fromkeys((400, 403, 404, 422), _INVALID), 433: Reason.ACCOUNT_QUOTA},
    Call.QUESTION: {},
    Call.TRANSFER: {
        **dict.fromkeys((400, 403, 404, 405, 413, 415, 422), _INVALID),
        433: Reason.ACCOUNT_QUOTA,
        451: Reason.API_REFERENCE_UNFETCHABLE,
    },
}
_ACCOUNT: Final[Mapping[Call, Mapping[int, Reason]]] = {
    Call.CREATE: {401: Reason.ACCOUNT_KEY, 402: Reason.ACCOUNT_CREDIT},
    Call.QUESTION: {401: Reason.ACCOUNT_KEY},
    Call.TRANSFER: {401: Reason.ACCOUNT_KEY, 402: Reason.ACCOUNT_CREDIT},
}
_UNKNOWN_RECORD: Final = {
    404: re.compile(r"\b(task|record)(info)?\b.{0,20}\bnot (found|exist)", re.IGNORECASE),
    422: re.compile(r"not exist|not found|is null", re.IGNORECASE),
}
"""What the API says of a record that it does not know, by the code."""


class UnknownRecord(Unavailable):
    """The API does not know the task, or not yet: 422 with "does not exist" or "is null", 404 with "Task not found"."""


def refusal(call: Call, code: int, words: str, retry_after: timedelta | None = None) -> Exception:
    """Return the error for an API code other than 200, for a code without a meaning for this kind of call the one of
    `broken`; `words` is the API's message, made fit for a log by `tidy`."""
    if code in THROTTLED:
        return Throttled(f"{code}: {words}", retry_after)
    if reason := _ACCOUNT[call].get(code):
        return AccountRefused(code, words, reason)
    if reason := _REFUSED[call].get(code):
        return Refused(code, words, _more_precise(call, reason, words))
    if call is Call.CREATE and code == 500:
        if told := refusal_words.reason_to_refuse(words):
            return Refused(code, words, told)
        return ServerFault(f"{code}: {words}")
    if call is Call.QUESTION and (unknown := _UNKNOWN_RECORD.get(code)) and unknown.search(words):
        return UnknownRecord(f"{code}: {words}")
    return broken(call, f"{code}: {words}")


def unread(call: Call, status: int, retry_after: timedelta | None = None) -> Exception:
    """Return the error for an HTTP answer without a readable body: for the statuses in the module's list, Refused (403
    and 404, except to a question) or what `refusal` returns; for all others, 200 included, what `broken` returns."""
    words = f"HTTP {status} without a readable body"
    if status in TURNED_AWAY and call is not Call.QUESTION:
        return Refused(status, words, Reason.SERVICE_FAULT)
    return refusal(call, status, words, retry_after) if status in BEFORE_ANY_HANDLER else broken(call, words)


def broken(call: Call, what: str) -> Exception:
    """Return the error for a call that was sent, in part at least, and whose outcome is unknown: Unconfirmed for a
    create, else Unavailable."""
    return Unconfirmed(what) if call is Call.CREATE else Unavailable(what)


def failure(code: int | None, message: str) -> Reason | None:
    """Return why a task failed; None if the code is not 451 and the message is not known. The API's message is more
    precise than its other codes: 400 has five meanings, and a refusal by moderation may come as 400, as 500 or without
    a code."""
    if code == 451:
        return Reason.API_REFERENCE_UNFETCHABLE
    if reason := refusal_words.reason_in(message):
        return reason
    return Reason.GENERATION_FAILED if refusal_words.is_ordinary(message) else None


def _more_precise(call: Call, reason: Reason, words: str) -> Reason:
    """Return the reason that the words of a refused create give, if the code says only that it was refused; else, and
    if they give none, `reason`."""
    if call is Call.CREATE and reason is _INVALID:
        return refusal_words.reason_to_refuse(words) or reason
    return reason
