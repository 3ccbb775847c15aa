"""Distribute the pictures of an outcome over messages."""

from __future__ import annotations

from collections.abc import Sequence

from bot.discord_limits import BYTES_PER_MESSAGE, FILES_PER_MESSAGE


def pack(sizes: Sequence[tuple[int, int]], *, first_takes: int = FILES_PER_MESSAGE) -> list[tuple[int, ...]]:
    """Fill messages with the pictures, given as (position, bytes), in order; return the positions per message. A
    message takes `FILES_PER_MESSAGE` files (the first one `first_takes`) and `BYTES_PER_MESSAGE` bytes, or one larger
    picture. There is always a first message; later messages are never empty."""
    packs: list[tuple[int, ...]] = []
    current: list[int] = []
    weight = 0
    for position, size in sizes:
        most = FILES_PER_MESSAGE if packs else first_takes
        if current and (len(current) >= most or weight + size > BYTES_PER_MESSAGE):
            packs.append(tuple(current))
            current, weight = [], 0
        current.append(position)
        weight += size
    return [*packs, tuple(current)]
