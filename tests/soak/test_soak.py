"""The short soak: two minutes of too many requests, restarts and faults. `make soak` plays a longer one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.soak.day import play
from tests.soak.verdict import judge, table

pytestmark = [pytest.mark.sweep, pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")]

MOST_GROWN = 40.0
"""MiB by which memory may grow within the minute of the steady half; caches still fill."""


async def test_with_too_many_requests_and_faults_nothing_is_lost_doubled_or_unexplained(tmp_path: Path) -> None:
    seen = await play(tmp_path, minutes=2, rate=20, seed=11)
    verdict = judge(seen)
    said = "\n".join(table(seen, verdict))
    assert verdict.clean, said
    assert seen.wrong_exits == 0, said
    assert verdict.most_open <= seen.most_open, said
    assert verdict.grown < MOST_GROWN, said
    assert sum(seen.events.values()) >= 4, said
    assert any(command.only_asker_sees for command in seen.commands), said
    assert len(seen.rows) > 40, said
