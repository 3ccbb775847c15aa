"""Tests for addresses of PostgreSQL servers, as providers give them and as people write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from asyncpg import connect_utils  # type: ignore[import-untyped]  # it has no types
from hypothesis import given
from hypothesis import strategies as st

from storage.database import Database
from storage.postgres_url import SSL_MODES, is_postgres, normalised, parse
from tests.worlds.postgres import PORT, postgres

PASSWORD = "p@ss/w#rd:%&=+ é"


@pytest.fixture(autouse=True)
def no_settings_of_libpq(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSSLMODE", "PGSERVICE", "PGPASSFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def connection(url: str) -> tuple[Any, Any]:
    """Return the places and the parameters as the driver understands what `parse` returns."""
    address = parse(url)
    arguments = dict.fromkeys(
        ("host", "port", "user", "password", "passfile", "database", "ssl", "direct_tls", "server_settings",
         "target_session_attrs", "krbsrvname", "gsslib", "service", "servicefile")
    )  # fmt: skip
    places, found = connect_utils._parse_connect_dsn_and_args(**(arguments | address.arguments))
    return places, found


@pytest.mark.parametrize(
    ("url", "place", "database"),
    [
        ("postgresql://u:secret@db.example.com:5433/atelier", ("db.example.com", 5433), "atelier"),
        ("postgres://u:secret@db.example.com/atelier", ("db.example.com", 5432), "atelier"),
        ("postgresql+asyncpg://u:secret@db.example.com/atelier", ("db.example.com", 5432), "atelier"),
        ("postgresql://u:secret@[2001:db8::1]:5433/atelier", ("2001:db8::1", 5433), "atelier"),
        ("postgresql://db.example.com/atelier?user=u&password=secret", ("db.example.com", 5432), "atelier"),
        ("postgresql:///atelier?host=/run/pg&user=u&password=secret", "/run/pg/.s.PGSQL.5432", "atelier"),
        ("postgresql://u:secret@/atelier?host=/run/pg&port=5433", "/run/pg/.s.PGSQL.5433", "atelier"),
        ("postgresql://u:secret@%2Frun%2Fpg/atelier", "/run/pg/.s.PGSQL.5432", "atelier"),
        ("postgresql://u:secret@db.example.com?dbname=my%20pictures", ("db.example.com", 5432), "my pictures"),
        ("postgresql://u:secret@db.example.com", ("db.example.com", 5432), "u"),
    ],
)
def test_the_forms_of_an_address_lead_to_the_same_server(url: str, place: object, database: str) -> None:
    places, found = connection(url)
    assert places == [place]
    assert (found.user, found.password, found.database) == ("u", "secret", database)
    assert normalised(normalised(url)) == normalised(url)


def test_several_hosts_stay_several() -> None:
    places, found = connection("postgresql://u:secret@a.example,b.example:5433/d?target_session_attrs=read-write")
    assert places == [("a.example", 5432), ("b.example", 5433)]
    assert found.target_session_attrs.value == "read-write"


@pytest.mark.parametrize(
    "url",
    [
        # Neon, Supabase, its pooler, Heroku, Amazon RDS, Render, Prisma, SQLAlchemy
        "postgresql://u:p@ep-cool-1.eu-central-1.aws.neon.tech/neondb?sslmode=require&channel_binding=require",
        "postgresql://postgres:p@db.abcdefgh.supabase.co:5432/postgres",
        "postgres://postgres.abcdefgh:p@aws-0.pooler.supabase.com:6543/d?sslmode=require&pgbouncer=true&supa=base-pooler.x",
        "postgres://u:p@ec2-1-2-3-4.compute-1.amazonaws.com:5432/d1?ssl=no-verify",
        "postgresql://u:p@a.b.eu-central-1.rds.amazonaws.com:5432/d?sslmode=require&connect_timeout=10",
        "postgresql://u:p@dpg-a-a.frankfurt-postgres.render.com/d?ssl=true&application_name=pictures",
        "postgresql+asyncpg://u:p@h/d?ssl=require&prepared_statement_cache_size=0",
        "postgresql://u:p@h/d?keepalives=1&keepalives_idle=30&keepalives_interval=5&keepalives_count=3&gssencmode=prefer",
        "postgresql://u:p@h/d?options=-csearch_path%3Dpictures&client_encoding=utf8&tcp_user_timeout=1000",
    ],
)
def test_what_providers_give_is_taken(url: str) -> None:
    places, found = connection(url)
    assert len(places) == 1
    assert found.password == "p"
    assert (found.server_settings or {}) == {}


def test_a_pooler_is_known_by_what_other_programs_write_for_it() -> None:
    assert parse("postgresql://u@h/d?pgbouncer=true").pooled
    assert parse("postgresql://u@h/d?statement_cache_size=0").pooled
    assert not parse("postgresql://u@h/d?pgbouncer=false").pooled
    assert not parse("postgresql://u@h/d").pooled


@pytest.mark.parametrize("mode", SSL_MODES[:4])
def test_every_mode_of_tls_that_needs_no_certificate_is_passed_on(mode: str) -> None:
    _, found = connection(f"postgresql://u@h/d?sslmode={mode}")
    assert found.sslmode.name == mode


def test_certificates_of_the_system_check_the_name_too() -> None:
    _, found = connection("postgresql://u@h/d?sslmode=verify-full&sslrootcert=system")
    assert found.ssl.check_hostname
    assert found.ssl.verify_mode.name == "CERT_REQUIRED"


def test_settings_of_the_session_are_passed_on_and_the_bot_names_itself() -> None:
    assert parse("postgresql://u@h/d").settings == {"application_name": "atelier"}
    given = parse("postgresql://u@h/d?application_name=pictures&options=-c%20geqo%3Doff").settings
    assert given == {"application_name": "pictures", "options": "-c geqo=off"}


@pytest.mark.parametrize(("given", "seconds"), [("10", 10), ("0", None), ("900", 60), ("-1", None)])
def test_the_time_for_a_connection_has_bounds(given: str, seconds: int | None) -> None:
    assert parse(f"postgresql://u@h/d?connect_timeout={given}").connect_seconds == seconds


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("sslmode=strict", "has sslmode=strict: the modes are disable, allow"),
        ("connection_limit=5", "the parameter connection_limit, which the bot does not know: set DATABASE_POOL"),
        ("schema=public", "schema, which the bot does not know: write options=-csearch_path"),
        ("requirepeer=postgres", "the parameter requirepeer, which the bot does not know: take it away"),
        ("gssencmode=require", "gssencmode=require, which the bot cannot keep"),
        ("client_encoding=latin1", "client_encoding=latin1, which the bot cannot keep"),
        ("replication=database", "replication=database, which the bot cannot keep"),
        ("connect_timeout=soon", "connect_timeout=soon: give whole seconds"),
        (f"application_name={'x' * 64}", "application_name of more than 63 bytes"),
        ("port=many", "a port that is no number"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_name(query: str, words: str) -> None:
    url = f"postgresql://u:{PASSWORD.replace('%', '%25')}@/d?{query}"
    with pytest.raises(ValueError, match=words) as refused:
        normalised(url)
    assert "p@ss" not in str(refused.value)


@pytest.mark.parametrize("port", ["0", "65536", "p"])
def test_a_wrong_port_says_what_a_password_may_need(port: str) -> None:
    with pytest.raises(ValueError, match=r"a : or / in a password is written as %3A or %2F"):
        normalised(f"postgresql://u:secret@h:{port}/d")


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_every_password_that_is_percent_encoded_arrives(password: str) -> None:
    _, found = connection(f"postgresql://u:{quote(password, safe='')}@h/d?sslmode=disable")
    assert (found.user, found.password) == ("u", password)


@pytest.mark.parametrize("password", ["p@ss", "p/ss", "p#ss", "p:ss", "p%ss", "100%", "p?ss", "a@b/c#d:e"])
def test_a_password_that_nobody_encoded_arrives_too(password: str) -> None:
    places, found = connection(f"postgresql://u:{password}@h:5433/d")
    assert (places, found.user, found.password, found.database) == ([("h", 5433)], "u", password, "d")


def test_the_password_shows_nowhere() -> None:
    assert "secret" not in repr(parse("postgresql://u:secret@h/d?sslpassword=secret"))


def test_other_databases_are_none_of_these() -> None:
    assert not is_postgres("sqlite:///data/atelier.db")
    with pytest.raises(ValueError, match="must be like postgresql://"):
        normalised("mysql://u@h/d")


async def test_an_address_of_a_socket_opens_a_database() -> None:
    server = await postgres()
    url = f"postgres://tests:{quote(PASSWORD, safe='')}@/postgres?host={server.folder}&port={PORT}&sslmode=prefer"
    async with Database.open(url) as database, database.read() as connected:
        assert (await connected.exec_driver_sql("SHOW application_name")).scalar_one() == "atelier"
        assert (await connected.exec_driver_sql("SHOW idle_in_transaction_session_timeout")).scalar_one() == "1min"
