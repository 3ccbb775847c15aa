"""Run `python -m sandbox` as a user does: a process, its address, and Ctrl-C."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
LONGEST_SECONDS: Final = 120.0
"""A sandbox that takes longer is killed, and the test sees its end."""


@contextmanager
def sandbox(folder: Path, *arguments: str) -> Iterator[str]:
    """Yield the printed address. Afterwards Ctrl-C must stop the sandbox cleanly."""
    errors = folder / "errors.txt"
    with errors.open("w") as stream, _started(arguments, stream.fileno()) as process:
        assert process.stdout is not None
        address = next((found[0] for line in process.stdout if (found := re.search(r"http://\S+", line))), None)
        assert address is not None, errors.read_text()
        try:
            yield address
        finally:
            process.send_signal(signal.SIGINT)
            process.stdout.read()
            code = process.wait()
    assert code == 0, errors.read_text()
    assert "Traceback" not in errors.read_text()


@contextmanager
def _started(arguments: tuple[str, ...], errors: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "sandbox", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)  # noqa: S603  # ours
    watch = threading.Timer(LONGEST_SECONDS, process.kill)
    watch.start()
    try:
        with process:
            yield process
    finally:
        watch.cancel()
