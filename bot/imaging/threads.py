"""Do picture work off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Final, ParamSpec, TypeVar

AT_ONCE: Final = 2
"""Calls that work at the same time: the largest WebP takes about 1 GiB while it is decoded."""


P = ParamSpec("P")
T = TypeVar("T")
_threads: Final = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pictures")


async def aside(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do one of these off the event loop, when there is room. In threads of their own: asyncio's are few, and host
    names are looked up there. What is logged there belongs to the same task."""
    in_context = partial(copy_context().run, work, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_threads, in_context)
