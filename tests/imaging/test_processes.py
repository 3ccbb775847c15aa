"""Tests for the child processes that decode attached pictures: a child that fails costs one picture only."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.errors import BadReference, Reason
from bot.imaging import process
from bot.imaging import processes as module
from bot.imaging.cost import MIB, Cost
from bot.imaging.fitting import Fitted
from bot.imaging.jobs import LONGEST_LINE, Job, ProtocolError, answer_of, made_of, receive
from bot.imaging.picture_info import PictureInfo, Unreadable
from bot.imaging.processes import WorkerProcesses
from tests.imaging.picture_files import file_of, noise, painted
from tests.worlds.waiting import eventually

ROOT = Path(__file__).parent.parent.parent
PHOTO = file_of(painted())
LOOK = PictureInfo(content_type="image/png", width=60, height=40)
CHEAP = Cost(MIB, 0.01)

SHORT = Job("look_at_result", [PHOTO])
LONG = Job("fit", [file_of(noise(1800, 1200), compress_level=0)], {"limit": 6_000_000})
"""A job that takes more than half a second of processor time on a machine of 2026."""


@pytest.fixture
async def children() -> AsyncIterator[WorkerProcesses]:
    async with WorkerProcesses.open() as opened:
        yield opened


def processes(children: WorkerProcesses) -> list[int]:
    return [child.process.pid for child in children.all if child.process is not None and child.process.poll() is None]


def hundredths_at_work(number: int) -> int:
    """Return the processor time of a process (1/100 s). To start takes less than 30."""
    status = of_process(number, "stat").decode()
    return int(status.rsplit(")", 1)[1].split()[11])


def of_process(number: int, name: str) -> bytes:
    """Read `/proc/<number>/<name>`. Return b"" if the process has ended."""
    try:
        return Path(f"/proc/{number}/{name}").read_bytes()
    except OSError:
        return b""


async def until_begun(children: WorkerProcesses) -> int:
    """Wait until a child process is working on a job. Return its process id."""

    async def busy() -> int | None:
        return next((number for number in processes(children) if hundredths_at_work(number) > 30), None)

    number = await eventually(busy)
    assert number is not None
    return number


# -- same results as the functions -------------------------------------------------------------------------------------
async def test_a_child_makes_what_the_functions_make(children: WorkerProcesses) -> None:
    assert await children.do(SHORT, CHEAP) == LOOK
    jpeg = file_of(painted(400, 300), "JPEG")
    for job in (
        Job("thumbnail", [jpeg]),
        Job("strip", [jpeg, jpeg]),
        Job("as_png", [jpeg]),
        Job("fit", [file_of(noise(300, 300))], {"limit": 100_000}),
    ):
        assert await children.do(job, Cost(32 * MIB, 1)) == job.do()


async def test_a_refusal_comes_with_its_reason(children: WorkerProcesses) -> None:
    with pytest.raises(BadReference) as refused:
        await children.do(Job("plain_copy", [b"<svg/>"], {"filename": "a.jpg"}), CHEAP)
    assert refused.value.reason is Reason.REFERENCE_FORMAT
    assert refused.value.parameters == {"filename": "a.jpg", "format": "SVG"}
    with pytest.raises(Unreadable) as unreadable:
        await children.do(Job("thumbnail", [PHOTO[:-40]]), CHEAP)
    assert unreadable.value.reason is Reason.REFERENCE_BROKEN


async def test_a_process_is_begun_when_it_is_needed_and_used_again(children: WorkerProcesses) -> None:
    assert processes(children) == []
    await children.do(SHORT, CHEAP)
    first = processes(children)
    for _ in range(5):
        await children.do(SHORT, CHEAP)
    assert processes(children) == first
    assert len(first) == 1


async def test_after_so_many_jobs_a_new_process_takes_its_place(
    children: WorkerProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "JOBS_EACH", 2)
    seen = set()
    for _ in range(4):
        assert await children.do(SHORT, CHEAP) == LOOK
        seen.update(processes(children))
    assert len(seen) == 2


# -- limits ------------------------------------------------------------------------------------------------------------
@pytest.mark.skipif(process.resource is None, reason="no limits there")
@pytest.mark.sweep
async def test_more_memory_than_was_expected_is_not_to_be_had(children: WorkerProcesses) -> None:
    large = Job("as_png", [file_of(painted(5000, 4800), "JPEG")])
    with pytest.raises(Unreadable) as refused:
        await children.do(large, Cost(0, 5))
    assert refused.value.reason is Reason.REFERENCE_TOO_COMPLEX
    assert await children.do(SHORT, CHEAP) == LOOK
    assert isinstance(await children.do(large, Cost(160 * MIB, 5)), bytes)


@pytest.mark.skipif(process.resource is None, reason="no limits there")
@pytest.mark.sweep
async def test_more_time_than_was_expected_is_not_to_be_had(children: WorkerProcesses) -> None:
    """The limit is below the time that the process has spent already, so that it ends a job of any length."""
    await children.do(SHORT, CHEAP)
    (number,) = processes(children)
    while hundredths_at_work(number) <= 100:
        await children.do(LONG, Cost(100 * MIB, 10))
    assert processes(children) == [number]
    with capture_logs() as logs, pytest.raises(Unreadable) as refused:
        await children.do(LONG, Cost(100 * MIB, -(process.SPARE_SECONDS + 1) / process.HURRY))
    assert refused.value.reason is Reason.REFERENCE_TOO_COMPLEX
    assert [entry["status"] for entry in logs] == [-signal.SIGXCPU]
    assert await children.do(SHORT, CHEAP) == LOOK


async def test_the_bot_waits_for_no_picture_for_ever(
    children: WorkerProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    await children.do(SHORT, CHEAP)  # so that the process runs when the deadline begins
    monkeypatch.setattr(module, "DEADLINE_SECONDS", 0.1)
    with capture_logs() as logs, pytest.raises(Unreadable):
        await children.do(LONG, Cost(100 * MIB, 0))
    monkeypatch.undo()
    assert [(entry["log_level"], entry["event"]) for entry in logs] == [
        ("warning", "picture job failed: deadline passed, child process killed, picture counts as too complex")
    ]
    assert await children.do(SHORT, CHEAP) == LOOK


# -- processes that end ------------------------------------------------------------------------------------------------
async def test_a_process_that_dies_costs_the_picture_that_it_was_at_alone(children: WorkerProcesses) -> None:
    long = asyncio.create_task(children.do(LONG, Cost(100 * MIB, 10)))
    victim = await until_begun(children)
    other = asyncio.create_task(children.do(SHORT, CHEAP))
    os.kill(victim, signal.SIGKILL)
    with capture_logs() as logs, pytest.raises(Unreadable) as refused:
        await long
    assert refused.value.reason is Reason.REFERENCE_TOO_COMPLEX
    assert [(entry["log_level"], entry["status"]) for entry in logs] == [("warning", -signal.SIGKILL)]
    assert await other == LOOK
    assert await children.do(SHORT, CHEAP) == LOOK


async def test_a_process_that_died_between_two_jobs_costs_nothing(children: WorkerProcesses) -> None:
    await children.do(SHORT, CHEAP)
    (number,) = processes(children)
    os.kill(number, signal.SIGKILL)

    async def ended() -> bool:
        return not processes(children)

    await eventually(ended)
    assert await children.do(SHORT, CHEAP) == LOOK


async def test_who_no_longer_wants_it_leaves_no_process_at_work(children: WorkerProcesses) -> None:
    long = asyncio.create_task(children.do(LONG, Cost(100 * MIB, 10)))
    await until_begun(children)
    long.cancel()
    with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        await long
    assert [entry["log_level"] for entry in logs] == ["debug"]
    assert processes(children) == []
    assert await children.do(SHORT, CHEAP) == LOOK


@pytest.mark.sweep
async def test_a_signal_to_stop_does_not_end_it_before_its_answer(children: WorkerProcesses) -> None:
    long = asyncio.create_task(children.do(LONG, Cost(100 * MIB, 10)))
    number = await until_begun(children)
    os.kill(number, signal.SIGTERM)
    os.kill(number, signal.SIGINT)
    assert isinstance(await long, Fitted)


async def test_none_is_left_when_the_bot_has_stopped() -> None:
    async with WorkerProcesses.open() as children:
        await asyncio.gather(children.do(SHORT, CHEAP), children.do(SHORT, CHEAP))
        numbers = processes(children)
    assert len(numbers) == 2
    assert not any(of_process(number, "cmdline") for number in numbers)


ORPHAN = """
import asyncio, os, signal
from bot.imaging.processes import WorkerProcesses
from bot.imaging.cost import Cost
from bot.imaging.jobs import Job
async def main():
    children = WorkerProcesses()
    await children.do(Job("look_at_result", [bytes.fromhex("{photo}")]), Cost(2**20, 0.01))
    print(children.all[-1].process.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


def test_it_ends_when_the_bot_is_killed() -> None:
    script = ORPHAN.format(photo=PHOTO.hex())
    done = subprocess.run(  # noqa: S603  # own code
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    number, until = int(done.stdout), time.monotonic() + 30
    while of_process(number, "cmdline"):
        assert time.monotonic() < until


# -- environment and output --------------------------------------------------------------------------------------------
async def test_it_knows_no_secret(children: WorkerProcesses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "a secret")
    await children.do(SHORT, CHEAP)
    (number,) = processes(children)
    assert b"a secret" not in of_process(number, "environ")


def test_what_it_writes_to_its_standard_error_is_logged() -> None:
    process = subprocess.Popen(  # own code
        [sys.executable, "-c", "import sys; print('a word', file=sys.stderr)"], stderr=subprocess.PIPE
    )
    with capture_logs() as logs:
        module._to_the_log(process)
    process.wait()
    assert [entry["line"] for entry in logs] == ["a word"]


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"made": "look"},
        {"made": "look", "content_type": "text/html", "width": 1, "height": 1},
        {"made": "look", "content_type": "image/png", "width": "1", "height": 1},
        *(
            {"made": "look", "content_type": "image/png", "width": width, "height": 1}
            for width in (0, -1, 10**30, math.inf, math.nan, True, None)
        ),
        *({"made": "mask", "change_share": share} for share in (0, -1, 10**30, math.nan, "1")),
        {"made": "bytes"},
        {"made": ["bytes"]},
        {"made": "fitted", "content_type": "text/html", "changed": True},
        {"made": "something"},
        {"refused": "reference", "reason": "because", "parameters": {}},
        {"refused": "reference", "reason": [], "parameters": {}},
        {"refused": "reference", "reason": "reference_broken", "parameters": None},
        {"refused": "reference", "reason": "reference_broken", "parameters": {"reason": "twice"}},
    ],
)
def test_nonsense_of_a_child_is_not_believed(words: dict[str, object]) -> None:
    with pytest.raises(ProtocolError):
        made_of(words, [b"a file"] if words.get("made") == "mask" else [])


