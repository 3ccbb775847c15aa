"""A test's processes end with the test, and log their stacks when they do not end in time."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from tests.wire.discord import LoopbackDiscord
from tests.wire.process import ROOT, Bot, mortal

STARTS_ANOTHER = """
import subprocess, sys, time
from tests.wire.process import mortal
subprocess.Popen(mortal(sys.executable, "-c", "import time; print('alive', flush=True); time.sleep(60)"))
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a signal at the parent's death is Linux's")
async def test_what_a_test_started_dies_with_the_test_however_that_dies() -> None:
    parent = await asyncio.create_subprocess_exec(
        *[sys.executable, "-c", STARTS_ANOTHER], stdout=PIPE, env={"PYTHONPATH": str(ROOT)}
    )
    assert parent.stdout is not None
    async with asyncio.timeout(20):
        assert await parent.stdout.readline() == b"alive\n"
        parent.kill()
        assert await parent.stdout.read() == b""  # both processes hold the other end of this pipe
        await parent.wait()


async def test_a_process_that_does_not_end_in_time_says_what_it_was_at(
    tmp_path: Path, discord: LoopbackDiscord
) -> None:
    sleeps = "import time\ndef too_long():\n    time.sleep(60)\nprint('alive', flush=True)\ntoo_long()"
    with (tmp_path / "bot.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *mortal(sys.executable, "-c", sleeps),
            stdout=log,
            stderr=STDOUT,
            env=os.environ | {"PYTHONFAULTHANDLER": "1"},
        )
    late = Bot(process=process, discord=discord, log=tmp_path / "bot.log", begun=0)
    async with asyncio.timeout(20):
        while "alive" not in late.said():  # noqa: ASYNC110  # another process has no event to wait for
            await asyncio.sleep(0.01)
    with pytest.raises(TimeoutError):
        await late.ended(0.1)
    assert "in too_long" in late.said()
