"""Handle reports: store them, post the moderators' message, and carry out the moderators' decision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from bot.engine.attempts import Attempts, WorkKind
from bot.engine.claims import AT_ONCE, CLAIM_MS, again_at
from bot.engine.outcomes import outcome_of
from bot.engine.ports import Delivery
from bot.errors import Conflict, MessageGone, NotFound, Reason, RouteClosed, ServiceError
from storage.community import Report, ReportCase, ReportState
from storage.models import Task
from storage.reports import UNDECIDED
from storage.stores import Stores

CHANNEL_CLOSED_MS: Final = 3_600_000
"""Delay before the next attempt if the moderators have no channel that accepts the message; they may choose another."""
GIVE_UP_AFTER: Final = timedelta(days=14)

log = structlog.get_logger(__name__)


class Reports:
    def __init__(self, *, stores: Stores, delivery: Delivery, attempts: Attempts, clock: Callable[[], int]) -> None:
        self._tasks = stores.tasks
        self._reposts = stores.reposts
        self._reports = stores.reports
        self._guilds = stores.guilds
        self._delivery = delivery
        self._attempts = attempts
        self._clock = clock

    async def resume(self) -> None:
        await self._reports.resume(now=self._clock())

    async def report(
        self, task_id: str, guild_id: int, *, by: int, why: str, locale: str, seen: tuple[int, int]
    ) -> None:
        """Store a report. `seen` is the channel and the message that were reported. Raises Conflict if the person has
        already reported the task or the moderators have decided."""
        word = Report(reporter_id=by, at=self._clock(), why=why)
        report_case, is_new = await self._reports.report(task_id, guild_id, word, locale=locale, seen=seen)
        if not is_new:
            raise Conflict(Reason.REPORTED_ALREADY if report_case.state in UNDECIDED else Reason.DECIDED_ALREADY)

    async def decide(self, task_id: str, guild_id: int, state: ReportState, *, by: int) -> None:
        """Store a moderator's decision, which `step` carries out. Raises NotFound, and Conflict if another
        moderator has already decided."""
        report_case = await self._reports.get(task_id, guild_id)
        if report_case is None:
            raise NotFound(Reason.TASK_UNKNOWN)
        undecided = report_case.state in UNDECIDED and report_case.state is not state
        if not undecided or not await self._reports.decide(report_case, state, by=by, now=self._clock()):
            raise Conflict(Reason.DECIDED_ALREADY)

    async def over(self, task_id: str, *, by: int) -> None:
        """Close the reports of a task that was removed in another way."""
        await self._reports.over(task_id, by=by, now=self._clock())

    async def step(self) -> None:
        for report_case in await self._reports.due(now=self._clock(), limit=AT_ONCE):
            this = f"{report_case.task_id} {report_case.guild_id}"
            begin, give_up = partial(self._begin, report_case), partial(self._give_up, report_case)
            await self._attempts.attempt(WorkKind.REPORT, this, begin, give_up)

    async def _begin(self, report_case: ReportCase) -> None:
        now = self._clock()
        if await self._reports.begin(report_case, now=now, until=now + CLAIM_MS):
            await self._follow(report_case, until=now + CLAIM_MS)

    async def _give_up(self, report_case: ReportCase) -> None:
        if report_case.due_at is not None:
            await self._reports.later(report_case, until=report_case.due_at, due=None)

    async def _follow(self, report_case: ReportCase, *, until: int) -> None:
        task = await self._tasks.get(report_case.task_id)
        if task is None:
            return
        await self._carry_out(task, report_case)
        try:
            await self._tell(task, report_case, until=until)
        except MessageGone:
            await self._reports.lost(report_case)
            await self._reports.later(report_case, until=until, due=self._clock())
        except RouteClosed as closed:
            log.warning("report not delivered to moderators: channel closed", task=task.id, error=str(closed))
            await self._reports.later(report_case, until=until, due=self._much_later(report_case))
        except ServiceError as error:
            log.info("report delivery to moderators failed, will retry", task=task.id, error=str(error))
            await self._reports.later(report_case, until=until, due=again_at(self._clock(), report_case.failures))

    def _much_later(self, report_case: ReportCase) -> int | None:
        """Return the time (ms) of the next attempt while the channel is closed, or None once the report is two weeks
        old."""
        now = self._clock()
        hopeless = now - report_case.opened_at >= GIVE_UP_AFTER.total_seconds() * 1000
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
            await self._reposts.curate_in(task.id, report_case.guild_id, now=now, **marks)
        elif state is ReportState.REMOVED:
            await self._reposts.remove(task.id, by=report_case.decided_by or 0, now=now)
        elif (hidden_at is None) is not (task.hidden_at is None):
            await self._reposts.hide(task.id, hidden=hidden_at is not None, now=now)

    async def _tell(self, task: Task, report_case: ReportCase, *, until: int) -> None:
        """Post or edit the moderators' message. Raises MessageGone, RouteClosed, Unavailable."""
        channel_id = report_case.channel_id or (await self._guilds.settings(report_case.guild_id)).moderators_channel_id
        if channel_id is None:
            raise RouteClosed("this server has no channel for reports")
        words = await self._reports.words(report_case)
        outcome = await outcome_of(self._tasks, task)
        asked = replace(report_case, channel_id=channel_id)
        posted = await self._delivery.tell_moderators(
            outcome, asked, words, uncertain=report_case.attempted_at is not None and report_case.message_id is None
        )
        await self._reports.told(report_case, until=until, channel_id=posted.channel_id, message_id=posted.message_id)
