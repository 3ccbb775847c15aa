"""
Set the addresses of Discord; only this module changes discord.py's addresses.

discord.py keeps them in three class attributes (2.7: `http.Route.BASE`, `gateway.DiscordWebSocket.DEFAULT_GATEWAY`,
`asset.Asset.BASE`), so a change applies to the whole process.
"""

from __future__ import annotations

from typing import Final

from discord.asset import Asset
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

API: Final = "/api/v10"
OWN_API: Final = Route.BASE
OWN_GATEWAY: Final = DiscordWebSocket.DEFAULT_GATEWAY
OWN_ASSETS: Final = Asset.BASE


def point_discord_at(api_url: str | None, gateway_url: str | None) -> None:
    """
    Send the requests and connections of discord.py to these addresses; None means Discord's own address.

    discord.py connects to `gateway_url` only if the number of shards is set, or when a shard begins another session;
    else to the address that the API or the session names. `api_url` is without `/api/v10`. Asset addresses (avatars and
    the like) change, to `api_url`, only if both addresses are given: a proxy for requests alone does not serve assets.
    """
    Route.BASE = f"{api_url}{API}" if api_url else OWN_API
    DiscordWebSocket.DEFAULT_GATEWAY = URL(gateway_url) if gateway_url else OWN_GATEWAY
    Asset.BASE = api_url if api_url and gateway_url else OWN_ASSETS
