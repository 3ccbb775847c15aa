"""The world of the engine's tests: a stand-in for Discord and for the image API, and a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.worlds.engine_world import EngineWorld, open_engine_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[EngineWorld]:
    async with open_engine_world(tmp_path) as opened:
        yield opened
