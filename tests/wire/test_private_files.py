"""Only the bot's own user can read its files; files that an older version left readable are closed at the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.kie import Emulator
from tests.wire.discord import LoopbackDiscord
from tests.wire.process import LOG, bot, outcomes

pytestmark = pytest.mark.sweep

OTHERS = 0o077


def open_to_others(folder: Path) -> list[str]:
    """Return the files that others can open, except the log, which the test writes."""
    found = [path for path in folder.rglob("*") if path.name != LOG and path.exists()]
    assert found
    return [str(path.relative_to(folder)) for path in found if path.stat().st_mode & OTHERS]


async def test_nothing_that_a_running_bot_writes_can_be_read_by_others(
    tmp_path: Path, discord: LoopbackDiscord, image_api: Emulator
) -> None:
    async with bot(tmp_path, discord, image_api) as running:
        await running.connected()
        await discord.imagine("a red door", image="cat.png")
        await discord.until(lambda: outcomes(discord))
        names = ["atelier.db", "atelier.db-wal", "atelier.db-shm", "atelier.db.lock", "pictures"]
        assert [name for name in names if not (tmp_path / "data" / name).exists()] == []
        assert open_to_others(tmp_path) == []


async def test_what_an_older_version_left_open_is_closed_at_the_start(
    tmp_path: Path, discord: LoopbackDiscord, image_api: Emulator
) -> None:
    data = tmp_path / "data"
    (data / "pictures" / "pictures").mkdir(parents=True)
    for name in ("atelier.db", "atelier.db.lock", "pictures/pictures/0"):
        (data / name).touch(0o644)
    for folder in (data / "pictures", data):
        folder.chmod(0o755)
    async with bot(tmp_path, discord, image_api) as running:
        await running.connected()
        closed = ["atelier.db", "atelier.db-wal", "atelier.db.lock", "pictures"]
        assert [name for name in closed if (data / name).stat().st_mode & OTHERS] == []
