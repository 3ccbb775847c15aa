"""Store people's reports to a server's moderators, and the moderators' decisions."""

from __future__ import annotations

import secrets
from dataclasses import fields
from typing import Final

import sqlalchemy as sa

from storage.community import Report, ReportCase, ReportState
from storage.database import Database
from storage.models import NO_USER
from storage.outbox import Outbox
from storage.rows import values
from storage.schema import erasures, report_cases, reports
from storage.transactions import Transaction

NONCE_BYTES: Final = 9
UNDECIDED: Final = (ReportState.OPEN, ReportState.HIDDEN)


class ReportStore:
    """`outbox` has the cases whose moderators' message is due to be posted or updated, with the decision to be carried
    out before. There, `decided_by` is `NO_USER` if that person is having their messages erased."""

    def __init__(self, database: Database) -> None:
        self._database = database
        nameless = sa.case((report_cases.c.decided_by.in_(_leaving()), NO_USER), else_=report_cases.c.decided_by)
        columns = [column for column in report_cases.c if column is not report_cases.c.decided_by]
        self.outbox = Outbox(
            database,
            report_cases.c.due_at,
            key=_of,
            select=sa.select(*columns, nameless.label("decided_by")),
            read=ReportCase,
            failures=report_cases.c.failures,
            attempted=report_cases.c.attempted_at,
            guild=report_cases.c.guild_id,
        )

    async def report(
        self,
        task_id: str,
        guild_id: int,
        report: Report,
        *,
        locale: str,
        seen: tuple[int, int],
    ) -> tuple[ReportCase, bool]:
        """
        Store one person's report, and make the message to the moderators due now; return the case of the result, and
        True. Return the case and False, and store nothing, if the person has reported the result already or the
        moderators have decided.

        `seen`: the channel and the message in which the result was reported.
        """
        async with self._database.write(priority=True) as connection:
            await self._database.serialize(connection, f"reports of {task_id}")
            found = await _row(connection, task_id, guild_id)
            if found is None:
                found = await _open(connection, task_id, guild_id, report.at, locale, seen)
            elif found.state not in UNDECIDED or await _has_reported(connection, found, report.reporter_id):
                return found, False
            word = {"reporter_id": report.reporter_id, "at": report.at, "why": report.why}
            await connection.execute(sa.insert(reports).values(task_id=task_id, guild_id=guild_id, **word))
            await connection.execute(sa.update(report_cases).where(_of(found)).values(due_at=report.at))
            return found, True

    async def get(self, task_id: str, guild_id: int) -> ReportCase | None:
        async with self._database.read() as connection:
            return await _row(connection, task_id, guild_id)

    async def words(self, of: ReportCase) -> tuple[Report, ...]:
        """Return the reports of a result, oldest first, without those of people who are having their messages
        erased."""
        these = sa.and_(
            reports.c.task_id == of.task_id,
            reports.c.guild_id == of.guild_id,
            reports.c.reporter_id.not_in(_leaving()),
        )
        statement = sa.select(*[reports.c[field.name] for field in fields(Report)]).where(these).order_by(reports.c.at)
        async with self._database.read() as connection:
            return values(Report, await connection.execute(statement))

    async def decide(self, of: ReportCase, state: ReportState, *, by: int, now: int) -> bool:
        """Store a moderator's decision, and make the moderators' message due now. Return False, and store nothing, if
        the state has changed since the row was read."""
        as_read = sa.and_(_of(of), report_cases.c.state == of.state)
        changes = {"state": state, "decided_by": by, "decided_at": now, "due_at": now}
        async with self._database.write(priority=True) as connection:
            return bool((await connection.execute(sa.update(report_cases).where(as_read).values(changes))).rowcount)

    async def over(self, task_id: str, *, by: int, now: int) -> None:
        """Mark the undecided cases of a task, in all servers, as `removed`, because the result was removed in another
        way than through a moderators' message; these messages become due for an update."""
        these = sa.and_(report_cases.c.task_id == task_id, report_cases.c.state.in_(UNDECIDED))
        changes = {"state": ReportState.REMOVED, "decided_by": by, "decided_at": now, "due_at": now}
        async with self._database.write() as connection:
            await connection.execute(sa.update(report_cases).where(these).values(changes))

    async def posted(self, of: ReportCase, *, channel_id: int, message_id: int) -> None:
        """Store the moderators' message."""
        place = {"channel_id": channel_id, "message_id": message_id}
        async with self._database.write() as connection:
            await connection.execute(sa.update(report_cases).where(_of(of)).values(place))

    async def lost(self, of: ReportCase) -> None:
        """Forget the moderators' message, which was deleted; the next message gets a new nonce."""
        fresh = {"nonce": secrets.token_hex(NONCE_BYTES), "attempted_at": None, "message_id": None, "channel_id": None}
        async with self._database.write() as connection:
            await connection.execute(sa.update(report_cases).where(_of(of)).values(fresh))


def _leaving() -> sa.Select[tuple[int]]:
    """Select the people whose messages are being erased."""
    under_way = sa.and_(erasures.c.done_at.is_(None), erasures.c.removes, erasures.c.person_id.is_not(None))
    return sa.select(erasures.c.person_id).where(under_way)


async def _row(connection: Transaction, task_id: str, guild_id: int) -> ReportCase | None:
    this = sa.and_(report_cases.c.task_id == task_id, report_cases.c.guild_id == guild_id)
    found = values(ReportCase, await connection.execute(sa.select(report_cases).where(this)))
    return found[0] if found else None


async def _open(
    connection: Transaction, task_id: str, guild_id: int, at: int, locale: str, seen: tuple[int, int]
) -> ReportCase:
    fresh = {
        "task_id": task_id,
        "guild_id": guild_id,
        "state": ReportState.OPEN,
        "locale": locale,
        "seen_channel_id": seen[0],
        "seen_message_id": seen[1],
        "opened_at": at,
        "failures": 0,
        "nonce": secrets.token_hex(NONCE_BYTES),
    }
    return values(ReportCase, await connection.execute(sa.insert(report_cases).values(fresh).returning(report_cases)))[
        0
    ]


async def _has_reported(connection: Transaction, of: ReportCase, person_id: int) -> bool:
    this = sa.and_(
        reports.c.task_id == of.task_id, reports.c.guild_id == of.guild_id, reports.c.reporter_id == person_id
    )
    return (await connection.execute(sa.select(reports.c.at).where(this))).first() is not None


def _of(report_case: ReportCase) -> sa.ColumnElement[bool]:
    return sa.and_(report_cases.c.task_id == report_case.task_id, report_cases.c.guild_id == report_case.guild_id)
