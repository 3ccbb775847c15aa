"""
Memory of pictures goes back to the system as soon as it is let go of.

glibc raises the size from which it asks the system for a block of its own with each such block that is freed, up to
32 MiB; after the first picture all others would be cut from its heaps, one per thread, which keep what is freed.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import Final

BLOCK_OF_ITS_OWN: Final = 1024 * 1024
"""Bytes, from which on. Asking the system for smaller ones would cost more than it saves."""
_M_MMAP_THRESHOLD: Final = -3
"""malloc.h of glibc. Set by hand, it stays."""


def give_back_what_is_freed() -> None:
    """For the whole process. Where the C library has no such setting, nothing happens."""
    with suppress(AttributeError, OSError, TypeError):  # another library; none that can be named (Windows)
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, BLOCK_OF_ITS_OWN)
