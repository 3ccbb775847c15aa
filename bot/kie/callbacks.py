"""
The image API's callbacks: which task one is about, and whether they sent it.

The signature covers that id and a time, not the body: nothing else of a body is believed, or even looked at.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Final

from pydantic import SecretStr

TIMESTAMP_HEADER: Final = "X-Webhook-Timestamp"
"""Seconds since the epoch, in decimal."""
SIGNATURE_HEADER: Final = "X-Webhook-Signature"
WINDOW_SECONDS: Final = 300
"""How far their clock and ours may be apart, the way between us included; they name no figure."""
LONGEST_ID: Final = 128
"""Characters; theirs have 32."""
LONGEST_TIMESTAMP: Final = 12
NAMES: Final = ("taskId", "task_id")
"""They use both, inside `data` and beside it."""


def task_id(body: bytes) -> str | None:
    """The id of the task that a callback is about; None for a body that names none."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    inner = said.get("data")
    places = (inner, said) if isinstance(inner, dict) else (said,)
    named = (place.get(name) for place in places for name in NAMES)
    return next((one for one in named if _is_an_id(one)), None)


def is_signed(kie_id: str, *, timestamp: str | None, signature: str | None, key: SecretStr, now: int) -> bool:
    """Whether they signed this id, lately. `now` in milliseconds; takes as long for every wrong signature."""
    if timestamp is None or signature is None or not _is_recent(timestamp, now):
        return False
    message = f"{kie_id}.{timestamp}".encode()
    digest = hmac.digest(key.get_secret_value().encode(), message, hashlib.sha256)
    return hmac.compare_digest(base64.b64encode(digest), signature.encode("utf-8", "replace"))


def _is_an_id(value: object) -> bool:
    """Opaque, but fit for an address, a log and a row."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID and value.isascii() and value.isprintable()


def _is_recent(timestamp: str, now: int) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit()) or len(timestamp) > LONGEST_TIMESTAMP:
        return False
    return abs(int(timestamp) - now / 1000) <= WINDOW_SECONDS
