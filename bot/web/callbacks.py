"""Receive callbacks of the image API: verify the signature and pass token and job_id to the engine. Downloads
nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import structlog
from aiohttp import web
from pydantic import SecretStr

from bot.config import CALLBACK_PATH
from bot.engine.clock import system_clock
from bot.engine.engine import Engine
from bot.kie import callbacks

PATH: Final = f"{CALLBACK_PATH}{{token}}"
LARGEST_BODY: Final = 512 * 1024
"""Bytes. Most callbacks have a few hundred; that of a job repeats the prompt twice, as JSON text in JSON text, which
takes up to 18 bytes for each character."""
READ_SECONDS: Final = 10.0
"""The image API gives up after 15 s."""

log = structlog.get_logger(__name__)


def callback_routes(engine: Engine, key: SecretStr, clock: Callable[[], int] = system_clock) -> list[web.RouteDef]:
    """Return the route for callbacks. `key` verifies signatures; `clock` is in milliseconds. The path contains a
    secret token and must not appear in an access log."""
    warned = False

    def not_signed() -> web.HTTPUnauthorized:
        nonlocal warned
        if not warned:
            log.warning(
                "callback refused: signature missing, wrong or too old. Compare KIE_WEBHOOK_KEY with the key at "
                "kie.ai/settings, and check this machine's clock; if both are right, the sender was probably not the "
                "image API. Logged once"
            )
            warned = True
        return web.HTTPUnauthorized()

    def is_signed(job_id: str, headers: Mapping[str, str]) -> bool:
        """Accept a signature by this machine's clock or by the engine's, which stays right while this machine's clock
        is wrong."""
        return any(
            callbacks.is_signed(
                job_id,
                timestamp=headers.get(callbacks.TIMESTAMP_HEADER),
                signature=headers.get(callbacks.SIGNATURE_HEADER),
                key=key,
                now=now,
            )
            for now in (clock(), engine.clock())
        )

    async def called_back(request: web.Request) -> web.Response:
        """Answer 200 also for a callback that is known already. The API retries up to three times after any other
        answer."""
        job_id = callbacks.job_id_of(await _body(request))
        if job_id is None:
            raise web.HTTPBadRequest
        if not is_signed(job_id, request.headers):
            raise not_signed()
        if not await _heard(engine, request.match_info["token"], job_id):
            raise web.HTTPNotFound
        return web.json_response({"code": 200, "msg": "success"})

    return [web.post(PATH, called_back)]


async def _body(request: web.Request) -> bytes:
    """Return the body. Raises HTTPRequestEntityTooLarge above `LARGEST_BODY`, HTTPBadRequest for a malformed body,
    HTTPRequestTimeout after `READ_SECONDS`."""
    size = request.content_length or 0
    try:
        async with asyncio.timeout(READ_SECONDS):
            if size <= LARGEST_BODY:
                await request.content.readexactly(LARGEST_BODY + 1)
    except asyncio.IncompleteReadError as whole:
        return whole.partial
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (web.RequestPayloadError, ValueError):
        raise web.HTTPBadRequest from None
    raise web.HTTPRequestEntityTooLarge(LARGEST_BODY, max(size, LARGEST_BODY + 1))


async def _heard(engine: Engine, token: str, job_id: str) -> bool:
    """Pass a callback to the engine. Return False if no create has the token, True if one has, also for a repeated
    callback. Raises HTTPServiceUnavailable after any exception, so that the API retries."""
    try:
        return await engine.called_back(token, job_id)
    except Exception:
        log.exception(
            "callback perhaps not stored: unexpected exception, answered with 503, on which the image API retries up "
            "to three times",
            job_id=job_id,
        )
        raise web.HTTPServiceUnavailable from None
