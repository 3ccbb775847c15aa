"""What a PostgreSQL server says of itself, for `doctor`: version, encoding, rights, clock, connections, round trip."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from storage.database import Database
from storage.schema import processes

OLDEST: Final = 14
"""Release from which on all statements are understood; older ones are no longer maintained."""
NEWEST: Final = 18
"""The tests were run on all releases from `OLDEST` to this one."""
LOOKS: Final = 5
"""Questions of which the quickest gives the time of a round trip."""

_FACTS: Final = sa.text(
    """
    SELECT current_setting('server_version_num')::int AS version,
           current_setting('server_version') AS named,
           current_setting('server_encoding') AS encoding,
           current_setting('max_connections')::int AS connections,
           current_setting('superuser_reserved_connections')::int AS reserved,
           current_setting('transaction_read_only') AS read_only,
           pg_is_in_recovery() AS standby,
           has_database_privilege(current_database(), 'TEMPORARY, CONNECT') AS connects,
           current_schema() AS schema,
           coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS creates,
           coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS encrypted,
           inet_server_addr() IS NULL OR inet_server_addr() = inet_client_addr() AS local,
           (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user) AS of_role,
           (SELECT datconnlimit FROM pg_database WHERE datname = current_database()) AS of_database
    """
)
_NOW: Final = sa.text("SELECT extract(epoch FROM clock_timestamp())")
_NOT_OURS: Final = sa.text(
    "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tableowner <> current_user"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerReport:
    version: int
    """The release, such as 15."""
    named: str
    """The version as the server writes it."""
    encoding: str
    is_writable: bool
    """False for a standby, and where the server or the role is set to read-only."""
    schema: str | None
    """Where tables are created; None if no schema of the search path exists."""
    may_create: bool
    foreign_tables: int
    """Tables in the schema that belong to another role, which migrations cannot change."""
    connections: int
    """Connections that the role may have, as far as the settings of server, database and role say."""
    processes: int
    """Processes of the bot that the database knows of; 0 before the first start."""
    is_encrypted: bool
    is_local: bool
    """Whether the server is on this machine, or behind a socket."""
    round_trip_seconds: float
    ahead_seconds: float
    """By how much the server's clock is ahead of this machine's."""


async def report(database: Database) -> ServerReport:
    """Ask the server. Raises DatabaseAway."""
    async with database.read() as connection:
        facts = (await connection.execute(_FACTS)).one()
        quickest, ahead = float("inf"), 0.0
        for _ in range(LOOKS):
            asked, began = time.time(), time.perf_counter()
            theirs = float((await connection.execute(_NOW)).scalar_one())
            took = time.perf_counter() - began
            if took < quickest:
                quickest, ahead = took, theirs - (asked + took / 2)
        foreign = (await connection.execute(_NOT_OURS)).scalar_one()
        known = await connection.run_sync(lambda sync: sa.inspect(sync).has_table(processes.name))
        running = sa.select(sa.func.count()).select_from(processes)
        others = (await connection.execute(running)).scalar_one() if known and not foreign else 0
    bounds = [facts.connections - facts.reserved, facts.of_role, facts.of_database]
    return ServerReport(
        version=facts.version // 10_000,
        named=facts.named.split()[0],
        encoding=facts.encoding,
        is_writable=facts.read_only == "off" and not facts.standby,
        schema=facts.schema,
        may_create=facts.creates,
        foreign_tables=foreign,
        connections=min(bound for bound in bounds if bound >= 0),
        processes=others,
        is_encrypted=facts.encrypted,
        is_local=facts.local,
        round_trip_seconds=quickest,
        ahead_seconds=ahead,
    )
