"""
Read addresses of PostgreSQL servers as people have them: from libpq, SQLAlchemy, Heroku, Neon, Supabase, Prisma.

`normalised` makes one form of all of them, and refuses what cannot be kept; `parse` makes of it what the driver takes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

SCHEMES: Final = ("postgresql", "postgres", "postgresql+asyncpg", "postgres+asyncpg")
SCHEME: Final = "postgresql+asyncpg"
HINT: Final = "postgresql://user:password@db.example.com:5432/atelier"
SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
SSL_WORDS: Final = {
    **dict.fromkeys(("true", "1", "yes", "on", "no-verify"), "require"),
    **dict.fromkeys(("false", "0", "no", "off"), "disable"),
}
"""Words of other drivers for modes of libpq."""
LONGEST_NAME: Final = 63
"""Bytes of an `application_name`; the server cuts longer ones."""
CONNECT_SECONDS: Final = (1, 60)

TO_DRIVER: Final = frozenset(
    {"sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword", "sslnegotiation", "ssl_min_protocol_version",
     "ssl_max_protocol_version", "target_session_attrs", "passfile", "service", "krbsrvname", "gsslib"}
)  # fmt: skip
"""Parameters that the driver reads as libpq does."""
FILES: Final = frozenset({"sslrootcert", "sslcert", "sslkey", "sslcrl"})
"""Parameters of these that name a file."""
TO_SERVER: Final = frozenset({"application_name", "options", "search_path"})
"""Settings of the session."""
IGNORED: Final = frozenset(
    {"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "sslcompression",
     "sslsni", "fallback_application_name", "supa", "channel_binding", "keepalive"}
)  # fmt: skip
"""Parameters that change nothing: the bot has its own limits for a dead connection, and the driver binds no
channels."""
USUAL: Final = {
    "gssencmode": {"disable", "prefer"},
    "client_encoding": {"utf8", "utf-8", "auto", "unicode"},
    "load_balance_hosts": {"disable"},
    "requiressl": {"0"},
    "replication": {"false", "0", "off", "no"},
    "async_fallback": {"false"},
}
"""Parameters of which only some values can be kept, which change nothing."""
OTHERWISE: Final = {
    "connection_limit": "set DATABASE_POOL",
    "pool_size": "set DATABASE_POOL",
    "max_connections": "set DATABASE_POOL",
    "pool_timeout": "the bot has its own time limits",
    "socket_timeout": "the bot has its own time limits",
    "command_timeout": "the bot has its own time limits",
    "schema": "write options=-csearch_path%3Dname",
    "currentSchema": "write options=-csearch_path%3Dname",
    "sslaccept": "write sslmode=verify-full or sslmode=require",
    "sslidentity": "write sslcert and sslkey",
}
"""What to do instead of a parameter that other programs know."""
POOLED: Final = ("pgbouncer", "prepared_statement_cache_size", "statement_cache_size")
"""Parameters that say that there is a pooler: true, or 0 statements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAddress:
    """What a new connection needs. The repr leaves out the password."""

    arguments: dict[str, Any] = field(repr=False)
    """Arguments of `asyncpg.connect`."""
    files: dict[str, str]
    """Files that the driver reads, by the parameter that names them."""
    settings: dict[str, str]
    """Settings of the session."""
    connect_seconds: int | None
    pooled: bool


def is_postgres(url: str) -> bool:
    return url.partition("://")[0] in SCHEMES


def normalised(url: str) -> str:
    """Return the address in one form: `postgresql+asyncpg://`, user and password percent-encoded, the parameters that
    count. Raises ValueError with a sentence for the operator, which never has the password."""
    scheme, _, rest = url.partition("://")
    if scheme not in SCHEMES:
        raise ValueError(f"must be like {HINT}")
    login, rest = _login_apart(rest)
    places, query = _places(rest)
    parameters = _parameters(query)
    user, _, password = login.partition(":")
    user = parameters.pop("user", "") or unquote(user)
    password = parameters.pop("password", "") or unquote(password)
    hosts, _, database = places.partition("/")
    database = parameters.pop("dbname", "") or parameters.pop("database", "") or unquote(database)
    hosts = _hosts(hosts, parameters)
    named = f"{quote(user, safe='')}:{quote(password, safe='')}@" if password else f"{quote(user, safe='')}@"
    asked = f"?{urlencode(parameters, quote_via=quote)}" if parameters else ""
    path = f"/{quote(database, safe='')}" if database else ""
    return f"{SCHEME}://{named if user else ''}{hosts}{path}{asked}"


