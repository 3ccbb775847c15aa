"""Tests that keys and tokens, also when encoded, are in no log line, no answer of the bot, no metric and no repr."""

from __future__ import annotations

import base64
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp.test_utils import unused_port
from pydantic import SecretStr

from bot.config import Settings
from bot.engine.ports import CreateRequest
from bot.kie.client import KieClient
from bot.kie.records import JobInfo, RecordInfo
from sandbox.kie import Emulator
from storage.models import NewTask, Origin, PictureRequest
from tests.wire.discord import LoopbackDiscord, loopback_discord
from tests.wire.process import KEY, ROOT, TOKEN, Bot, bot, outcomes
from tests.wire.traps import Action, Moment, Traps, says
from tests.worlds.bot_world import a_task
from tests.worlds.engine_world import png
from tests.worlds.waiting import eventually

WEBHOOK_KEY = "webhook/key+5f3759df="


def disguises(secret: str) -> set[str]:
    """Return the forms in which a secret could still be read: reversed, quoted, hex, base64, halves."""
    raw = secret.encode()
    plain = {secret, secret[::-1], quote(secret, safe=""), secret.encode().hex(), repr(secret)[1:-1]}
    coded = {base64.b64encode(b"x" * before + raw).decode()[4:-4] for before in range(3)}
    halves = {secret[: len(secret) // 2], secret[len(secret) // 2 :]} if len(secret) >= 24 else set()
    return {form for form in plain | coded | halves if len(form) >= 8}


def found(text: str, secrets: Iterable[str]) -> list[str]:
    return [form for secret in secrets for form in disguises(secret) if form in text]


@pytest.mark.parametrize("form", sorted(disguises(KEY)))
def test_a_leak_would_be_found(form: str) -> None:
    assert found(f"a line with {form} in it", [KEY])


def echoes(status: int, code: int) -> Action:
    words = f"Invalid key {KEY}, Authorization: Bearer {KEY}, Bot {TOKEN}"
    return says(status, {"code": code, "msg": words, "data": words}, X_Key=KEY)


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.sweep
async def test_no_secret_gets_out_of_the_running_bot(tmp_path: Path, style: str) -> None:
    """Cover success, refusals that repeat the key, errors of Discord, a broken database and the metrics."""
    traps, port = Traps(), unused_port()
    site = f"http://127.0.0.1:{port}"
    settings = {"LOG_FORMAT": style, "HTTP_PORT": str(port), "PUBLIC_URL": site, "KIE_WEBHOOK_KEY": WEBHOOK_KEY}
    async with (
        loopback_discord(TOKEN) as discord,
        Emulator(key=KEY, seconds=1, shrink=8, webhook_key=WEBHOOK_KEY, middlewares=[traps.middleware]) as image_api,
    ):
        discord.files["cat.png"] = png("orange", (96, 72))
        async with bot(tmp_path, discord, image_api, **settings) as running:
            await running.connected()
            secrets = {TOKEN, KEY, WEBHOOK_KEY, *await go_wrong(discord, traps)}
            seen = await asked_of(site, image_api)
            await broken(running, discord, tmp_path)
            await running.stopped()
        secrets |= {str(body["callBackUrl"]).rpartition("/")[2] for body in image_api.creates if "callBackUrl" in body}
        assert len(secrets) > 5
        assert "Traceback" in running.said()
        assert found(seen + running.said(), secrets) == []


async def go_wrong(discord: LoopbackDiscord, traps: Traps) -> list[str]:
    """Make one request that works, and one for each kind of failure. Return the tokens of their interactions."""
    tokens = [(await discord.imagine("a red door", image="cat.png")).token]
    await discord.until(lambda: len(outcomes(discord)) == 1)
    for route, action in (
        ("POST */generate", echoes(200, 400)),
        ("POST */generate", echoes(500, 500)),
        ("GET */record-info", echoes(200, 500)),
    ):
        traps.lay(route, Moment.RECEIVED, action)
        discord.traps.lay("PATCH */messages/*", Moment.RECEIVED, says(500, {"message": f"Bot {TOKEN}", "code": 0}))
        discord.traps.lay("POST */channels/*/messages", Moment.RECEIVED, says(500, {"message": TOKEN, "code": 0}))
        tokens.append((await discord.imagine("a door")).token)
    await discord.until(lambda: len(outcomes(discord)) >= 3)
    return tokens


async def asked_of(site: str, image_api: Emulator) -> str:
    """Return all answers of the bot's web endpoint, also those to unsigned callbacks with a valid token."""
    told = ""
    paths = ["/healthz", "/readyz", "/metrics", *(str(body.get("callBackUrl", "")) for body in image_api.creates)]
    async with aiohttp.ClientSession() as session:
        for path in filter(None, paths):
            address = path if path.startswith("http") else f"{site}{path}"
            for method in ("GET", "POST"):
                async with session.request(method, address, data=b"{}" if method == "POST" else None) as answer:
                    told += await answer.text() + str(answer.headers)
    return told


async def broken(running: Bot, discord: LoopbackDiscord, folder: Path) -> None:
    """Break the database while the bot runs, so that errors with statements, parameters and tracebacks are logged."""
    with sqlite3.connect(folder / "data" / "atelier.db") as database:
        database.execute("ALTER TABLE tasks RENAME TO gone")
    await discord.imagine("a door without a place")

    async def logged() -> bool:
        return "Traceback" in running.said()

    await eventually(logged)


@pytest.mark.parametrize("command", ["doctor", "migrate", "sync"])
@pytest.mark.sweep
def test_no_secret_is_in_what_the_commands_print(tmp_path: Path, command: str) -> None:
    nowhere = f"http://127.0.0.1:{unused_port()}"
    names = {"DISCORD_TOKEN": TOKEN, "KIE_API_KEY": KEY, "KIE_WEBHOOK_KEY": WEBHOOK_KEY, "LOG_LEVEL": "DEBUG"}
    places = {"DISCORD_API_URL": nowhere, "KIE_API_URL": nowhere, "KIE_UPLOAD_URL": nowhere, "HTTP_PORT": "0"}
    done = subprocess.run(  # noqa: S603  # own code
        [sys.executable, "-m", "bot", command],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), **names, **places},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert found(done.stdout + done.stderr, [TOKEN, KEY, WEBHOOK_KEY]) == []


def what_records_repeat() -> list[object]:
    """Return records of the image API, each with the callback address of its create, as read and as handed on."""
    flat = json.dumps({"prompt": "x", "callBackUrl": f"https://a.test/callbacks/kie/{KEY}"})
    nested = json.dumps({"input": flat, "callBackUrl": f"https://a.test/callbacks/kie/{KEY}"})
    flux = RecordInfo.model_validate({"successFlag": 3, "paramJson": flat, "errorMessage": "no"})
    jobs = [JobInfo.model_validate({"state": "fail", name: nested, "failMsg": "no"}) for name in ("param", "paramJson")]
    return [flux, flux.as_record(), *jobs, *(job.as_record() for job in jobs)]


async def test_no_secret_is_in_the_repr_of_what_holds_it() -> None:
    requester: dict[str, Any] = {
        "interaction_id": 1,
        "interaction_token": KEY,
        "arrived_at": 0,
        "asker_id": 1,
        "channel_id": 1,
    }
    secret = Settings(
        discord_token=SecretStr(KEY),
        kie_api_key=SecretStr(KEY),
        kie_webhook_key=SecretStr(KEY),
        database_url=f"postgresql://a:{KEY}@db/x",
    )
    request = CreateRequest(
        request=PictureRequest(prompt="x", size="1:1", variants=1), callback_url=f"https://a.test/callbacks/kie/{KEY}"
    )
    held: list[object] = [
        Origin(**requester),
        NewTask(request=PictureRequest(prompt="x"), **requester),
        a_task(interaction_token=KEY),
        secret,
        request,
        *what_records_repeat(),
    ]
    async with aiohttp.ClientSession() as session:
        client = KieClient(
            session, api_key=SecretStr(KEY), api_url="https://a.test", upload_url="https://a.test", result_hosts=()
        )
        held += [client, vars(client)]
    assert [holder for holder in held if found(repr(holder), [KEY])] == []
