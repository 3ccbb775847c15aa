"""Discord's error codes with their status and message, as exceptions for handlers and as actions for traps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from tests.wire.traps import Action, page, says

REFUSALS: Mapping[int, tuple[int, str]] = {
    0: (401, "401: Unauthorized"),
    10003: (404, "Unknown Channel"),
    10004: (404, "Unknown Guild"),
    10008: (404, "Unknown Message"),
    10013: (404, "Unknown User"),
    10015: (404, "Unknown Webhook"),
    10062: (404, "Unknown interaction"),
    20028: (429, "The write action you are performing on the channel has hit the write rate limit."),
    40001: (401, "Unauthorized"),
    40005: (413, "Request entity too large"),
    40060: (400, "Interaction has already been acknowledged."),
    40094: (400, "This interaction has reached the maximum number of follow up messages"),
    50001: (403, "Missing Access"),
    50005: (403, "Cannot edit a message authored by another user"),
    50006: (400, "Cannot send an empty message"),
    50007: (403, "Cannot send messages to this user"),
    50008: (400, "Cannot send messages in a non-text channel"),
    50013: (403, "Missing Permissions"),
    50024: (400, "Cannot execute action on this channel type"),
    50027: (401, "Invalid Webhook Token"),
    50033: (400, "Invalid Recipient(s)"),
    50035: (400, "Invalid Form Body"),
    50045: (400, "File uploaded exceeds the maximum size"),
    50083: (400, "Thread is archived"),
    50109: (400, "The request body contains invalid JSON."),
    50278: (403, "Cannot send messages to this user due to having no mutual guilds"),
    130000: (503, "API resource is currently overloaded. Try again a little later."),
    160005: (400, "Thread is locked"),
    200000: (400, "Message was blocked by automatic moderation"),
    240000: (400, "Message blocked by harmful links filter"),
}
"""Code: (HTTP status, message)."""


class Refused(Exception):
    """A handler's error response; `errors` says which fields are wrong."""

    def __init__(self, code: int, *, errors: Mapping[str, Any] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.errors = errors

    def response(self) -> web.Response:
        status, message = REFUSALS[self.code]
        body = {"message": message, "code": self.code} | ({"errors": self.errors} if self.errors else {})
        return answer(body, status=status)


def invalid(where: str, code: str, message: str) -> Refused:
    """Return error 50035; `where` is the field's path, such as `components.0.content`."""
    errors: dict[str, Any] = {"_errors": [{"code": code, "message": message}]}
    for name in reversed(where.split(".")):
        errors = {name: errors}
    return Refused(50035, errors=errors)


def answer(body: object, *, status: int = 200) -> web.Response:
    """
    Return a JSON response with exactly `application/json`: with a charset behind it discord.py does not parse the
    JSON.
    """
    return web.Response(body=json.dumps(body).encode(), status=status, headers={"Content-Type": "application/json"})


def refusal(code: int) -> Action:
    """Return a trap's action that refuses as Discord does with this code. 0 is the plain 401."""
    status, message = REFUSALS[code]
    return says(status, {"message": message, "code": code})


def throttled(retry_after: float, *, scope: str = "user") -> Action:
    """Return a trap's action that answers 429. `scope`: user, shared or global."""
    body = {"message": "You are being rate limited.", "retry_after": retry_after, "global": scope == "global"}
    headers = {"Via": "1.1 google", "Retry_After": str(retry_after), "X_RateLimit_Scope": scope}
    return says(429, body, **headers, **({"X_RateLimit_Global": "true"} if scope == "global" else {}))


banned: Action = page(429, "<!doctype html><title>Access denied</title>You are being blocked (1015)")
"""A trap's action: the ban by the proxy in front of Discord, without `Via`."""