def parse(url: str) -> ServerAddress:
    """Return what a connection to the address needs. Raises ValueError as `normalised` does."""
    rest = normalised(url).partition("://")[2]
    where, _, query = rest.partition("?")
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    seconds = parameters.pop("connect_timeout", None)
    pooled = parameters.pop("pgbouncer", None) == "true"
    settings = {name: parameters.pop(name) for name in TO_SERVER & parameters.keys()}
    settings.setdefault("application_name", "atelier")
    arguments: dict[str, Any] = {}
    if parameters.get("sslrootcert") == "system":
        del parameters["sslrootcert"]
        parameters.pop("sslmode", None)
        arguments["ssl"] = True  # the certificates of the operating system, and the host's name
    asked = f"?{urlencode(parameters, quote_via=quote)}" if parameters else ""
    return ServerAddress(
        arguments={"dsn": f"postgresql://{where}{asked}", **arguments},
        files={name: parameters[name] for name in FILES & parameters.keys()},
        settings=settings,
        connect_seconds=int(seconds) if seconds else None,
        pooled=pooled,
    )


def _login_apart(rest: str) -> tuple[str, str]:
    """Split at the last @ before the parameters: a password that is not percent-encoded may have an @, a / or a # of
    its own. If it has a ?, every @ is behind that."""
    before, _, query = rest.partition("?")
    if "@" in query and "@" not in before and ":" in before:
        login, _, hosts = rest.rpartition("@")
        return login, hosts
    login, _, _ = before.rpartition("@")
    return login, rest.removeprefix(f"{login}@") if "@" in before else rest


def _places(rest: str) -> tuple[str, str]:
    places, _, query = rest.partition("?")
    if "#" in rest:
        raise ValueError("has a # in it: write %23, also in a password")
    return places, query


def _parameters(query: str) -> dict[str, str]:
    """Return the parameters that count, with the names and values of libpq."""
    kept = dict[str, str]()
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in {"ssl", "sslmode"}:
            kept["sslmode"] = _ssl_mode(name, value)
        elif name in POOLED:
            if value.lower() in {"true", "1", "on"} if name == "pgbouncer" else value == "0":
                kept["pgbouncer"] = "true"
        elif name == "connect_timeout":
            if seconds := _connect_seconds(value):
                kept[name] = seconds
        elif name == "hostaddr":
            kept["host"] = value
        elif name in TO_DRIVER | TO_SERVER | {"host", "port", "user", "password", "dbname", "database"}:
            if len(value.encode()) > LONGEST_NAME and name == "application_name":
                raise ValueError(f"has an application_name of more than {LONGEST_NAME} bytes: give a shorter one")
            kept[name] = value
        elif name in USUAL:
            if value.lower() not in USUAL[name]:
                raise ValueError(f"has {name}={value}, which the bot cannot keep: take it away")
        elif name not in IGNORED:
            remedy = OTHERWISE.get(name, "take it away")
            raise ValueError(f"has the parameter {name}, which the bot does not know: {remedy}")
    return kept


def _ssl_mode(name: str, value: str) -> str:
    mode = SSL_WORDS.get(value.lower(), value.lower())
    if mode not in SSL_MODES:
        raise ValueError(f"has {name}={value}: the modes are {', '.join(SSL_MODES)}")
    return mode


def _connect_seconds(value: str) -> str | None:
    if not re.fullmatch(r"-?\d{1,9}", value):
        raise ValueError(f"has connect_timeout={value}: give whole seconds")
    if int(value) <= 0:
        return None
    least, most = CONNECT_SECONDS
    return str(min(max(int(value), least), most))


def _hosts(hosts: str, parameters: dict[str, str]) -> str:
    """Return the host and port for the address. Several hosts, and the folder of a socket, become parameters."""
    if not hosts:
        _ports(parameters.get("port", ""))
        return ""
    named = [_host(place) for place in hosts.split(",")]
    _ports(",".join(port for _, port in named if port))
    first, port = named[0]
    if len(named) == 1 and not first.startswith("/"):
        return f"[{first}]{port and f':{port}'}" if ":" in first else f"{quote(first)}{port and f':{port}'}"
    parameters.setdefault("host", ",".join(f"[{host}]" if ":" in host else host for host, _ in named))
    if any(port for _, port in named):
        parameters.setdefault("port", ",".join(port or "5432" for _, port in named))
    return ""


def _host(place: str) -> tuple[str, str]:
    if place.startswith("["):
        host, _, port = place[1:].partition("]")
        return host, port.removeprefix(":")
    host, _, port = place.partition(":")
    return unquote(host), port


def _ports(ports: str) -> None:
    for port in filter(None, ports.split(",")):
        if not port.isdecimal() or not 0 < int(port) <= 65535:
            raise ValueError(
                "has a port that is no number from 1 to 65535; a : or / in a password is written as %3A or %2F"
            )
