"""Handle reports: store them, post the moderators' message, and carry out the moderators' decision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from bot.engine.attempts import Attempts, Work
from bot.engine.claims import AT_ONCE, CLAIM_MS, again_at
from bot.engine.outcomes import outcome_of
from bot.engine.ports import Delivery
from bot.errors import MessageGone, Reason, RouteClosed, ServiceError, TooLate
from storage.community import Report, Reported, ReportState
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
        self._postings = stores.postings
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
        """Store a report. `seen` is the channel and the message that were reported. Raises TooLate if the person has
        already reported the task or the moderators have decided."""
        word = Report(reporter_id=by, at=self._clock(), why=why)
        reported, is_new = await self._reports.report(task_id, guild_id, word, locale=locale, seen=seen)
        if not is_new:
            raise TooLate(Reason.REPORTED_ALREADY if reported.state in UNDECIDED else Reason.DECIDED_ALREADY)

    async def decide(self, task_id: str, guild_id: int, state: ReportState, *, by: int) -> None:
        """Store a moderator's decision, which `step` carries out. Raises TooLate if the report is unknown or another
        moderator has already decided."""
        reported = await self._reports.get(task_id, guild_id)
        if reported is None:
            raise TooLate(Reason.TASK_UNKNOWN)
        undecided = reported.state in UNDECIDED and reported.state is not state
        if not undecided or not await self._reports.decide(reported, state, by=by, now=self._clock()):
            raise TooLate(Reason.DECIDED_ALREADY)

    async def over(self, task_id: str, *, by: int) -> None:
        """Close the reports of a task that was removed in another way."""
        await self._reports.over(task_id, by=by, now=self._clock())

    async def step(self) -> None:
        for reported in await self._reports.due(now=self._clock(), limit=AT_ONCE):
            this = f"{reported.task_id} {reported.guild_id}"
            begin, give_up = partial(self._begin, reported), partial(self._give_up, reported)
            await self._attempts.attempt(Work.REPORT, this, begin, give_up)

    async def _begin(self, reported: Reported) -> None:
        now = self._clock()
        if await self._reports.begin(reported, now=now, until=now + CLAIM_MS):
            await self._follow(reported, until=now + CLAIM_MS)

    async def _give_up(self, reported: Reported) -> None:
        if reported.due_at is not None:
            await self._reports.later(reported, until=reported.due_at, due=None)

    async def _follow(self, reported: Reported, *, until: int) -> None:
        task = await self._tasks.get(reported.task_id)
        if task is None:
            return
        await self._carry_out(task, reported)
        try:
            await self._tell(task, reported, until=until)
        except MessageGone:
            await self._reports.lost(reported)
            await self._reports.later(reported, until=until, due=self._clock())
        except RouteClosed as closed:
            log.warning("report not delivered to moderators: channel closed", task=task.id, error=str(closed))
            await self._reports.later(reported, until=until, due=self._much_later(reported))
        except ServiceError as error:
            log.info("report delivery to moderators failed, will retry", task=task.id, error=str(error))
            await self._reports.later(reported, until=until, due=again_at(self._clock(), reported.failures))

    def _much_later(self, reported: Reported) -> int | None:
        """Return the time (ms) of the next attempt while the channel is closed, or None once the report is two weeks
        old."""
        now = self._clock()
        hopeless = now - reported.opened_at >= GIVE_UP_AFTER.total_seconds() * 1000
        return None if hopeless else now + CHANNEL_CLOSED_MS

    async def _carry_out(self, task: Task, reported: Reported) -> None:
        """Carry out the decision; idempotent. In the server where the task was made, the decision applies to the whole
        task; in any other server, only to what was posted there."""
        now, state = self._clock(), reported.state
        hidden_at = now if state is ReportState.HIDDEN else None
        if state is ReportState.OPEN:
            return
        if task.guild_id != reported.guild_id:
            marks = {"removed_at": now} if state is ReportState.REMOVED else {"hidden_at": hidden_at}
            await self._postings.curate_in(task.id, reported.guild_id, now=now, **marks)
        elif state is ReportState.REMOVED:
            await self._postings.remove(task.id, by=reported.decided_by or 0, now=now)
        elif (hidden_at is None) is not (task.hidden_at is None):
            await self._postings.hide(task.id, hidden=hidden_at is not None, now=now)

    async def _tell(self, task: Task, reported: Reported, *, until: int) -> None:
        """Post or edit the moderators' message. Raises MessageGone, RouteClosed, Unavailable."""
        channel_id = reported.channel_id or (await self._guilds.settings(reported.guild_id)).moderators_channel_id
        if channel_id is None:
            raise RouteClosed("this server has no channel for reports")
        words = await self._reports.words(reported)
        outcome = await outcome_of(self._tasks, task)
        asked = replace(reported, channel_id=channel_id)
        posted = await self._delivery.tell_moderators(
            outcome, asked, words, uncertain=reported.attempted_at is not None and reported.message_id is None
        )
        await self._reports.told(reported, until=until, channel_id=posted.channel_id, message_id=posted.message_id)
