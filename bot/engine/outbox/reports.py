"""Handle reports: store them, post the moderators' message, and carry out the moderators' decision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from bot.engine.clock import is_doubtful
from bot.engine.outbox.attempts import Attempts, WorkKind
from bot.engine.outbox.worker import OutboxWorker, again_at
from bot.engine.outcomes import outcome_of
from bot.engine.ports import Delivery
from bot.errors import Conflict, MessageGone, NotFound, Reason, RouteClosed
from storage.community import Report, ReportCase, ReportState
from storage.models import Task
from storage.reports import UNDECIDED
from storage.stores import Stores

CHANNEL_CLOSED_MS: Final = 3_600_000
"""Delay before the next attempt if the moderators have no channel that accepts the message; they may choose another."""
GIVE_UP_AFTER: Final = timedelta(days=14)


class Reports:
    def __init__(self, *, stores: Stores, delivery: Delivery, attempts: Attempts, clock: Callable[[], int]) -> None:
        self._stores = stores
        self._curation = stores.curation
        self._reports = stores.reports
        self._guilds = stores.guilds
        self._delivery = delivery
        self._clock = clock
        self.outbox = OutboxWorker(
            WorkKind.REPORT,
            stores.reports.outbox,
            subject=lambda report_case: f"{report_case.task_id} {report_case.guild_id}",
            work=self._carry_out_and_post,
            retry_at=self._retry_at,
            give_up=lambda report_case: stores.reports.outbox.retry(report_case, due=None),
            attempts=attempts,
            clock=clock,
        )

    async def report(
        self, task_id: str, guild_id: int, *, by: int, why: str, locale: str, seen: tuple[int, int]
    ) -> None:
        """Store a report. `seen` is the channel and the message that were reported. Raises Conflict if, in this server,
        the person has already reported the task or its reports are closed: the result was removed or they were
        dismissed."""
        word = Report(reporter_id=by, at=self._clock(), why=why)
        report_case, is_new = await self._reports.report(task_id, guild_id, word, locale=locale, seen=seen)
        if not is_new:
            raise Conflict(Reason.REPORTED_ALREADY if report_case.state in UNDECIDED else Reason.DECIDED_ALREADY)

    async def decide(self, task_id: str, guild_id: int, state: ReportState, *, by: int) -> None:
        """Store a moderator's decision, which the outbox carries out. Raises NotFound if the task has no reports in
        this server, and Conflict if the result is removed or its reports are dismissed already, `state` is its state
        already, or another moderator decides at the same time."""
        report_case = await self._reports.get(task_id, guild_id)
        if report_case is None:
            raise NotFound(Reason.TASK_UNKNOWN)
        undecided = report_case.state in UNDECIDED and report_case.state is not state
        if not undecided or not await self._reports.decide(report_case, state, by=by, now=self._clock()):
            raise Conflict(Reason.DECIDED_ALREADY)

    async def over(self, task_id: str, *, by: int) -> None:
        """Close the undecided reports, in all servers, of a task that was removed in another way."""
        await self._reports.over(task_id, by=by, now=self._clock())

    async def _carry_out_and_post(self, report_case: ReportCase) -> int | None:
        """Carry out the decision, if there is one, and bring the moderators' message up to date. Return None, or now
        (ms) if that message was deleted and has to be posted again."""
        task = await self._stores.tasks.get(report_case.task_id)
        if task is None:
            return None
        await self._carry_out(task, report_case)
        try:
            await self._post(task, report_case)
        except MessageGone:
            await self._reports.lost(report_case)
            return self._clock()
        return None

    def _retry_at(self, report_case: ReportCase, error: Exception) -> int | None:
        """Return when (ms) to retry: after a back-off, however old the report is, or in an hour if the moderators'
        channel is closed; in that case None (give up) once the report is two weeks old."""
        now = self._clock()
        if not isinstance(error, RouteClosed):
            return again_at(now, report_case.failures)
        hopeless = now - report_case.opened_at >= GIVE_UP_AFTER.total_seconds() * 1000 and not is_doubtful(self._clock)
        return None if hopeless else now + CHANNEL_CLOSED_MS

    async def _carry_out(self, task: Task, report_case: ReportCase) -> None:
        """Carry out the decision; idempotent. In the server where the task was made, the decision applies to the whole
        task; in any other server, only to what was posted there."""
        now, state = self._clock(), report_case.state
        hidden_at = now if state is ReportState.HIDDEN else None
        if state is ReportState.OPEN:
            return
        if task.guild_id != report_case.guild_id:
            marks = {"removed_at": now} if state is ReportState.REMOVED else {"hidden_at": hidden_at}
            await self._curation.curate_in(task.id, report_case.guild_id, now=now, **marks)
        elif state is ReportState.REMOVED:
            await self._curation.remove(task.id, by=report_case.decided_by or 0, now=now)
        elif (hidden_at is None) is not (task.hidden_at is None):
            await self._curation.hide(task.id, hidden=hidden_at is not None, now=now)

    async def _post(self, task: Task, report_case: ReportCase) -> None:
        """Post or edit the moderators' message. Raises MessageGone, RouteClosed, Unavailable."""
        channel_id = report_case.channel_id or (await self._guilds.settings(report_case.guild_id)).moderators_channel_id
        if channel_id is None:
            raise RouteClosed("this server has no channel for reports")
        words = await self._reports.words(report_case)
        outcome = await outcome_of(self._stores, task)
        asked = replace(report_case, channel_id=channel_id)
        posted = await self._delivery.reports.post(
            outcome, asked, words, uncertain=report_case.attempted_at is not None and report_case.message_id is None
        )
        await self._reports.posted(report_case, channel_id=posted.channel_id, message_id=posted.message_id)
