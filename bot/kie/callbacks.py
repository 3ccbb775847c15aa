"""
Verify callbacks of the image API and read the id of the job (the API's "task") that they are about.

The signature covers that id and a time, not the body, so nothing else in the body is trusted or read.
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
"""Largest difference between the signed time and this machine's clock, including transmission. The API documents no
figure."""
LONGEST_ID: Final = 128
"""Characters; ids of the API have 32."""
LONGEST_TIMESTAMP: Final = 12
NAMES: Final = ("taskId", "task_id")
"""The API uses both spellings, inside `data` and beside it."""


def job_id_of(body: bytes) -> str | None:
    """Return the id of the job that a callback is about, which the API calls `taskId`; None for a body without a valid
    id."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(payload, dict):
        return None
    inner = payload.get("data")
    places = (inner, payload) if isinstance(inner, dict) else (payload,)
    named = (place.get(name) for place in places for name in NAMES)
    return next((candidate for candidate in named if _is_an_id(candidate)), None)


def is_signed(job_id: str, *, timestamp: str | None, signature: str | None, key: SecretStr, now: int) -> bool:
    """Return whether the API signed this id within `WINDOW_SECONDS` of `now` (milliseconds). The time to reject a
    wrong signature does not depend on the signature."""
    if timestamp is None or signature is None or not _is_recent(timestamp, now):
        return False
    message = f"{job_id}.{timestamp}".encode()
    digest = hmac.digest(key.get_secret_value().encode(), message, hashlib.sha256)
    return hmac.compare_digest(base64.b64encode(digest), signature.encode("utf-8", "replace"))


def _is_an_id(value: object) -> bool:
    """Accept any id that is short enough and printable ASCII, so that it fits into an address, a log and a row."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID and value.isascii() and value.isprintable()


def _is_recent(timestamp: str, now: int) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit()) or len(timestamp) > LONGEST_TIMESTAMP:
        return False
    return abs(int(timestamp) - now / 1000) <= WINDOW_SECONDS
