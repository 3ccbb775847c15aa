"""Advance a claimed task by one step: prepare it, send its create, poll, deliver the outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, assert_never

import structlog

from bot.engine.availability.account import AccountMonitor
from bot.engine.cards.progress import ProgressCards
from bot.engine.clock import is_doubtful
from bot.engine.lifecycle.adoption import Adoption
from bot.engine.lifecycle.outcome_delivery import OutcomeDelivery
from bot.engine.lifecycle.polling import Polling
from bot.engine.lifecycle.preparation import Preparation
from bot.engine.lifecycle.several_creates import SeveralCreates
from bot.engine.lifecycle.submission import Submission
from bot.engine.lifecycle.undelivered import Undelivered
from bot.engine.policy import GIVE_UP_AFTER, LEASE_MS, Policy
from bot.engine.ports import Delivery, ImageAPI
from bot.engine.timing.callback_reliability import CallbackReliability
from bot.engine.timing.schedule import backoff
from bot.engine.work.result_fetching import ResultFetching
from bot.engine.work.suspects import Suspects
from bot.errors import AccountRefused, AtelierError, Reason, Refused, ServiceError
from storage.models import Task, TaskState, released
from storage.stores import Stores
from storage.transitions import StaleTask

FRESH_MS: Final = 3000
"""ms. A lease that was stored less than this long ago is not renewed."""

log = structlog.get_logger(__name__)


class Lifecycle:
    def __init__(
        self,
        *,
        stores: Stores,
        api: ImageAPI,
        account: AccountMonitor,
        cards: ProgressCards,
        suspects: Suspects,
        preparation: Preparation,
        results: ResultFetching,
        delivery: Delivery,
        undelivered: Undelivered,
        policy: Policy,
        owner: str,
        goes_on: Callable[[Task], bool],
        clock: Callable[[], int],
    ) -> None:
        self._stores = stores
        self._account = account
        self._cards = cards
        self._suspects = suspects
        self._preparation = preparation
        self._owner = owner
        self._clock = clock
        callbacks = policy.callbacks is not None
        self.submission = Submission(
            stores=stores,
            api=api,
            account=account,
            callbacks=callbacks,
            hold=self._hold,
            durations=cards.durations,
            clock=clock,
        )
        reliability = CallbackReliability(stores=stores, expected=callbacks, clock=clock)
        self._polling = Polling(
            stores=stores, api=api, cards=cards, reliability=reliability, goes_on=goes_on, clock=clock
        )
        self._several = SeveralCreates(
            stores=stores,
            api=api,
            account=account,
            cards=cards,
            submission=self.submission,
            polling=self._polling,
            reliability=reliability,
            callbacks=callbacks,
            clock=clock,
        )
        self.adoption = Adoption(stores=stores, api=api, polling=self._polling, several=self._several, clock=clock)
        self._outcome_delivery = OutcomeDelivery(
            stores=stores,
            fetching=results,
            delivery=delivery,
            undelivered=undelivered,
            hold=self._hold,
            give_up_after=policy.keep_pictures,
            clock=clock,
        )

    async def advance(self, task: Task) -> Task:
        """Do the next step of the task and return the task as moved; one whose pictures were just found may still be
        this worker's (`kept`), to be delivered in the next step. If the step fails, the task continues later (a
        create that may have been sent is not sent again), or ends: settled with the reason, or, if its outcome could
        not be delivered for as long as copies are kept, closed. Raises StaleTask, and what the database raises if this
        cannot be stored."""
        try:
            return await self._next_step(task)
        except StaleTask:
            raise
        except AtelierError as error:
            return await self._refuse(task, error.reason, error.parameters, str(error))
        except AccountRefused as error:
            await self._account.refused(error)
            return await self._later(task)
        except ServiceError as error:
            log.debug(
                "task step failed: service error, the task continues later or ends", task=task.id, error=str(error)
            )
            if isinstance(error, Refused) and task.state is TaskState.QUEUED:
                refused = await self._refuse(task, error.reason, {}, str(error))
                await self._account.refused(error)
                return refused
            return await self._later(task)
        except MemoryError:
            return await self._suspects.keep_counted(task) if task.attempts else await self._later(task)
        except Exception:
            log.exception(
                "task step failed: unexpected error, the task continues later or, if it is too old, ends",
                task=task.id,
                state=task.state.value,
            )
            return await self._later(task)

    async def _next_step(self, task: Task) -> Task:
        if adopted := await self.adoption.adopted(task):
            return adopted
        if ended := await self._suspects.check(task):
            return ended
        match task.state:
            case TaskState.QUEUED:
                return await self._preparation.prepare(task)
            case TaskState.SUBMITTING:
                return await self.submission.create(task, await self._cards.begun(task))
            case TaskState.GENERATING if task.creates_wanted > 1:
                return await self._several.advance(task)
            case TaskState.GENERATING:
                return await self._polling.ask(task)
            case TaskState.SETTLED:
                return await self._outcome_delivery.deliver(task)
            case TaskState.CLOSED:
                return await self.adoption.look_later(task)
            case TaskState.CANCELLED:
                return task
            case unknown:
                assert_never(unknown)

    async def _refuse(self, task: Task, reason: Reason, parameters: Mapping[str, str | int], why: str) -> Task:
        """Settle a task without a charge, because nothing was sent."""
        now = self._clock()
        return await self._stores.tasks.settle(
            task, now=now, why=why, reason=reason, parameters=parameters, charged=False, failures=0, **released(now)
        )

    async def _later(self, task: Task) -> Task:
        match task.state:
            case TaskState.SUBMITTING if not_sent := await self.submission.not_sent(task):
                return not_sent
            case TaskState.GENERATING if task.creates_wanted > 1:
                return await self._several.later(task)
            case TaskState.GENERATING:
                return await self._polling.ask_later(task)
            case TaskState.SETTLED:
                return await self._outcome_delivery.deliver_later(task)
            case TaskState.QUEUED if self._is_too_old(task):
                return await self._refuse(task, Reason.SERVICE_FAULT, {}, "could not be prepared in 24 hours")
            case _:
                failures = task.failures + 1
                due = self._clock() + int(backoff(failures) * 1000)
                return await self._stores.tasks.change(task, failures=failures, **released(due))

    def _is_too_old(self, task: Task) -> bool:
        age = self._clock() - task.created_at
        return age >= GIVE_UP_AFTER.total_seconds() * 1000 and not is_doubtful(self._clock)

    async def _hold(self, task: Task) -> None:
        """Renew the lease of the task, unless it was stored a moment ago. Raises StaleTask if this process no longer
        owns the task: the lease expired and another worker claimed it, or it was released."""
        if task.lease_until - self._clock() > LEASE_MS - FRESH_MS:
            return
        held = await self._stores.claims.renew(self._owner, [task.id], until=self._clock() + LEASE_MS)
        if task.id not in held:
            raise StaleTask
