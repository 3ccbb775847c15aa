"""Derive the component id by which a search finds a message of the bot."""

from __future__ import annotations

import hashlib


def component_id(nonce: str) -> int:
    """Return a component id for the nonce: 31 bits, always the same, never 0."""
    digest = hashlib.blake2b(nonce.encode(), digest_size=4).digest()
    return int.from_bytes(digest) & 0x7FFFFFFF or 1
