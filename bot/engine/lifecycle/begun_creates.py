"""
Begin creates: take a place in the window of creates, and store the create before it is sent.

If the answer to the commit was lost, it is unknown whether the create was stored. Only the process that began it knows
that it was not sent, so it looks for it and sends it, or begins it again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from typing import Final

import structlog

from bot.engine.cards.progress import ProgressCards
from bot.engine.lifecycle.submission import Submission
from bot.engine.policy import LEASE_MS, Policy
from bot.engine.processes.create_turns import CreateTurns
from bot.engine.processes.membership import Membership
from storage.availability import DatabaseAway
from storage.creates import CreateStore
from storage.models import Task

TOKEN_BYTES: Final = 32
"""Random bytes in the callback URL of a create."""

log = structlog.get_logger(__name__)


class BegunCreates:
    """`busy`: the ids of the tasks in work, which begin no create. `may_begin` says whether a create may begin at all
    now."""

    def __init__(
        self,
        *,
        store: CreateStore,
        turns: CreateTurns,
        membership: Membership,
        submission: Submission,
        cards: ProgressCards,
        policy: Policy,
        busy: Collection[str],
        may_begin: Callable[[], bool],
        clock: Callable[[], int],
    ) -> None:
        self._store = store
        self._turns = turns
        self._membership = membership
        self._submission = submission
        self._cards = cards
        self._policy = policy
        self._busy = busy
        self._may_begin = may_begin
        self._clock = clock
        self._begun_at = 0
        """When (ms) the last create was begun."""
        self._uncertain: list[tuple[int, str | None]] = []
        """When (ms) each create was begun of which it is unknown whether it was stored, and its callback URL."""

    @property
    def are_certain(self) -> bool:
        """Whether it is known of each create that was begun here whether it was stored."""
        return not self._uncertain

    async def begin(self, most: int) -> list[Task]:
        """Begin creates, at most `most`, as long as they may begin. Return their tasks."""
        begun: list[Task] = []
        self._turns.looks_again()
        while self._may_begin() and len(begun) < most:
            task = await self.begin_next()
            if task is None:
                break
            begun.append(task)
        return begun

    async def begin_next(self) -> Task | None:
        """Begin the next create. Return None if no task is ready for one, at a limit of creates, if the next create is
        another process's, or on an error: never raise, because the creates that were begun earlier in the same round
        must still be sent."""
        token, prefix, now = secrets.token_urlsafe(TOKEN_BYTES), self._policy.callbacks, self._clock()
        callback_url = f"{prefix}{token}" if prefix else None
        shards = self._membership.shards
        try:
            if not await self._turns.come(except_ids=frozenset(self._busy)):
                return None
            task = await self._store.begin(
                self._membership.id,
                self._policy.creates,
                now=now,
                lease_ms=LEASE_MS,
                token=token if prefix else None,
                models=self._policy.catalogue,
                except_ids=frozenset(self._busy),
                shards=shards,
                passing=self._turns.passing,
                follows=None if shards is None else self._turns.follows,
                shows=self._cards.remember,
            )
        except Exception as error:
            log.exception("create not begun: storing it failed and nothing was sent, will retry")
            if isinstance(error, DatabaseAway) and error.uncertain and now != self._begun_at:
                self._uncertain.append((now, callback_url))
            return None
        if task is not None:
            self._begun_at = now
            self._submission.begun(task, callback_url, at=now)
        return task

    async def find_stored(self) -> Task | None:
        """Return the task of a create that was stored although the answer to its commit was lost; None if it was not
        stored. Raises what the database raises."""
        at, callback_url = self._uncertain[0]
        task = await self._store.begun_at(self._membership.id, at, except_ids=frozenset(self._busy))
        del self._uncertain[0]
        if task is not None:
            self._submission.begun(task, callback_url, at=at)
        return task
