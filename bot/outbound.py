"""
The way out: through a proxy where one is set (HTTPS_PROXY), directly otherwise.

The proxy is asked for what goes over https (or wss) to other machines. What the operator's own addresses name over
plain http, and this machine, is reached directly. Through a proxy, names are resolved there, so `PublicAddresses`
judges nothing but the name of the proxy; the lists of allowed hosts hold as before.
"""

from __future__ import annotations

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from yarl import URL

from bot.addresses import PublicAddresses
from bot.config import Settings, is_loopback


def open_session(settings: Settings) -> aiohttp.ClientSession:
    """For the image API, results and attachments. Keeps no cookies, uses no proxy but the one that is set, and meets
    only what is public or set."""
    own = settings.discord_api_url, settings.kie_api_url, settings.kie_upload_url, settings.https_proxy
    resolver = PublicAddresses(*own, fake=settings.allow_fake_ips)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=resolver),
        cookie_jar=aiohttp.DummyCookieJar(),
        proxy=settings.https_proxy,
        middlewares=[_direct_where_plain] if settings.https_proxy else [],
    )


def discord_proxy(settings: Settings) -> str | None:
    """What discord.py is given, for its requests and its gateway together."""
    return settings.https_proxy if _is_outside(URL(settings.discord_api_url or "https://discord.com")) else None


async def _direct_where_plain(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    if not _is_outside(request.url):
        request.update_proxy(None, None, None)
    return await handler(request)


def _is_outside(url: URL) -> bool:
    return url.scheme in {"https", "wss"} and not is_loopback(str(url))
