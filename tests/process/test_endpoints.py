"""Test where discord.py sends its requests."""

from __future__ import annotations

import pytest
from discord.asset import Asset
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.endpoints import point_discord_at

pytestmark = pytest.mark.usefixtures("discord_as_it_was")


def test_requests_and_connections_go_where_they_are_pointed() -> None:
    point_discord_at("http://127.0.0.1:1", "ws://127.0.0.1:2")
    assert Route("GET", "/users/@me").url == "http://127.0.0.1:1/api/v10/users/@me"
    assert str(DiscordWebSocket.DEFAULT_GATEWAY).rstrip("/") == "ws://127.0.0.1:2"
    assert Asset.BASE == "http://127.0.0.1:1"


def test_a_proxy_for_requests_leaves_the_rest_with_discord() -> None:
    point_discord_at("http://127.0.0.1:1", None)
    assert DiscordWebSocket.DEFAULT_GATEWAY.host == "gateway.discord.gg"
    assert Asset.BASE == "https://cdn.discordapp.com"


def test_without_addresses_all_is_discords_own_again() -> None:
    point_discord_at("http://127.0.0.1:1", "ws://127.0.0.1:2")
    point_discord_at(None, None)
    assert Route("GET", "/users/@me").url == "https://discord.com/api/v10/users/@me"
    assert DiscordWebSocket.DEFAULT_GATEWAY.host == "gateway.discord.gg"
