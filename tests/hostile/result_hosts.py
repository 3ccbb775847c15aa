"""What a result host, or a proxy in front of it, may answer in place of a finished picture."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from tests.faults.image_api_world import breaks_off, breaks_off_after, gives, stalls
from tests.wire.traps import Action, page
from tests.worlds.engine_world import png

PICTURE: Final = png("navy", (64, 64))
INTERSTITIAL: Final = (
    "<!DOCTYPE html><title>Just a moment...</title><script src='/cdn-cgi/challenge-platform/x.js'></script>"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    action: Action
    asks: int = 1
    """How many requests one fetch makes."""
    patient: bool = True
    """False if the request takes as long as the client's timeout."""


async def leads_to_itself(request: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": str(request.url)})


def moved(address: str) -> Action:
    return gives("", 302, Location=address)


ANSWERS: Final[Mapping[str, Case]] = {
    "400": Case(action=page(400, "Bad Request")),
    "401": Case(action=page(401, "Unauthorized")),
    "403": Case(action=page(403, "Forbidden")),
    "403 with Cloudflare's error 1010": Case(action=gives("error code: 1010", 403, "text/plain")),
    "404": Case(action=page(404, "Not Found")),
    "408": Case(action=page(408, "Timeout")),
    "410": Case(action=page(410, "Gone")),
    "429": Case(action=page(429, "Slow down")),
    "429 until tomorrow": Case(action=gives("", 429, "text/plain", Retry_After="86400")),
    "451": Case(action=page(451, "Unavailable")),
    "500": Case(action=page(500, "Oops")),
    "503": Case(action=page(503, "Later")),
    "503 with a challenge": Case(action=page(503, INTERSTITIAL)),
    "204": Case(action=gives(b"", 204, "image/png")),
    "206": Case(action=gives(PICTURE[:40], 206, "image/png")),
    "304": Case(action=gives(b"", 304, "image/png")),
    "a page at 200": Case(action=page(200, "<h1>Log in</h1>")),
    "a challenge at 200": Case(action=page(200, INTERSTITIAL)),
    "a page that calls itself a picture": Case(action=gives(INTERSTITIAL, kind="image/png")),
    "a text": Case(action=gives("not a picture", kind="text/plain")),
    "JSON": Case(action=gives('{"code":404}')),
    "not one byte": Case(action=gives(b"", kind="image/png")),
    "a text that calls itself a picture": Case(action=gives("not a picture", kind="image/png")),
    "an SVG": Case(action=gives("<svg xmlns='http://www.w3.org/2000/svg'/>", kind="image/svg+xml")),
    "a zipped picture": Case(action=gives(gzip.compress(PICTURE), kind="image/png")),
    "half of it, rightly announced": Case(action=gives(PICTURE[: len(PICTURE) // 2], kind="image/png")),
    "a picture cut short": Case(action=breaks_off_after(PICTURE[:40], len(PICTURE), "image/png")),
    "broken off": Case(action=breaks_off, asks=2),  # aiohttp itself retries once
    "silence": Case(action=stalls(), patient=False),
    "silence halfway": Case(action=stalls(PICTURE[:40], len(PICTURE), "image/png"), patient=False),
    "moved to an allowed host without TLS": Case(action=moved("http://results.test/a.png")),
    "moved to this machine": Case(action=moved("http://127.0.0.1:22/")),
    "moved to the cloud's own address": Case(action=moved("http://169.254.169.254/latest/meta-data/")),
    "moved to a file": Case(action=moved("file:///etc/passwd")),
    "moved to somebody with a password": Case(action=moved("https://user:secret@elsewhere.test/a.png")),
    "moved to nowhere": Case(action=moved("https://[/")),
    "moved for ever": Case(action=leads_to_itself, asks=6),
}
"""Each is temporary: the picture may be available at the next attempt."""

NOT_ALLOWED: Final[Mapping[str, tuple[str, Case]]] = {
    "another host": ("elsewhere.test", Case(action=moved("https://elsewhere.test/a.png"))),
    "a host that ends alike": ("evilresults.test", Case(action=moved("https://evilresults.test/a.png"))),
    "a host that begins alike": ("results.test.evil.test", Case(action=moved("https://results.test.evil.test/a.png"))),
}
"""Redirects, by their host, to hosts that a setting could allow; the operator is informed of these hosts."""
