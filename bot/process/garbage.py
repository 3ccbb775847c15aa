"""
Leave what is loaded at the start out of garbage collection.

The collector runs after so many new objects, and a full collection visits every object of the process. While modules
are imported, nothing becomes garbage and a tenth of the time is spent on collections; afterwards, each full collection
would visit more than a hundred thousand objects that stay, while the event loop waits.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """Do not collect garbage until the end of the block, which must be short: it imports modules, say."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def keep_what_is_loaded() -> None:
    """Exempt all objects that exist now from garbage collection, for the rest of the process."""
    gc.freeze()
