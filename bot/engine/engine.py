"""
The doors to a task's life: people (`submit`, `again`, `cancel`) and time (`step`, `run`).

News of a task, from a poll or from elsewhere, goes through `Watching.observe`.

`step()` does what is due now, once; `run()` is a loop around the same. A task is pushed by one process at a time, under
a lease in its row, and every move is compare-and-set, so whoever comes second loses politely.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Final, assert_never

import structlog

from bot.engine.account import Account
from bot.engine.board import Board
from bot.engine.creation import GIVE_UP_AFTER, Creation
from bot.engine.policy import LEASE_MS, RENEW_SECONDS, Policy
from bot.engine.ports import Card, CardPhase, Delivery, FetchReference, ImageAPI
from bot.engine.preparation import Preparation
from bot.engine.retention import Retention
from bot.engine.schedule import backoff
from bot.engine.telling import Telling
from bot.engine.watching import Watching
from bot.errors import AccountRefused, LimitReached, NotYours, Reason, Refused, ServiceError, TooLate, UserError
from storage import tasks as store
from storage.models import NewReference, NewTask, Origin, Task, TaskState, released
from storage.pictures import PictureStore
from storage.tasks import StaleTask, TaskStore

PUSHES_AT_ONCE: Final = 1000
"""What takes memory has its own, smaller number where it is done."""
IDLE_SECONDS: Final = 5.0
"""`run` looks at least this often; whatever it starts itself wakes it at once."""
BUSY_SECONDS: Final = 0.25
"""How soon `run` looks again when work is due that may not be started yet."""
SHOW_SECONDS: Final = 5.0
"""How often cards of those who wait are looked at: places and progress change without news."""
CHECK_SECONDS: Final = 5.0
SWEEP_EVERY: Final = timedelta(hours=1)
GRACE_SECONDS: Final = 8.0
"""After `stop`: what a create in flight and the write behind it may still take."""
CANCEL_TRIES: Final = 3

log = structlog.get_logger(__name__)


def system_clock() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Engine:
    def __init__(
        self,
        *,
        tasks: TaskStore,
        copies: PictureStore,
        api: ImageAPI,
        delivery: Delivery,
        fetch_reference: FetchReference,
        policy: Policy,
        clock: Callable[[], int] = system_clock,
    ) -> None:
        self.clock = clock
        self._tasks = tasks
        self._delivery = delivery
        self._policy = policy
        self._owner = uuid.uuid4().hex
        self._account = Account(
            tasks=tasks, api=api, delivery=delivery, clock=clock, probe_after=policy.probe_account_after
        )
        self._board = Board(tasks=tasks, delivery=delivery, account=self._account, clock=clock)
        self._preparation = Preparation(
            tasks=tasks,
            copies=copies,
            api=api,
            fetch=fetch_reference,
            always_upload=policy.always_upload,
            clock=clock,
        )
        self._creation = Creation(tasks=tasks, api=api, account=self._account, clock=clock)
        self._watching = Watching(tasks=tasks, api=api, board=self._board, clock=clock)
        self._telling = Telling(tasks=tasks, copies=copies, api=api, delivery=delivery, hold=self._hold, clock=clock)
        self._retention = Retention(tasks=tasks, pictures=copies, keep=policy.keep_pictures, clock=clock)
        self._busy: set[str] = set()
        self._pushes: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._stopping = False

    # People

    async def submit(self, new: NewTask) -> Card:
        """Store a request. The same interaction again is the same task. Raises LimitReached; then nothing is stored."""
        task, _ = await self._stored(new)
        return await self._first_card(task)

    async def again(self, task_id: str, origin: Origin) -> Card:
        """The same request once more, as a task of its own, with our copies of its references.

        Raises NotYours, LimitReached, and TooLate while it is asked again already: two quick clicks cost once.
        """
        task = await self._known(task_id)
        if task.asker_id != origin.asker_id:
            raise NotYours
        references = tuple(
            NewReference(
                kind=one.kind,
                url=one.url,
                filename=one.filename,
                declared_type=one.declared_type,
                declared_bytes=one.declared_bytes,
                kept_key=one.key,
            )
            for one in await self._tasks.references(task_id)
        )
        request = NewTask(
            **asdict(origin),
            prompt=task.prompt,
            size=task.size,
            variants=task.variants,
            enhance=task.enhance,
            fallback=task.fallback,
            references=references,
            again_of=task.id,
        )
        stored, is_new = await self._stored(request)
        if not is_new and stored.interaction_id != origin.interaction_id:
            raise TooLate(Reason.ASKED_AGAIN_ALREADY)
        return await self._first_card(stored)

    async def cancel(self, task_id: str, user_id: int) -> Task:
        """Take a request back while it is queued. Raises NotYours, TooLate."""
        for _ in range(CANCEL_TRIES):
            task = await self._known(task_id)
            if task.asker_id != user_id:
                raise NotYours
            if task.state is not TaskState.QUEUED:
                raise TooLate(Reason.TOO_LATE_TO_CANCEL)
            now = self.clock()
            try:
                cancelled = await self._tasks.move(
                    task, TaskState.CANCELLED, now=now, why="by the asker", **released(now)
                )
            except StaleTask:
                continue
            await self._board.show(cancelled)
            return cancelled
        raise TooLate(Reason.TOO_LATE_TO_CANCEL)

    async def card_posted(self, task_id: str, message_id: int) -> None:
        """The first answer stands in the channel; perhaps so late that the asker was told already."""
        await self._tasks.set_card(task_id, message_id)
        task = await self._known(task_id)
        if task.state is TaskState.CLOSED:
            await self._delivery.remove_card(task)
        else:
            await self._board.show(task)

    async def _first_card(self, task: Task) -> Card:
        """What is stored is asked for: nothing that fails from here on may say that it was not."""
        try:
            return await self._board.card(task)
        except Exception:
            log.exception("a first card could not be made", task=task.id)
            return Card(task=task, phase=CardPhase.PREPARING)

    async def _stored(self, new: NewTask) -> tuple[Task, bool]:
        try:
            stored = await self._tasks.submit(new, self._policy.limits, now=self.clock())
        except store.LimitReached as reached:
            raise _refusal(reached) from None
        self._wake.set()
        return stored

    # Time

    async def start(self) -> None:
        """Once, before `step` or `run`: take up what an earlier process left."""
        await self._account.load()
        await self._board.learn()

    async def step(self) -> None:
        """Do what is due now, once, and wait until it is done."""
        await self._account.check()
        await asyncio.gather(*[self._push(task) for task in await self._claim()])

    async def run(self) -> None:
        """Do what is due, as it falls due, until `stop`."""
        async with asyncio.TaskGroup() as group:
            upkeep = [group.create_task(self._regularly(*chore)) for chore in self._chores()]
            try:
                while not self._stopping:
                    self._wake.clear()
                    started = await self._start_due()
                    await self._rest(started)
                if self._pushes:
                    await asyncio.wait(self._pushes, timeout=GRACE_SECONDS)
            finally:
                await _end([*upkeep, *self._pushes])

    def stop(self) -> None:
        """Begin no more work; `run` returns within `GRACE_SECONDS`, leaving the rest as the rows say."""
        self._stopping = True
        self._wake.set()

    async def _start_due(self) -> bool:
        try:
            claimed = await self._claim()
        except Exception:
            log.exception("due work could not be read")
            return False
        for task in claimed:
            push = asyncio.create_task(self._push(task))
            self._pushes.add(push)
            push.add_done_callback(self._pushed)
        return bool(claimed)

    def _pushed(self, push: asyncio.Task[None]) -> None:
        self._pushes.discard(push)
        self._wake.set()

    async def _rest(self, started: bool) -> None:
        try:
            next_due = await self._tasks.next_due(now=self.clock())
        except Exception:
            log.exception("due work could not be read")
            next_due = None
        seconds = IDLE_SECONDS if next_due is None else (next_due - self.clock()) / 1000
        soonest = 0.0 if started else BUSY_SECONDS
        try:
            async with asyncio.timeout(min(max(seconds, soonest), IDLE_SECONDS)):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _claim(self) -> list[Task]:
        """Everything that may be pushed now, in our hands; what has just become `submitting` comes with its create."""
        room = PUSHES_AT_ONCE - len(self._busy)
        if self._stopping or room <= 0:
            return []
        due = await self._tasks.claim(self._owner, now=self.clock(), lease_ms=LEASE_MS, limit=room)
        claimed = [task for task in due if task.id not in self._busy]
        claimed += await self._begin_creates(room - len(claimed))
        self._busy.update(task.id for task in claimed)
        return claimed

    async def _begin_creates(self, room: int) -> list[Task]:
        begun: list[Task] = []
        while not self._stopping and self._account.takes_creates and len(begun) < room:
            task = await self._begin_create()
            if task is None:
                break
            self._creation.begun(task)
            begun.append(task)
        return begun

    async def _begin_create(self) -> Task | None:
        """None when it is nobody's turn. What was begun before this fails must still be sent, so it does not raise."""
        try:
            return await self._tasks.begin_create(
                self._owner, self._policy.creates, now=self.clock(), lease_ms=LEASE_MS
            )
        except Exception:
            log.exception("the next create could not be begun")
            return None

    async def _push(self, task: Task) -> None:
        try:
            moved = await self._advanced(task)
            if moved.state is not task.state:
                log.info("task moved", task=task.id, state=moved.state.value, reason=moved.reason)
            if moved.state is not TaskState.CLOSED:
                await self._board.show(moved)
        except StaleTask:
            log.debug("somebody else moved it", task=task.id)
        except Exception:
            log.exception("a task could not be moved; its lease will run out", task=task.id)
        finally:
            self._busy.discard(task.id)

    async def _advanced(self, task: Task) -> Task:
        try:
            return await self._advance(task)
        except StaleTask:
            raise
        except UserError as error:
            return await self._refuse(task, error.reason, error.parameters, str(error))
        except AccountRefused as error:
            await self._account.refused(error.reason)
            return await self._later(task)
        except ServiceError as error:
            log.debug("tried again later", task=task.id, error=str(error))
            if isinstance(error, Refused) and task.state is TaskState.QUEUED:
                return await self._refuse(task, error.reason, {}, str(error))
            return await self._later(task)
        except Exception:
            log.exception("defect while advancing", task=task.id, state=task.state.value)
            return await self._later(task)

    async def _advance(self, task: Task) -> Task:
        match task.state:
            case TaskState.QUEUED:
                return await self._preparation.prepare(task)
            case TaskState.SUBMITTING:
                await self._board.show(task)
                return await self._creation.create(task)
            case TaskState.GENERATING:
                return await self._watching.ask(task)
            case TaskState.SETTLED:
                return await self._telling.tell(task)
            case TaskState.CLOSED | TaskState.CANCELLED:
                return task
            case unknown:
                assert_never(unknown)

    async def _refuse(self, task: Task, reason: Reason, parameters: Mapping[str, str | int], why: str) -> Task:
        """Settled before anything was sent: it cost nothing."""
        now = self.clock()
        return await self._tasks.settle(
            task, now=now, why=why, reason=reason, parameters=parameters, charged=False, failures=0, **released(now)
        )

    async def _later(self, task: Task) -> Task:
        match task.state:
            case TaskState.GENERATING:
                return await self._watching.ask_later(task)
            case TaskState.SETTLED:
                return await self._telling.tell_later(task)
            case TaskState.QUEUED if self.clock() - task.created_at >= GIVE_UP_AFTER.total_seconds() * 1000:
                return await self._refuse(task, Reason.SERVICE_FAULT, {}, "could not be prepared in 24 hours")
            case _:
                failures = task.failures + 1
                due = self.clock() + int(backoff(failures) * 1000)
                return await self._tasks.change(task, failures=failures, **released(due))

    async def _hold(self, task: Task) -> None:
        """Raises StaleTask if the lease has run out and somebody else may be at it."""
        held = await self._tasks.renew(self._owner, [task.id], until=self.clock() + LEASE_MS)
        if task.id not in held:
            raise StaleTask

    def _chores(self) -> list[tuple[Callable[[], Awaitable[object]], float]]:
        """What goes on beside the pushes, and every how many seconds."""
        return [
            (self._renew_leases, RENEW_SECONDS),
            (self._account.check, CHECK_SECONDS),
            (self._board.show_waiting, SHOW_SECONDS),
            (self._retention.sweep, SWEEP_EVERY.total_seconds()),
        ]

    async def _regularly(self, chore: Callable[[], Awaitable[object]], seconds: float) -> None:
        while True:
            try:
                await chore()
            except Exception:
                log.exception("a chore failed; it is done again later", chore=chore.__name__)
            await asyncio.sleep(seconds)

    async def _renew_leases(self) -> None:
        await self._tasks.renew(self._owner, sorted(self._busy), until=self.clock() + LEASE_MS)

    async def _known(self, task_id: str) -> Task:
        task = await self._tasks.get(task_id)
        if task is None:
            raise TooLate(Reason.TASK_UNKNOWN)
        return task


async def _end(running: Sequence[asyncio.Task[None]]) -> None:
    for one in running:
        one.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def _refusal(reached: store.LimitReached) -> LimitReached:
    """The store's answer as something that can be told."""
    reasons = {
        "open_tasks_per_user": Reason.TOO_MANY_OPEN,
        "pictures_per_user_per_day": Reason.TOO_MANY_TODAY,
        "pictures_per_day": Reason.SERVICE_FULL_TODAY,
    }
    parameters = {"allowed": reached.allowed}
    if reached.free_at is not None:
        parameters["free_at"] = reached.free_at
    return LimitReached(reasons[reached.limit], **parameters)
