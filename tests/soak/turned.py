"""`python -m tests.soak.turned`: run the bot with a machine's clock that the file `clock` (milliseconds) turns."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

FILE: Final = Path("clock")
LOOK_SECONDS: Final = 0.2

_right = time.time_ns
_turned = {"by": 0, "read": 0.0}


def time_ns() -> int:
    if time.monotonic() - _turned["read"] >= LOOK_SECONDS:
        _turned["read"] = time.monotonic()
        with suppress(OSError, ValueError):
            _turned["by"] = int(FILE.read_text()) * 1_000_000
    return _right() + int(_turned["by"])


if __name__ == "__main__":
    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9

    from bot.cli import main
    from bot.process.shutdown import end
    from storage.private_files import PRIVATE_UMASK

    os.umask(PRIVATE_UMASK)
    end(main(["run"]))
