"""Tests for how long a shard waits before it connects to Discord again."""

from __future__ import annotations

import time
from typing import Any

import discord
import pytest

import bot.client  # noqa: F401  # sets the delay of all shards


def test_a_shard_is_never_away_for_long_however_many_attempts_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    client = discord.AutoShardedClient(intents=discord.Intents.none())
    client._reconnect = True  # as `connect` sets it
    nothing: Any = None
    delay = discord.shard.Shard(nothing, client, nothing)._backoff.delay
    assert [delay() <= 2**attempt for attempt in (1, 2, 3, 4, 5, 6, 7)] == [True] * 7
    later = [delay() for _ in range(200)]
    assert 128 < max(later) <= 256
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 301)
    assert delay() <= 2
    monkeypatch.undo()
