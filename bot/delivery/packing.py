"""Which pictures go in which message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

FILES_PER_MESSAGE: Final = 10
"""Discord."""
BYTES_PER_MESSAGE: Final = 24 * 1024 * 1024
"""Discord takes 25 MiB per request; a part of it is for what is not files."""


def pack(sizes: Sequence[tuple[int, int]], *, first_takes: int = FILES_PER_MESSAGE) -> list[tuple[int, ...]]:
    """Pictures as (position, bytes), in order, into messages of as many as fit; `first_takes` files in the first. At
    least one message, and never an empty one behind it."""
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
