"""
End the process without Python's own shutdown.

At that point, everything is closed or abandoned. A thread of the picture store that is still running would abort
Python's shutdown with another exit code, and any other thread could delay the shutdown.
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
    """Flush the logs and the standard streams, then exit with `code`."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def end_within(seconds: float, code: int) -> None:
    """Return at once, and end the process with `code` after `seconds`, if it has not ended before, even if its event
    loop is blocked."""

    def give_up() -> None:
        log.warning("shutdown took too long: process ended with parts still open", seconds=seconds)
        end(code)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