NESTED = b'{"sizes": [], "made": ' + b"[" * 16_000 + b"\n"
NO_MESSAGES: dict[str, bytes] = {
    "nothing": b"",
    "an empty line": b"\n",
    "a list": b"[]\n",
    "a word": b'"sizes"\n',
    "no sizes": b"{}\n",
    "deeply nested": NESTED,
    "too long a line": b'{"sizes": [], "made": "' + b"x" * LONGEST_LINE + b'"}\n',
    "a number of many digits": b'{"sizes": [' + b"9" * 5000 + b"]}\n",
    "a size of many bytes": b'{"sizes": [' + b"9" * 30 + b"]}\n",
    "a size below nothing": b'{"sizes": [-1]}\n',
    "a size that is no number": b'{"sizes": [NaN, Infinity]}\n',
    "a second list of sizes": b'{"sizes": [], "sizes": [-1]}\n',
    "no UTF-8": b'{"sizes": [], "made": "\xff"}\n',
    "fewer bytes than it says": b'{"sizes": [9]}\n12345678',
}


@pytest.mark.parametrize("data", NO_MESSAGES.values(), ids=NO_MESSAGES)
def test_what_is_no_message_is_not_read_as_one(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        receive(BytesIO(data))


@pytest.mark.parametrize(
    "data",
    [NESTED, b'{"made": "bytes", "sizes": [1]}\nx', b"x" * LONGEST_LINE],
    ids=["deeply nested", "the answer of another job", "no JSON"],
)
async def test_a_child_that_answers_nonsense_is_replaced(
    children: WorkerProcesses, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    def answering() -> subprocess.Popen[bytes]:
        script = f"import sys; sys.stdout.buffer.write({data!r}); sys.stdout.flush(); sys.stdin.buffer.read()"
        return subprocess.Popen(  # noqa: S603  # own code
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    monkeypatch.setattr(module, "_start", answering)
    with capture_logs() as logs, pytest.raises(Unreadable) as refused:
        await children.do(SHORT, CHEAP)
    monkeypatch.undo()
    assert refused.value.reason is Reason.REFERENCE_TOO_COMPLEX
    assert [entry["log_level"] for entry in logs] == ["warning"]
    assert processes(children) == []
    assert await children.do(SHORT, CHEAP) == LOOK


def test_running_out_of_memory_is_told_as_a_picture_that_is_too_much() -> None:
    class Hungry(Job):
        def do(self) -> PictureInfo:
            raise MemoryError

    words, _ = answer_of(Hungry("look_at_result", []))
    with pytest.raises(Unreadable) as refused:
        made_of(words, [])
    assert refused.value.reason is Reason.REFERENCE_TOO_COMPLEX
