"""Waiting for what happens in rows or in another process, where there is nothing to be woken by."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

LONGEST_SECONDS = 60.0

T = TypeVar("T")


async def eventually(ask: Callable[[], Awaitable[T]]) -> T:
    """The first answer that says something."""
    async with asyncio.timeout(LONGEST_SECONDS):
        while not (answer := await ask()):  # noqa: ASYNC110  # nothing there to be woken by
            await asyncio.sleep(0.01)
    return answer
