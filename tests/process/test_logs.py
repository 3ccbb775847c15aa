"""Test what is written to the log, and what is kept out of it."""

from __future__ import annotations

import json
import logging
import sqlite3
import warnings
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import structlog

from bot.process.logs import configure_logs
from storage.database import Database, DatabaseAway
from storage.migrations import migrate
from storage.stores import Stores

SECRET = "zwanzig-zwanzig"
BOT_TOKEN = "MTAxMjM0NTY3ODkwMTIzNDU2Nzg5.GabcdE.abcdefghijklmnopqrstuvwxyz0123456789AB"


pytestmark = pytest.mark.usefixtures("logs_as_they_were")


@pytest.fixture(params=["console", "json"])
def style(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def lines(captured: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in captured.readouterr().err.splitlines()]


def test_ours_and_a_librarys_events_have_one_shape(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("INFO", "json")
    structlog.get_logger("bot.engine").info("created", task="ab12")
    logging.getLogger("discord.gateway").warning("Shard %s is gone", 3)
    ours, theirs = lines(capsys)
    assert (ours["event"], ours["task"], ours["level"], ours["logger"]) == ("created", "ab12", "info", "bot.engine")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("Shard 3 is gone", "warning", "discord.gateway")
    assert ours.keys() - {"task"} == theirs.keys()


def test_the_level_holds_for_everybody(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("WARNING", "console")
    structlog.get_logger("bot.engine").info("quiet")
    logging.getLogger("discord.gateway").info("quiet")
    assert capsys.readouterr().err == ""


def test_payloads_of_libraries_stay_out_even_at_debug(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("DEBUG", "console")
    logging.getLogger("discord.http").debug("a payload with a prompt in it")
    structlog.get_logger("bot.engine").debug("ours")
    written = capsys.readouterr().err
    assert "ours" in written
    assert "prompt" not in written


def test_setting_up_twice_writes_each_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("INFO", "console")
    configure_logs("INFO", "console")
    structlog.get_logger("bot.engine").info("once")
    assert capsys.readouterr().err.count("once") == 1


def test_a_known_secret_is_blanked_wherever_it_turns_up(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("INFO", style, secrets=[SECRET, "", "an"])
    event = f"an event with {SECRET}"
    structlog.get_logger("bot.engine").info(event, answer={"data": [SECRET, ("x", SECRET)]}, thing=KeyError(SECRET))
    logging.getLogger("aiohttp.client").warning("headers %r", {"x": SECRET})
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(SECRET, UserWarning, stacklevel=1)
    written = capsys.readouterr().err
    assert "an event with" in written
    assert written.count("[secret]") >= 5
    assert SECRET not in written


def test_tracebacks_are_blanked_too(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("INFO", style, secrets=[SECRET])
    try:
        int(f"not {SECRET}")
    except ValueError:
        structlog.get_logger("bot.engine").exception("defect")
        logging.getLogger("discord.client").exception("theirs")
    written = capsys.readouterr().err
    assert written.count("ValueError: invalid literal") == 2
    assert SECRET not in written


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("PATCH https://h/api/v10/webhooks/12/aW50ZXJhY3Rpb24/messages/@original", "aW50ZXJhY3Rpb24"),
        ("POST https://h/api/v10/interactions/12/aW50ZXJhY3Rpb24/callback", "aW50ZXJhY3Rpb24"),
        ("POST http://127.0.0.1:8080/callbacks/kie/dW5ndWVzc2FibGU HTTP/1.1", "dW5ndWVzc2FibGU"),
        ("callBackUrl': 'https://a.example/bot/callbacks/kie/dW5ndWVzc2FibGU'}", "dW5ndWVzc2FibGU"),
        ("Authorization: Bearer 0123456789abcdef", "0123456789abcdef"),
        (f"token {BOT_TOKEN} refused", BOT_TOKEN),
        ("postgresql+asyncpg://atelier:hunter@h/d", "hunter"),
        ("https://cdn/a.png?ex=1&hm=5ignature&x=2", "5ignature"),
    ],
)
def test_what_looks_like_a_secret_is_blanked(
    text: str, hidden: str, style: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("INFO", style)
    logging.getLogger("discord.http").info(text)
    structlog.get_logger("bot").info("ours", note=text)
    written = capsys.readouterr().err
    assert written.count("[secret]") == 2
    assert hidden not in written


@pytest.mark.parametrize("name", ["token", "interaction_token", "Authorization", "api_key", "kie_api_key", "password"])
def test_a_value_under_a_secret_name_is_blanked(name: str, style: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("INFO", style)
    structlog.get_logger("bot").info("event", **{name: "plain"}, headers={name: "plain"})
    assert "plain" not in capsys.readouterr().err


def test_a_connection_to_discord_that_is_made_again_is_one_warning(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("INFO", "json", secrets=[SECRET])
    theirs = logging.getLogger("discord.shard")
    try:
        raise ConnectionResetError(104, f"reset\nby {SECRET}")
    except OSError as error:
        theirs.exception("Failed to connect for shard_id: %s. Retrying...", 0)
        theirs.error("Attempting a reconnect for shard ID %s in %.2fs", 0, 1.5, exc_info=error)
        theirs.exception("Ignoring exception in %s", "on_ready")
    known, reconnect, unknown = lines(capsys)
    assert (known["level"], known["event"]) == ("warning", "Failed to connect for shard_id: 0. Retrying...")
    assert reconnect["event"] == "Attempting a reconnect for shard ID 0 in 1.50s"
    assert known["error"] == reconnect["error"] == "ConnectionResetError: [Errno 104] reset by [secret]"
    assert not {"exception", "exc_info"} & {*known, *reconnect}
    assert "Traceback" in unknown["exception"]
    assert unknown["level"] == "error"


@pytest.mark.sweep
async def test_a_database_that_another_program_holds_is_one_line_that_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error is recognised as the store raises it, and as the cause of an error that a caller raises."""
    configure_logs("INFO", "json")
    log = structlog.get_logger("bot.engine")
    async with Database.open(f"sqlite+aiosqlite:///{tmp_path}/a.db") as database:
        await migrate(database)
        capsys.readouterr()
        with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            try:
                await Stores.on(database).key_values.set("a", "b")
            except Exception:
                log.exception("defect while advancing", task="ab12")
    (held,) = lines(capsys)
    assert "held by another program" in held["event"]
    assert "stored work is retried" in held["event"]
    assert (held["level"], held["task"], held["during"]) == ("warning", "ab12", "defect while advancing")
    assert "exception" not in held


def test_work_that_a_database_that_is_away_interrupted_is_not_logged_and_of_a_library_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("INFO", "json")
    away = DatabaseAway("the connection was lost")
    structlog.get_logger("bot.engine").error("interaction failed", exc_info=away)
    structlog.get_logger("bot.engine").warning("accepted create not stored yet", job_id="ab12")
    logging.getLogger("discord.client").error("Ignoring exception in on_message", exc_info=away)
    ours, theirs = lines(capsys)
    assert ours["job_id"] == "ab12"
    assert theirs["error"] == "DatabaseAway: the connection was lost"
    assert "exception" not in theirs


def test_ordinary_words_stay(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("INFO", "json")
    structlog.get_logger("bot").info("Bot connected as Atelier", tasks=3, url="https://h:8080/a?page=2", none=None)
    (line,) = lines(capsys)
    assert line["event"] == "Bot connected as Atelier"
    assert (line["tasks"], line["url"], line["none"]) == (3, "https://h:8080/a?page=2", None)
