"""Tests that freed memory is returned to the operating system."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
MIB = 2**20
SCRIPT = f"""
from benchmarks.results import resident_mib
from bot.process.malloc import give_back_what_is_freed
{{call}}
del [bytes(16 * {MIB})][:]  # from here on glibc would cut blocks of this size from its heap
held = [bytearray(b"x") * (8 * {MIB}) for _ in range(12)]
above = bytearray(100_000)  # what lies above them keeps the heap from shrinking
del held
print(resident_mib())
"""


def resident(call: str) -> float:
    done = subprocess.run(  # noqa: S603  # own code
        [sys.executable, "-c", SCRIPT.replace("{call}", call)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="of glibc")
def test_the_bytes_of_pictures_go_back_to_the_system() -> None:
    assert resident("") - resident("give_back_what_is_freed()") > 48
