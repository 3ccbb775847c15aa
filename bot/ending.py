"""
The end of the process, without Python's own shutdown.

Everything is closed by then, or is given up; a thread of the picture store's that is still awake would abort Python's
shutdown, with another exit code than ours, and any other thread could hold it up.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import NoReturn

import structlog

log = structlog.get_logger(__name__)


def end(code: int) -> NoReturn:
    """What was logged and printed is out before."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def end_within(seconds: float, code: int) -> None:
    """End the process by then, if it has not ended by itself, even if its event loop stands still."""

    def give_up() -> None:
        log.warning("stopping took too long; what was left is given up", seconds=seconds)
        end(code)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
