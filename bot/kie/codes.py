"""
What the image API's codes mean to us, by the kind of call, and why a task of theirs failed.

A code is nearly always in the body at HTTP 200; the body's `code` is believed before the HTTP status. To a create every
answer that is not listed here means that it may have been taken and paid (`Unconfirmed`).

An HTTP status without a readable body is believed as a refusal only where a handler that could take a task never ran:

* 401, 403  turned away at the door. A 403 page, or "error code: 1010", is Cloudflare's, and never came to the API
* 404       no such path: as a 403 page, nothing that whoever asked could put right with other words
* 405, 413  this method, or so large a body, is not let through (of use to uploads only)
* 429       too fast

The API's own refusals (400, 402, 422, 433, 455, 500, 550) come in its JSON. One of those statuses with another body was
not said by the API as we know it, and nobody knows what happened behind it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum, auto
from typing import Final

from bot.errors import AccountRefused, Reason, Refused, ServerFault, Throttled, Unavailable, Unconfirmed


class Call(Enum):
    CREATE = auto()
    """Costs money, and cannot be repeated safely."""
    QUESTION = auto()
    """Changes nothing; whatever goes wrong, it may be asked again."""
    TRANSFER = auto()
    """An upload, or a link to download by: free, but an explicit no stays a no."""


SUCCESS: Final = 200
THROTTLED: Final = frozenset({429, 455, 550})
"""Too fast, in maintenance, queue full."""
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
_UNKNOWN_RECORD: Final = re.compile(r"not exist|is null", re.IGNORECASE)

_A_REFERENCE: Final = "filesUrl|(input|uploaded|reference|provided|source) image|image content"
_A_POLICY: Final = "polic(y|ies)|safety system|flagged|moderation"
FAILURES: Final = tuple(
    (reason, re.compile(words, re.IGNORECASE))
    for reason, words in (
        (Reason.API_REFERENCE_UNFETCHABLE, "failed to fetch the image"),
        (Reason.API_REFERENCE_TOO_LARGE, "size exceeds"),
        (Reason.API_REFERENCE_FORMAT, "invalid_image_format|process the provided image"),
        (Reason.REFERENCE_POLICY, rf"^(?=.*({_A_REFERENCE})).*({_A_POLICY})"),
        (Reason.POLICY, _A_POLICY),
    )
)


class UnknownRecord(Unavailable):
    """The API knows no such task, or not yet: 422 with "does not exist" or "is null"."""


def refusal(call: Call, code: int, words: str, retry_after: timedelta | None = None) -> Exception:
    """The error for a code other than 200 that the API said itself; `words` are theirs, made fit to log."""
    if code in THROTTLED:
        return Throttled(f"{code}: {words}", retry_after)
    if reason := _ACCOUNT[call].get(code):
        return AccountRefused(code, words, reason)
    if reason := _REFUSED[call].get(code):
        return Refused(code, words, reason)
    if call is Call.CREATE and code == 500:
        return ServerFault(f"{code}: {words}")
    if call is Call.QUESTION and code == 422 and _UNKNOWN_RECORD.search(words):
        return UnknownRecord(f"{code}: {words}")
    return broken(call, f"{code}: {words}")


def unread(call: Call, status: int, retry_after: timedelta | None = None) -> Exception:
    """The error for an HTTP answer without a body that can be read."""
    words = f"HTTP {status} without a readable body"
    if status in TURNED_AWAY and call is not Call.QUESTION:
        return Refused(status, words, Reason.SERVICE_FAULT)
    return refusal(call, status, words, retry_after) if status in BEFORE_ANY_HANDLER else broken(call, words)


def broken(call: Call, what: str) -> Exception:
    """The error where nobody knows what became of a call, once any of it was sent."""
    return Unconfirmed(what) if call is Call.CREATE else Unavailable(what)


def failure(code: int | None, message: str) -> Reason:
    """Why a task of theirs failed. Their words say more than their code: 400 has five meanings, and a moderation's
    refusal may come as 400, as 500 or with none."""
    if code == 451:
        return Reason.API_REFERENCE_UNFETCHABLE
    return next((reason for reason, words in FAILURES if words.search(message)), Reason.GENERATION_FAILED)
