"""
Make malloc return the memory of pictures to the system as soon as the memory is freed.

glibc takes blocks above a threshold directly from the system. With each such block that is freed, glibc raises the
threshold to the block's size, up to 32 MiB. After the first picture, the memory of all others would therefore come
from glibc's heaps, one per thread, which keep freed memory.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import Final

BLOCK_OF_ITS_OWN: Final = 1024 * 1024
"""Bytes; larger blocks come directly from the system. For smaller blocks, the system calls would cost more than they
save."""
_M_MMAP_THRESHOLD: Final = -3
"""From malloc.h of glibc. A threshold that is set explicitly stays constant."""


def give_back_what_is_freed() -> None:
    """Set the threshold for the whole process. Does nothing where the C library has no such setting."""
    with suppress(AttributeError, OSError, TypeError):  # another C library, or Windows
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, BLOCK_OF_ITS_OWN)
