"""The image API's response format (always HTTP 200, with the real status in `code`), and what all its forms refuse."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import EllipsisType
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler

TEXTS: Final[Mapping[int, str]] = {
    401: "Unauthorized – Authentication failed. Please check that your Authorization and Content-Type headers are "
    "correctly set.",
    402: "Credits insufficient : Your current balance isn’t enough to run this request. Please top up to continue.",
    422: "Your request parameters are not valid.",
    429: "Your call frequency is too high. Please try again later.",
    433: "The usage quota of this key is exceeded.",
    455: "The service is under maintenance. Please try again later.",
    500: "Server exception, please try again later.",
    550: "Connection was denied: the job queue is full.",
}
GATEWAY_PAGE: Final = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


class Refused(Exception):
    """A refusal with `code` and `message`; `data` is null, or absent for 401."""

    def __init__(self, code: int, message: str | None = None) -> None:
        super().__init__(code)
        self.code, self.message = code, message or TEXTS[code]


def answer(code: int, message: str, data: object = ...) -> web.Response:
    """Return a response envelope, without `data` unless it is given."""
    envelope: dict[str, object] = {"code": code, "msg": message}
    if not isinstance(data, EllipsisType):
        envelope["data"] = data
    body = json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()
    response = web.Response(body=body, headers={"Content-Type": "application/json;charset=UTF-8"})
    response.enable_compression()
    return response


def success(data: object) -> web.Response:
    return answer(200, "success", data)


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        return answer(refused.code, refused.message, ... if refused.code == 401 else None)


def check_key(request: web.Request, key: str | None) -> None:
    """Check the bearer token; without a `key` any token is accepted. Raises Refused (401)."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not token or (key is not None and token != key):
        raise Refused(401)


async def read_body(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.text())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(400, "The request body is not valid JSON")
    return body
