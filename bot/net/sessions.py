"""
Open HTTP sessions: through a proxy where HTTPS_PROXY is set, directly otherwise.

The proxy is used for https (and wss) to other machines. Addresses of the operator with plain http, and this machine,
are contacted directly. The proxy resolves names itself, so `PublicAddresses` then checks only the name of the proxy;
the lists of allowed hosts apply as before.
"""

from __future__ import annotations

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from yarl import URL

from bot.config import Settings, is_loopback
from bot.net.public_addresses import PublicAddresses


def open_session(settings: Settings) -> aiohttp.ClientSession:
    """Open the session for the image API, results and attachments. The session keeps no cookies and uses only the
    configured proxy. It resolves names only to public addresses, those of configured hosts to any; a host that is
    written as an IP address is not checked."""
    own = settings.discord_api_url, settings.kie_api_url, settings.kie_upload_url, settings.https_proxy
    resolver = PublicAddresses(*own, fake=settings.allow_fake_ips)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=resolver),
        cookie_jar=aiohttp.DummyCookieJar(),
        proxy=settings.https_proxy,
        middlewares=[_direct_where_plain] if settings.https_proxy else [],
    )


def discord_proxy(settings: Settings) -> str | None:
    """Return the proxy for discord.py's requests and its gateway; None for direct connections: without a proxy, or if
    DISCORD_API_URL has plain http or is this machine."""
    return settings.https_proxy if _is_outside(URL(settings.discord_api_url or "https://discord.com")) else None


async def _direct_where_plain(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    if not _is_outside(request.url):
        request.update_proxy(None, None, None)
    return await handler(request)


def _is_outside(url: URL) -> bool:
    return url.scheme in {"https", "wss"} and not is_loopback(str(url))
