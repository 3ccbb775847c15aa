"""What the bot imports before it is connected, and that no garbage is collected during an import."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import Final

import pytest

from bot.app import EXTENSIONS
from bot.process.garbage import garbage_collection_paused
from tests.wire.process import ROOT

NOT_NEEDED: Final = ("alembic", "asyncpg", "bot.doctor", "storage.server_report")
"""Modules that a bot on SQLite needs for a migration or another command, if at all."""
IMPORTED: Final = f"""
import sys, bot.cli, bot.app, {", ".join(EXTENSIONS)}
print([name for name in {NOT_NEEDED} if name in sys.modules])
"""


async def test_a_bot_on_sqlite_imports_neither_the_other_database_nor_other_commands() -> None:
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-c", IMPORTED], cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert (process.returncode, output) == (0, b"[]\n")


def test_garbage_is_not_collected_during_an_import_and_is_afterwards() -> None:
    with garbage_collection_paused():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_garbage_is_collected_again_after_a_failed_import() -> None:
    with pytest.raises(ImportError), garbage_collection_paused():
        raise ImportError
    assert gc.isenabled()


def test_collection_that_was_off_before_stays_off() -> None:
    gc.disable()
    try:
        with garbage_collection_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
