"""Test the command line and its doctor: exit codes and output."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from pydantic import SecretStr

from bot import app, cli
from bot.config import Settings
from bot.doctor import PATIENCE_SECONDS, Finding, examine, fake_answers
from bot.errors import ConfigurationError
from storage.database import Database
from storage.migrations import migrate
from tests.net.test_public_addresses import Liar

pytestmark = pytest.mark.usefixtures("bare_environment", "logs_as_they_were", "discord_as_it_was")

ROOT = Path(__file__).parent.parent.parent
TOKEN = "MTAx.Gabc.defghijk"
KEY = "0123456789abcdef0123456789abcdef"
BOT = {"id": "7001", "username": "Atelier", "discriminator": "0000", "avatar": None, "bot": True}
APPLICATION: dict[str, object] = {
    "id": "7002",
    "name": "Atelier",
    "icon": None,
    "description": "",
    "bot_public": True,
    "bot_require_code_grant": False,
    "verify_key": "",
    "flags": 0,
    "team": None,
    "owner": {"id": "7003", "username": "owner", "discriminator": "0", "avatar": None},
}


@dataclass
class Outside:
    """Stand-ins on loopback for the parts of Discord and the image API that the doctor asks."""

    application: dict[str, object] = field(default_factory=lambda: dict(APPLICATION))
    credit: object = 5916.25
    hanging: bool = False
    clock_off: int = 0
    """Seconds by which the servers' clock is ahead of the machine's clock."""
    alive: bool = False
    """Whether a running bot answers at the same address."""
    callbacks_status: int = 405
    callbacks_asked: list[str] = field(default_factory=list)
    address: str = ""

    async def me(self, request: web.Request) -> web.Response:
        if request.headers["Authorization"] != f"Bot {TOKEN}":
            return web.json_response({"message": "401: Unauthorized", "code": 0}, status=401)
        return await self._json(BOT)

    async def own_application(self, _: web.Request) -> web.Response:
        return await self._json(self.application)

    async def credits(self, request: web.Request) -> web.Response:
        if request.headers["Authorization"] != f"Bearer {KEY}":
            return await self._json({"code": 401, "msg": "Unauthorized"})
        return await self._json({"code": 200, "msg": "success", "data": self.credit})

    async def models(self, _: web.Request) -> web.Response:
        return await self._json({"code": 404, "msg": "No catalogue here", "data": None})

    async def called_back(self, request: web.Request) -> web.Response:
        self.callbacks_asked.append(request.match_info["token"])
        return web.Response(status=self.callbacks_status)

    async def gateway(self, _: web.Request) -> web.Response:
        return web.json_response({}, headers={"Date": formatdate(time.time() + self.clock_off, usegmt=True)})

    async def healthz(self, _: web.Request) -> web.Response:
        return web.Response(status=200 if self.alive else 404)

    async def _json(self, body: object) -> web.Response:
        """Answer with exactly `application/json`, as Discord does: discord.py parses no JSON if a charset is added."""
        if self.hanging:
            await asyncio.Event().wait()
        return web.Response(body=web.json_response(body).body, headers={"Content-Type": "application/json"})


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    it = Outside()
    server = web.Application()
    server.router.add_get("/api/v10/users/@me", it.me)
    server.router.add_get("/api/v10/oauth2/applications/@me", it.own_application)
    server.router.add_get("/api/v1/chat/credit", it.credits)
    server.router.add_get("/api/v1/models", it.models)
    server.router.add_get("/api/v10/gateway", it.gateway)
    server.router.add_get("/healthz", it.healthz)
    server.router.add_get("/callbacks/kie/{token}", it.called_back)
    async with TestServer(server) as running:
        it.address = str(running.make_url("")).rstrip("/")
        yield it


@pytest.fixture
def settings(tmp_path: Path, outside: Outside) -> Settings:
    return Settings(
        discord_token=SecretStr(TOKEN),
        discord_api_url=outside.address,
        kie_api_key=SecretStr(KEY),
        kie_api_url=outside.address,
        database_url=f"sqlite:///{tmp_path}/atelier.db",
        pictures_url=str(tmp_path / "pictures"),
        http_port=0,
    )


def changed(settings: Settings, **values: object) -> Settings:
    return Settings.model_validate(dict(settings) | values)


async def finding(settings: Settings, name: str) -> Finding:
    (found,) = [found for found in await examine(settings) if found.name == name]
    return found


async def python_bot(folder: Path, *arguments: str, **environment: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-W", "error", "-W", "ignore:'audioop' is deprecated:DeprecationWarning", "-m", "bot"],
        *arguments,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def command(*arguments: str) -> int:
    """Run `main` in a thread of this process, because `main` starts its own event loop."""
    return await asyncio.to_thread(cli.main, arguments)


# -- exit codes ----------------------------------------------------------------------------------------------------


async def test_a_missing_token_is_one_line_and_78(tmp_path: Path) -> None:
    code, out, err = await python_bot(tmp_path, "run")
    assert (code, out) == (78, "")
    assert err.count("\n") == 1
    assert err.startswith("DISCORD_TOKEN is missing")


async def test_an_unknown_command_is_2(tmp_path: Path) -> None:
    code, _, err = await python_bot(tmp_path, "walk")
    assert code == 2
    assert "walk" in err


async def test_help_names_every_command_and_exit_code(tmp_path: Path) -> None:
    code, out, _ = await python_bot(tmp_path, "--help")
    assert code == 0
    assert all(f"    {name} " in out for name in cli.COMMANDS)
    assert all(f"\n  {code.value:<4}" in out for code in cli.ExitCode)


@pytest.mark.sweep
async def test_migrate_makes_a_database_and_needs_no_token(tmp_path: Path) -> None:
    code, out, err = await python_bot(tmp_path, "migrate")
    assert (code, err) == (0, "")
    assert "up to date" in out
    assert (tmp_path / "data" / "atelier.db").is_file()


async def test_the_doctor_says_in_words_that_all_is_well(tmp_path: Path, outside: Outside) -> None:
    code, out, err = await python_bot(
        *(tmp_path, "doctor"),
        DISCORD_TOKEN=TOKEN,
        DISCORD_API_URL=outside.address,
        KIE_API_KEY=KEY,
        KIE_API_URL=outside.address,
        HTTP_PORT="0",
    )
    assert (code, err) == (0, "")
    assert {line[:8].strip() for line in out.splitlines()} == {"wait", "ok"}
    assert out.startswith("wait    models: asking the image API about them takes about ")
    assert "5916.25 credits left" in out
    assert "permissions=274878024704" in out


async def test_the_doctor_goes_on_without_token_and_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".env").write_text(
        f"DATABASE_URL=sqlite:///{tmp_path}/a.db\nPICTURES_URL={tmp_path}/p\nMAX_IN_FLITE=2\n", encoding="utf-8"
    )
    assert await command("--env-file", str(tmp_path / ".env"), "doctor") == 78
    captured = capsys.readouterr()
    assert "not ok  settings: DISCORD_TOKEN and KIE_API_KEY missing" in captured.out
    assert "ok      database: can be written" in captured.out
    assert "what to do:" in captured.out
    assert "ok      models: not compared, as there is no key" in captured.out
    assert "wait" not in captured.out
    assert captured.err.endswith("is no setting; did you mean MAX_IN_FLIGHT?\n")


async def test_the_doctor_tells_of_a_wrong_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAX_IN_FLIGHT", "many")
    assert await command("doctor") == 78
    assert capsys.readouterr().out.startswith("not ok  settings: MAX_IN_FLIGHT should be")


async def test_a_database_in_use_is_one_line_and_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text(f"DATABASE_URL=sqlite:///{tmp_path}/a.db\n", encoding="utf-8")
    async with Database.open(f"sqlite+aiosqlite:///{tmp_path}/a.db"):
        assert await command("--env-file", str(env_file), "migrate") == 78
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "in use" in line


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("DATABASE_URL", "sqlite:///{}/file/below/a.db"),
        ("DATABASE_URL", "sqlite:///{}"),
        ("DATABASE_URL", "sqlite:///{}/file"),
        ("DATABASE_URL", "postgresql://somebody:secret@127.0.0.1:port/atelier"),
        ("PICTURES_URL", "{}/file"),
        ("PICTURES_URL", "az://bucket"),
    ],
)
@pytest.mark.sampled(every=3)
async def test_a_place_that_cannot_be_used_is_one_line_and_78(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], setting: str, value: str
) -> None:
    (tmp_path / "file").write_text("neither a database nor a folder, and long enough to be looked into " * 20)
    for name, given in [("DATABASE_URL", f"sqlite:///{tmp_path}/a.db"), (setting, value.format(tmp_path))]:
        monkeypatch.setenv(name, given)
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)
    monkeypatch.setenv("KIE_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    assert await command("sync") == 78
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert setting in line
    assert "secret" not in line


@pytest.mark.parametrize("address", ["http://127.0.0.1:{}", "http://discord.invalid:{}"])
@pytest.mark.sweep
async def test_sync_without_a_network_is_one_line_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], address: str
) -> None:
    monkeypatch.setattr(app, "LOGIN_TRIES", 1)
    monkeypatch.setenv("DISCORD_API_URL", address.format(unused_port()))
    (tmp_path / ".env").write_text(
        f"DISCORD_TOKEN={TOKEN}\nKIE_API_KEY={KEY}\n"
        f"DATABASE_URL=sqlite:///{tmp_path}/a.db\nPICTURES_URL={tmp_path}/pictures\n"
    )
    assert await command("--env-file", str(tmp_path / ".env"), "sync") == 78
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert said.err.startswith("Discord cannot be reached (Client")
    assert "check this machine's network" in said.err


@pytest.mark.sweep
async def test_the_doctor_without_a_network_has_a_remedy_for_each_and_no_traceback(tmp_path: Path) -> None:
    code, out, err = await python_bot(
        *(tmp_path, "doctor"),
        DISCORD_TOKEN=TOKEN,
        DISCORD_API_URL=f"http://discord.invalid:{unused_port()}",
        KIE_API_KEY=KEY,
        KIE_API_URL=f"http://127.0.0.1:{unused_port()}",
        HTTP_PORT="0",
    )
    assert (code, err) == (78, "")
    assert out.count("not ok") == out.count("what to do:") == 2


@pytest.mark.sweep
async def test_a_named_file_of_settings_must_be_there(tmp_path: Path) -> None:
    code, _, said = await python_bot(tmp_path, "--env-file", "another.env", "migrate")
    assert code == 2
    assert "there is no file another.env" in said


@pytest.mark.parametrize("name", ["run", "sync"])
async def test_run_and_sync_give_the_settings_to_the_application(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Settings] = []

    async def take(settings: Settings) -> None:
        given.append(settings)

    monkeypatch.setattr(app, name, take)
    (tmp_path / ".env").write_text(f"DISCORD_TOKEN={TOKEN}\nKIE_API_KEY={KEY}\n", encoding="utf-8")
    assert await command("--env-file", str(tmp_path / ".env"), name) == 0
    assert [settings.secrets for settings in given] == [(TOKEN, KEY)]


@pytest.mark.parametrize(
    ("raised", "name", "code"),
    [
        (ConfigurationError("DISCORD_TOKEN: refused"), "run", 78),
        (RuntimeError(f"a defect with {KEY}"), "run", 1),
        (KeyboardInterrupt(), "run", 0),
        (KeyboardInterrupt(), "sync", 1),
    ],
)
async def test_what_ends_the_application_decides_the_exit_code(
    raised: BaseException,
    name: str,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def end(_: Settings) -> None:
        raise raised

    monkeypatch.setattr(app, name, end)
    (tmp_path / ".env").write_text(f"DISCORD_TOKEN={TOKEN}\nKIE_API_KEY={KEY}\n", encoding="utf-8")
    assert await command("--env-file", str(tmp_path / ".env"), name) == code
    err = capsys.readouterr().err
    assert ("Traceback" in err) == isinstance(raised, RuntimeError)
    assert KEY not in err


# -- the doctor's findings -----------------------------------------------------------------------------------------


async def test_all_is_well(settings: Settings) -> None:
    findings = await examine(settings)
    assert [found.name for found in findings if found.ok] == [
        *["settings", "database", "pictures", "clock", "Discord", "application", "install link", "image API"],
        *["models", "web endpoint", "callbacks"],
    ]
    assert not any(found.remedy for found in findings)


async def test_whatever_is_wrong_has_a_remedy_and_shows_no_secret(settings: Settings) -> None:
    nowhere = f"http://127.0.0.1:{unused_port()}"
    for wrong in (
        {"discord_token": SecretStr("another-token")},
        {"discord_token": SecretStr("")},
        {"discord_api_url": nowhere},
        {"kie_api_key": SecretStr("another-key")},
        {"kie_api_key": SecretStr("")},
        {"kie_api_url": nowhere},
        {"database_url": "sqlite:////dev/null/a.db"},
        {"pictures_url": "/dev/null/pictures"},
        {"http_host": "192.0.2.1"},
        {"kie_webhook_key": SecretStr("another-hmac-key")},
        {"public_url": "https://atelier.example"},
    ):
        findings = await examine(changed(settings, **wrong))
        assert [found for found in findings if not found.ok], wrong
        assert all(found.ok != bool(found.remedy) for found in findings), wrong
        assert not any(secret in repr(findings) for secret in (TOKEN, KEY, "another")), wrong


async def test_models_that_cannot_be_compared_are_no_problem(settings: Settings) -> None:
    found = await finding(settings, "models")
    assert (found.ok, "No catalogue here" in found.detail, "default" in found.detail) == (True, True, False)
    without = await finding(changed(settings, kie_models=("z-image", "qwen")), "models")
    assert without.detail.endswith("; 4o is switched off, so the default is qwen")


@pytest.mark.parametrize(("off", "way"), [(-3600, "ahead of"), (86400, "behind")])
async def test_a_clock_that_is_wrong_is_found(settings: Settings, outside: Outside, off: int, way: str) -> None:
    outside.clock_off = off
    found = await finding(settings, "clock")
    assert not found.ok
    assert way in found.detail
    assert "NTP" in found.remedy


async def test_a_resolver_that_answers_with_fake_addresses_is_found_with_the_setting() -> None:
    (found,) = await fake_answers(Liar("198.18.0.7"))
    assert (found.ok, found.name) == (False, "names")
    assert "ALLOW_FAKE_IPS=true" in found.remedy
    assert await fake_answers(Liar("162.159.135.233")) == []


async def test_a_database_without_a_write_ahead_log_is_found(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url = f"sqlite+aiosqlite:///file:{tmp_path}/b.db?vfs=unix-dotfile&uri=true"
    found = await finding(settings.model_copy(update={"database_url": url}), "database")
    assert (found.ok, found.remedy) == (False, "let DATABASE_URL name a file on a local disk")


async def test_a_refused_token_leaves_the_other_checks_alone(settings: Settings) -> None:
    findings = await examine(changed(settings, discord_token=SecretStr("another-token")))
    assert [found.name for found in findings if not found.ok] == ["Discord"]
    assert "image API" in [found.name for found in findings if found.ok]


async def test_an_interactions_address_in_the_portal_is_found(settings: Settings, outside: Outside) -> None:
    outside.application["interactions_endpoint_url"] = "https://example.com"
    found = await finding(settings, "application")
    assert "Interactions Endpoint URL" in found.remedy


async def test_a_code_grant_in_the_portal_is_found(settings: Settings, outside: Outside) -> None:
    outside.application["bot_require_code_grant"] = True
    found = await finding(settings, "application")
    assert "OAuth2 Code Grant" in found.remedy


async def test_the_install_link_asks_for_what_the_bot_needs(settings: Settings) -> None:
    link = (await finding(settings, "install link")).detail
    assert "client_id=7002" in link
    assert "scope=bot+applications.commands" in link


async def test_too_few_credits_for_a_picture_are_found(settings: Settings, outside: Outside) -> None:
    outside.credit = 5.5
    found = await finding(settings, "image API")
    assert not found.ok
    assert "5.5 credits" in found.detail


@pytest.mark.sweep
async def test_a_database_in_use_by_a_running_bot_is_well(settings: Settings) -> None:
    async with Database.open(settings.database_url) as database:
        await migrate(database)
        found = await finding(settings, "database")
    assert found.ok
    assert "in use" in found.detail


async def test_a_database_to_be_migrated_is_well_and_says_so(settings: Settings) -> None:
    assert "migration" in (await finding(settings, "database")).detail
    async with Database.open(settings.database_url) as database:
        await migrate(database)
    assert "migration" not in (await finding(settings, "database")).detail


async def test_a_newer_database_is_found(settings: Settings) -> None:
    async with Database.open(settings.database_url) as database:
        await migrate(database)
        async with database.write() as connection:
            await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    found = await finding(settings, "database")
    assert not found.ok
    assert "newer" in found.detail


async def test_the_doctor_tells_how_much_the_pictures_take(settings: Settings) -> None:
    kept = Path(settings.pictures_url) / "pictures" / "ab12" / "0"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(bytes(3 * 1024 * 1024))
    assert "3.0 MiB" in (await finding(settings, "pictures")).detail


@pytest.mark.sweep
async def test_a_port_that_another_program_has_is_found(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = await finding(changed(settings, http_port=taken.getsockname()[1]), "web endpoint")
    assert not found.ok
    assert "HTTP_PORT" in found.remedy


async def test_a_port_that_the_running_bot_has_is_well(settings: Settings, outside: Outside) -> None:
    outside.alive = True
    port = int(outside.address.rpartition(":")[2])
    assert (await finding(changed(settings, http_port=port), "web endpoint")).ok


@pytest.mark.parametrize(
    ("given", "missing"),
    [({"kie_webhook_key": SecretStr("hmac-key")}, "PUBLIC_URL"), ({"public_url": "https://h"}, "KIE_WEBHOOK_KEY")],
)
async def test_half_of_what_callbacks_need_is_found(settings: Settings, given: dict[str, Any], missing: str) -> None:
    found = await finding(changed(settings, **given), "callbacks")
    assert (found.ok, found.detail) == (False, "off, in part")
    assert found.remedy.startswith(f"give {missing} as well")


def called_back(settings: Settings, outside: Outside, **changes: Any) -> Settings:
    """Return settings with callbacks on, whose public address is that of the stand-in server."""
    port = int(outside.address.rpartition(":")[2])
    on = {"kie_webhook_key": SecretStr("hmac-key"), "public_url": outside.address, "http_port": port}
    return changed(settings, **(on | changes))


async def test_callbacks_at_a_port_that_changes_are_found(settings: Settings, outside: Outside) -> None:
    found = await finding(called_back(settings, outside, http_port=0), "callbacks")
    assert (found.ok, found.detail) == (False, "on, in part")
    assert found.remedy.startswith("give HTTP_PORT the number")


async def test_a_public_address_that_leads_to_the_bot_is_well(settings: Settings, outside: Outside) -> None:
    outside.alive = True
    found = await finding(called_back(settings, outside), "callbacks")
    assert (found.ok, found.detail) == (True, f"on, at {outside.address}; the bot is reached there")
    assert outside.callbacks_asked == ["doctor"]


@pytest.mark.parametrize("status", [200, 302, 401, 404, 502])
async def test_another_answer_at_the_public_address_is_the_proxys_fault(
    settings: Settings, outside: Outside, status: int
) -> None:
    outside.alive, outside.callbacks_status = True, status
    found = await finding(called_back(settings, outside), "callbacks")
    assert (found.ok, found.detail) == (False, f"on, at {outside.address}, but the answer there is {status}")
    assert found.remedy.startswith("let the proxy pass /callbacks/kie/ on to HTTP_PORT")


async def test_while_the_bot_is_stopped_nothing_is_said_of_its_public_address(
    settings: Settings, outside: Outside
) -> None:
    outside.callbacks_status = 502
    found = await finding(called_back(settings, outside), "callbacks")
    assert found.ok
    assert found.detail.endswith("not reached there now, as the bot is not running; start it and ask again")


@pytest.mark.parametrize(
    ("scheme", "host", "what", "check"),
    [
        ("https", "127.0.0.1", "the connection cannot be trusted", "certificate (TLS) for 127.0.0.1"),
        ("https", "atelier.invalid", "that name is not known here", "DNS entry of atelier.invalid"),
        ("http", "127.0.0.1", "no connection from here", "check that the proxy runs"),
    ],
)
async def test_what_keeps_the_public_address_from_being_reached_is_told_apart(
    settings: Settings, outside: Outside, scheme: str, host: str, what: str, check: str
) -> None:
    outside.alive = True
    port = unused_port() if scheme == "http" else outside.address.rpartition(":")[2]
    found = await finding(called_back(settings, outside, public_url=f"{scheme}://{host}:{port}"), "callbacks")
    assert not found.ok
    assert what in found.detail
    assert check in found.remedy


@pytest.mark.sweep
async def test_a_public_address_that_is_silent_is_not_waited_for(settings: Settings, outside: Outside) -> None:
    outside.alive = True
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with asyncio.timeout(PATIENCE_SECONDS):
            found = await finding(called_back(settings, outside, public_url=address), "callbacks")
    assert not found.ok
    assert "no connection from here" in found.detail


async def test_nobody_is_waited_for_longer_than_the_patience(settings: Settings, outside: Outside) -> None:
    outside.hanging = True
    findings = await examine(settings, patience=0.3)
    assert {"Discord", "image API"} <= {found.name for found in findings if "0.3 seconds" in found.detail}
    (models,) = [found for found in findings if found.name == "models"]
    assert (models.ok, models.detail) == (True, "no answer within 1.8 seconds")
