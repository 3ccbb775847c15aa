"""A PostgreSQL server that is stopped while the bot works, over real sockets: what people read, and what goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import aiohttp
import pytest

from sandbox.kie import Emulator
from tests.web.visiting import address_of
from tests.wire.discord import LoopbackDiscord
from tests.wire.process import Bot, bot, called_back, outcomes
from tests.worlds.database_line import database_line
from tests.worlds.postgres import PostgresServer, installed_postgres
from tests.worlds.waiting import eventually

AWAY = "I can’t get at my records at the moment. Try again in a minute."


@pytest.fixture
def installed() -> Iterator[PostgresServer]:
    with installed_postgres() as server:
        yield server


async def ready(address: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"{address}/readyz") as answer:
        return answer.status, await answer.text()


@pytest.mark.sweep
async def test_a_database_that_is_stopped_costs_an_answer_and_the_work_goes_on(
    tmp_path: Path, discord: LoopbackDiscord, image_api: Emulator, installed: PostgresServer
) -> None:
    settings = called_back() | {"DATABASE_URL": installed.url("postgres"), "LOG_LEVEL": "INFO"}
    with ExitStack() as stack:
        stack.enter_context(installed.running(synchronous_commit="on"))
        async with bot(tmp_path, discord, image_api, **settings) as running:
            await running.connected()
            first = await discord.imagine("a red door", image="cat.png")
            await first.acknowledgement()
            await eventually(lambda: taken(image_api, 1))
            stack.close()  # as `pg_ctl stop -m immediate`

            second = await discord.imagine("a blue door")
            assert await second.acknowledgement() < 3
            assert AWAY in json.dumps(second.answer, ensure_ascii=False)
            status, said = await ready(await address_of(running))
            assert status == 503
            assert "not ready: the database is away: " in said

            stack.enter_context(installed.running(synchronous_commit="on"))
            await eventually(lambda: is_ready(running))
            third = await discord.imagine("a green door")
            assert await third.acknowledgement() < 3
            await discord.until(lambda: len(outcomes(discord)) == 2)
            assert await running.stopped() == 0
    assert len(image_api.creates) == 2
    assert running.said().count("database away, work goes on") == 1
    assert "Traceback" not in running.said()
    assert "unexpected" not in running.said()


@pytest.mark.sweep
async def test_a_line_that_stalls_costs_an_answer_within_the_three_seconds_of_discord(
    tmp_path: Path, discord: LoopbackDiscord, image_api: Emulator, installed: PostgresServer
) -> None:
    with installed.running():
        async with database_line(installed, tmp_path) as line:
            settings = called_back() | {"DATABASE_URL": line.url("postgres"), "LOG_LEVEL": "INFO"}
            async with bot(tmp_path, discord, image_api, **settings) as running:
                await running.connected()
                await eventually(lambda: is_ready(running))
                line.open.clear()
                asked = [await discord.imagine(f"a blue door {number}") for number in range(4)]
                for interaction in asked:
                    assert await interaction.acknowledgement() < 3
                    assert AWAY in json.dumps(interaction.answer, ensure_ascii=False)
                line.open.set()
                await eventually(lambda: is_ready(running))
                last = await discord.imagine("a green door")
                assert await last.acknowledgement() < 3
                await discord.until(lambda: outcomes(discord))
                assert await running.stopped() == 0
    assert len(image_api.creates) == 1
    assert running.said().count("database away, work goes on") == 1
    assert "Traceback" not in running.said()


async def taken(image_api: Emulator, number: int) -> bool:
    return len(image_api.creates) >= number


async def is_ready(running: Bot) -> bool:
    return (await ready(await address_of(running)))[0] == 200


@pytest.mark.sweep
async def test_the_start_waits_for_a_database_that_is_not_there_yet(
    tmp_path: Path, discord: LoopbackDiscord, image_api: Emulator, installed: PostgresServer
) -> None:
    async with bot(tmp_path, discord, image_api, DATABASE_URL=installed.url("postgres")) as running:

        async def said() -> bool:
            return "database away" in running.said()

        await eventually(said)
        with installed.running():
            await running.connected()
            assert await running.stopped() == 0
    assert running.said().count("database away") == 1
    assert "Traceback" not in running.said()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://tests@db.invalid/atelier", "its host name is not known"),
        ("postgresql://stranger:secret-word@/postgres?host={}&port=5432", "it refuses the user or the password"),
        ("postgresql://tests@/nowhere?host={}&port=5432", "there is no such database"),
        ("postgresql://tests@/postgres?host={}&sslmode=strict", "has sslmode=strict"),
    ],
)
@pytest.mark.sweep
async def test_a_database_that_the_operator_has_to_put_right_is_one_line_and_78(
    tmp_path: Path, discord: LoopbackDiscord, image_api: Emulator, installed: PostgresServer, url: str, words: str
) -> None:
    with installed.running():
        async with bot(tmp_path, discord, image_api, DATABASE_URL=url.format(installed.folder)) as running:
            assert await running.ended() == 78
    assert words in running.said()
    assert running.said().count("DATABASE_URL") == 1
    assert "Traceback" not in running.said()
    assert "secret-word" not in running.said()
