"""Wait for changes in rows or in another process, where there is no event to wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

LONGEST_SECONDS = 60.0

T = TypeVar("T")


async def eventually(ask: Callable[[], Awaitable[T]]) -> T:
    """Poll until the answer is true, and return it. Raises TimeoutError after `LONGEST_SECONDS`."""
    async with asyncio.timeout(LONGEST_SECONDS):
        while not (answer := await ask()):  # noqa: ASYNC110  # there is no event to wait for
            await asyncio.sleep(0.01)
    return answer
