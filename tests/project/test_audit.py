"""`make audit` fails on a known vulnerability, and never reports a package as clean that it could not check."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

ROOT = Path(__file__).parent.parent.parent
PINS = {"aiohttp": "3.14.5", "pillow": "13.0.0"}
ADVISORY = {
    "id": "PYSEC-2026-1",
    "aliases": ["CVE-2026-12345"],
    "summary": "A picture may run code",
    "affected": [
        {
            "package": {"name": "pillow", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "13.0.1"}]}],
        }
    ],
}


@dataclass
class Advisories:
    """A stand-in for the OSV API. If `answer` is set, it is sent instead."""

    known: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    answer: web.Response | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    address: str = ""

    async def query(self, request: web.Request) -> web.Response:
        query = await request.json()
        self.asked.append((query["package"]["name"], query["version"]))
        if self.answer is not None:
            return self.answer
        found = self.known.get(query["package"]["name"])
        return web.json_response({"vulns": found} if found else {})


@pytest.fixture
async def advisories() -> AsyncIterator[Advisories]:
    it = Advisories()
    server = web.Application()
    server.router.add_post("/v1/query", it.query)
    async with TestServer(server) as running:
        it.address = str(running.make_url("/v1/query"))
        yield it


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "run.txt"
    pins = (f"{name}=={version} \\\n    --hash=sha256:{'0' * 64}\n" for name, version in PINS.items())
    path.write_text("".join(pins), encoding="utf-8")
    return path


async def audit(source: str, lock: Path) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, str(ROOT / "requirements" / "audit.py"), "--source", source, "--lock", str(lock)],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.mark.sweep
async def test_every_pin_is_asked_about_and_nothing_known_is_clean(advisories: Advisories, lock: Path) -> None:
    code, out, err = await audit(advisories.address, lock)
    assert (code, err) == (0, "")
    assert sorted(advisories.asked) == sorted(PINS.items())
    assert out == "Audit: no known weakness in 2 of 2 packages of run.txt.\n"


@pytest.mark.sweep
async def test_a_known_weakness_fails_it_and_says_what_to_do(advisories: Advisories, lock: Path) -> None:
    advisories.known["pillow"] = [ADVISORY]
    code, out, _ = await audit(advisories.address, lock)
    assert code == 1
    assert "pillow 13.0.0: PYSEC-2026-1, mended in 13.0.1. A picture may run code" in out
    assert "What to do: run `make lock`" in out
    assert "no known weakness" not in out


async def test_a_weakness_without_a_mended_version_fails_it_too(advisories: Advisories, lock: Path) -> None:
    advisories.known["aiohttp"] = [ADVISORY | {"affected": []}]
    code, out, _ = await audit(advisories.address, lock)
    assert code == 1
    assert "aiohttp 3.14.5: PYSEC-2026-1, no mended version yet" in out


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 503},
        {"status": 403, "text": "error code: 1010"},
        {"text": "<html>Please log in to this network</html>"},
    ],
    ids=["down", "blocked", "a page"],
)
@pytest.mark.sampled(every=3)
async def test_an_answer_that_is_none_is_skipped_in_words(
    answer: dict[str, Any], advisories: Advisories, lock: Path
) -> None:
    advisories.answer = web.Response(**answer)
    await is_skipped(advisories.address, lock)


async def test_a_source_out_of_reach_is_skipped_in_words(lock: Path) -> None:
    await is_skipped(f"http://127.0.0.1:{unused_port()}/v1/query", lock)


async def is_skipped(source: str, lock: Path) -> None:
    code, out, err = await audit(source, lock)
    assert (code, err) == (0, "")
    assert re.fullmatch(r"Audit skipped: the advisories could not be asked for \(.+\)\. Nothing was looked at\.\n", out)
    assert "no known weakness" not in out


async def test_a_lock_that_cannot_be_read_is_a_failure(advisories: Advisories, tmp_path: Path) -> None:
    code, out, err = await audit(advisories.address, tmp_path / "run.txt")
    assert (code, out) == (1, "")
    assert "pip-audit could not read" in err
    assert not advisories.asked


@pytest.mark.parametrize(
    ("audit", "check", "sweep", "ended"), [(0, 0, 0, 0), (1, 0, 0, 1), (0, 2, 0, 2), (0, 0, 3, 3), (1, 2, 3, 1)]
)
def test_continuous_integration_fails_with_each_step_but_runs_all_of_them(
    audit: int, check: int, sweep: int, ended: int, tmp_path: Path
) -> None:
    """`make` is a stand-in that prints its last argument and ends with the given code; nothing is installed."""
    stand_in = (
        '#!/bin/sh\nfor target; do :; done\necho "$target"\n'
        f'case "$target" in audit) exit {audit};; check) exit {check};; sweep) exit {sweep};; esac\n'
    )
    for name, script in {"make": stand_in, "python3": "#!/bin/sh\n", "chromium": "#!/bin/sh\n"}.items():
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run([ROOT / ".ci" / "run"], env=os.environ | {"PATH": path}, capture_output=True, check=False)  # noqa: S603  # own code
    assert (run.returncode, run.stdout.decode().split()) == (ended, ["audit", "check", "sweep"])


def test_a_change_is_checked_without_the_audit() -> None:
    """Advisories come from a server, so the result would depend on more than the change."""
    needed = re.findall(r"^check:(.*?)##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert [line.split() for line in needed] == [["style", "types", "docs", "test"]]
