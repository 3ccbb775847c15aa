"""The image API calls back: whoever it is proves it, and the engine hears of which task. Nothing is fetched here."""

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
LARGEST_BODY: Final = 64 * 1024
"""Bytes; a callback has a few hundred."""
READ_SECONDS: Final = 10.0
"""They give up after 15."""

log = structlog.get_logger(__name__)


def callback_routes(engine: Engine, key: SecretStr, clock: Callable[[], int] = system_clock) -> list[web.RouteDef]:
    """`key` signs callbacks; `clock` in milliseconds. The path holds a secret: it belongs in no access log."""
    warned = False

    def not_signed() -> web.HTTPUnauthorized:
        nonlocal warned
        if not warned:
            log.warning(
                "a callback was not signed rightly: compare KIE_WEBHOOK_KEY with the key at kie.ai/settings, and see "
                "that this machine's clock is right; if both are, somebody else sent it. Said once"
            )
            warned = True
        return web.HTTPUnauthorized()

    def is_signed(kie_id: str, headers: Mapping[str, str]) -> bool:
        """By this machine's clock, or by the engine's, which goes on rightly while this machine's is wrong."""
        return any(
            callbacks.is_signed(
                kie_id,
                timestamp=headers.get(callbacks.TIMESTAMP_HEADER),
                signature=headers.get(callbacks.SIGNATURE_HEADER),
                key=key,
                now=now,
            )
            for now in (clock(), engine.clock())
        )

    async def called_back(request: web.Request) -> web.Response:
        """200 also for what is known already. They try again, up to three times, after anything else."""
        kie_id = callbacks.task_id(await _body(request))
        if kie_id is None:
            raise web.HTTPBadRequest
        if not is_signed(kie_id, request.headers):
            raise not_signed()
        if not await _heard(engine, request.match_info["token"], kie_id):
            raise web.HTTPNotFound
        return web.json_response({"code": 200, "msg": "success"})

    return [web.post(PATH, called_back)]


async def _body(request: web.Request) -> bytes:
    """Raises HTTPRequestEntityTooLarge, HTTPBadRequest for one that is not a body, HTTPRequestTimeout."""
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


async def _heard(engine: Engine, token: str, kie_id: str) -> bool:
    """Raises HTTPServiceUnavailable when it could not be written down: then they try again."""
    try:
        return await engine.called_back(token, kie_id)
    except Exception:
        log.exception("a callback could not be written down", kie_id=kie_id)
        raise web.HTTPServiceUnavailable from None
