"""
The doors to a task's life: people (`submit`, `again`, `cancel`), news (`called_back`) and time (`step`, `run`).

What the image API says of a task, whether it was asked or has called back, goes through `Watching.observe`.

`step()` does what is due now, once; `run()` is a loop around the same. A task is pushed by one process at a time, under
a lease in its row, and every move is compare-and-set, so whoever comes second loses politely.
"""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final, assert_never

import structlog

from bot.engine.adoption import Adoption
from bot.engine.attempts import Attempts
from bot.engine.batches import Batches
from bot.engine.board import Board
from bot.engine.clock import is_doubtful, system_clock
from bot.engine.creation import GIVE_UP_AFTER, Creation
from bot.engine.curation import Curation
from bot.engine.erasing import Erasing
from bot.engine.gate import Gate
from bot.engine.keeping import Keeping
from bot.engine.late_pictures import LatePictures
from bot.engine.operator import Operator
from bot.engine.orphans import Orphans
from bot.engine.people import People
from bot.engine.picture_work import PictureWork
from bot.engine.places import places_to_export, places_to_look
from bot.engine.policy import LEASE_MS, RENEW_SECONDS, Policy
from bot.engine.ports import Delivery, FetchReference, ImageAPI
from bot.engine.preparation import Preparation
from bot.engine.reference_fetching import ReferenceFetching
from bot.engine.reliance import Reliance
from bot.engine.result_fetching import ResultFetching
from bot.engine.result_hosts import ResultHostWatch
from bot.engine.retention import Retention
from bot.engine.schedule import backoff
from bot.engine.showing import Showing
from bot.engine.space import Space
from bot.engine.suspects import Suspects
from bot.engine.telling import Telling
from bot.engine.trials import TASK, Trials
from bot.engine.watching import Watching
from bot.errors import AccountRefused, AtelierError, Reason, Refused, ServiceError
from storage.disks import Disks
from storage.models import Picture, Task, TaskState, released
from storage.pictures import PictureStore
from storage.stores import Stores
from storage.tasks import StaleTask

PUSHES_AT_ONCE: Final = 1000
"""What takes memory has its own, smaller number where it is done."""
IDLE_SECONDS: Final = 5.0
"""`run` looks at least this often; whatever it starts itself wakes it at once."""
BUSY_SECONDS: Final = 0.25
"""How soon `run` looks again when work is due that may not be started yet."""
BREATH_SECONDS: Final = 0.05
"""`run` looks no oftener: many wake it, and each look is a write that people may have to wait for."""
SHOW_SECONDS: Final = 5.0
"""How often cards of those who wait are looked at: places and progress change without news."""
CHECK_SECONDS: Final = 5.0
SUSPECTS_SECONDS: Final = 30.0
"""How often what another process was at when it died is looked for."""
CURATION_SECONDS: Final = 2.0
"""How soon a removal, a report, a copy for a gallery or an erasure is on its way."""
SHARING_SECONDS: Final = 1.0
"""How soon a picture is in its batch's message."""
LATE_SECONDS: Final = 15.0
"""How soon after its time a picture that was told as a link is tried again."""
SWEEP_EVERY: Final = timedelta(hours=1)
UNCHARGED_SWEEP_EVERY: Final = timedelta(minutes=10)
GRACE_SECONDS: Final = 8.0
"""After `stop`: what a create in flight and the write behind it may still take."""
TOKEN_BYTES: Final = 32
"""Of chance in the address that a create is called back at."""

log = structlog.get_logger(__name__)


class Engine(People):
    def __init__(
        self,
        *,
        stores: Stores,
        copies: PictureStore,
        api: ImageAPI,
        delivery: Delivery,
        fetch_reference: FetchReference,
        picture_work: PictureWork,
        policy: Policy,
        disks: Disks | None = None,
        clock: Callable[[], int] = system_clock,
    ) -> None:
        tasks = stores.tasks
        self._wake = asyncio.Event()
        self._operator = operator = Operator(tasks=tasks, delivery=delivery, clock=clock)
        self._gate = Gate(
            tasks=tasks,
            api=api,
            operator=operator,
            probe_after=policy.probe_account_after,
            wake=self._wake.set,
            clock=clock,
        )
        board = Board(tasks=tasks, delivery=delivery, paused=self._gate.paused, clock=clock)
        space = Space(disks=disks or Disks(), least_bytes=policy.least_free_bytes, operator=operator, clock=clock)
        super().__init__(
            tasks=tasks, delivery=delivery, board=board, policy=policy, space=space, wake=self._wake.set, clock=clock
        )
        self._account = self._gate.account
        self._owner = uuid.uuid4().hex
        self._trials = Trials(clock=clock)
        self._suspects = Suspects(tasks=tasks, trials=self._trials, operator=operator, owner=self._owner, clock=clock)
        self._attempts = Attempts(
            store=stores.attempts, trials=self._trials, operator=operator, owner=self._owner, clock=clock
        )
        self.curation = Curation(stores=stores, delivery=delivery, attempts=self._attempts, clock=clock)
        self.batches = Batches(
            stores=stores,
            delivery=delivery,
            operator=operator,
            attempts=self._attempts,
            policy=policy,
            space=space,
            wake=self._wake.set,
            clock=clock,
        )
        self.erasing = Erasing(
            erasures=stores.erasures,
            copies=copies,
            delivery=delivery,
            cancel=self.cancel,
            attempts=self._attempts,
            clock=clock,
        )
        self.showing = Showing(tasks=tasks, delivery=delivery, board=board)
        self.kept = Keeping(tasks=tasks, operator=operator, wake=self._wake.set, clock=clock)
        self._retention = Retention(tasks=tasks, pictures=copies, keep=policy.keep_pictures, clock=clock)
        self._orphans = Orphans(named=stores.named_copies, pictures=copies, clock=clock)
        results = ResultFetching(
            api=self._gate.api,
            copies=copies,
            hosts=ResultHostWatch(operator),
            picture_work=picture_work,
            space=space,
        )
        self.late_pictures = LatePictures(
            tasks=tasks,
            late=stores.late_pictures,
            copies=copies,
            fetching=results,
            attempts=self._attempts,
            clock=clock,
        )
        self.fetching = ReferenceFetching(fetch_reference, picture_work)
        self.looks, self.exports = places_to_look(), places_to_export()
        self._set_up_steps(copies, results, picture_work)
        self._busy: set[str] = set()
        self._pushes: set[asyncio.Task[None]] = set()
        self._stopping = False

    def _set_up_steps(self, copies: PictureStore, results: ResultFetching, picture_work: PictureWork) -> None:
        tasks, api, policy, clock = self._tasks, self._gate.api, self._policy, self.clock
        self._preparation = Preparation(
            tasks=tasks,
            copies=copies,
            api=api,
            fetching=self.fetching,
            picture_work=picture_work,
            limits=policy.limits,
            space=self.space,
            always_upload=policy.always_upload,
            clock=clock,
        )
        callbacks = policy.callbacks is not None
        self._creation = Creation(
            tasks=tasks, api=api, account=self._account, callbacks=callbacks, hold=self._hold, clock=clock
        )
        reliance = Reliance(tasks=tasks, expected=callbacks, clock=clock)
        self._watching = Watching(tasks=tasks, api=api, board=self._board, reliance=reliance, clock=clock)
        self._adoption = Adoption(tasks=tasks, api=api, watching=self._watching, clock=clock)
        self._telling = Telling(
            tasks=tasks,
            fetching=results,
            delivery=self._delivery,
            kept=self.kept,
            hold=self._hold,
            give_up_after=policy.keep_pictures,
            clock=clock,
        )

    @property
    def keep_pictures(self) -> timedelta:
        """How long after its end a task's copies are kept."""
        return self._policy.keep_pictures

    async def original_link(self, task: Task, picture: Picture) -> str | None:
        """An address of a picture as the image API made it, good for 20 minutes; None where that no longer has it.
        Raises ServiceError where it cannot be asked now."""
        if task.kie_id is None:
            return None
        try:
            return await self._gate.api.direct_link(task.kie_id, picture.url)
        except AccountRefused:
            raise
        except Refused:
            return None

    # News

    async def called_back(self, token: str, kie_id: str) -> bool:
        """The image API says that the create with this token has come to an end as `kie_id`. Written down at once, the
        rest is done in time. False for a token that no create has. Raises what the database does."""
        known = await self._adoption.called_back(token, kie_id)
        self._wake.set()
        return known

    # Time

    async def start(self) -> None:
        """Once, before `step` or `run`: take up what an earlier process left."""
        await self._suspects.find()
        await self._attempts.start()
        await self._account.load()
        await self._board.learn()
        await self._board.come_back()
        await self.curation.start()
        await self.late_pictures.resume()
        await self.erasing.start()
        await self.batches.resume()

    async def step(self) -> None:
        """Do what is due now, once, and wait until it is done."""
        await self._gate.check()
        await self.space.check()
        await asyncio.gather(*[self._push(task) for task in await self._claim()])
        await self.late_pictures.step()
        await self.curation.step()
        await self.erasing.step()
        await self.batches.sharing.step()
        await self._operator.check()

    async def run(self) -> None:
        """Do what is due, as it falls due, until `stop`."""
        async with asyncio.TaskGroup() as group:
            upkeep = [group.create_task(self._regularly(*chore)) for chore in self._chores()]
            try:
                while not self._stopping:
                    self._wake.clear()
                    began = time.monotonic()
                    started = await self._start_due()
                    await self._rest(started)
                    await asyncio.sleep(began + BREATH_SECONDS - time.monotonic())
                if self._pushes:
                    await asyncio.wait(self._pushes, timeout=GRACE_SECONDS)
            finally:
                await _end([*upkeep, *self._pushes])
                await self._let_go()

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

    async def _let_go(self) -> None:
        try:
            await self._suspects.let_go()
        except Exception:
            log.exception("what was under way could not be let go of; the next start takes it for suspect")

    def _pushed(self, push: asyncio.Task[None]) -> None:
        self._pushes.discard(push)
        self._wake.set()

    async def _rest(self, started: bool) -> None:
        try:
            next_due = await self._tasks.next_due(now=self.clock())
        except Exception:
            log.exception("due work could not be read")
            next_due = None
        seconds = IDLE_SECONDS if next_due is None else max(0.0, (next_due - self.clock()) / 1000)
        if not seconds and not started:
            seconds = BUSY_SECONDS
        try:
            async with asyncio.timeout(min(seconds, IDLE_SECONDS)):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _claim(self) -> list[Task]:
        """Everything that may be pushed now, in our hands; what has just become `submitting` comes with its create."""
        room = PUSHES_AT_ONCE - len(self._busy)
        if self._stopping or room <= 0:
            return []
        due = await self._claim_due(room)
        self._begun([task for task in due if task.attempts])
        creates = await self._begin_creates(room - len(due)) if self._trials.open else []
        self._begun(creates)
        claimed = [*due, *creates]
        self._busy.update(task.id for task in claimed)
        return claimed

    def _begun(self, claimed: Sequence[Task]) -> None:
        """What a death would harm: nothing of it goes on beside what is tried alone. A create in flight would not be
        known to be taken or not."""
        for task in claimed:
            self._trials.begin((TASK, task.id))

    async def _claim_due(self, room: int) -> Sequence[Task]:
        """What is tried apart comes first, in a claim of its own."""
        if suspects := await self._suspects.claim(limit=room):
            return suspects
        now, busy = self.clock(), frozenset(self._busy)
        return await self._tasks.claim(
            self._owner, now=now, lease_ms=LEASE_MS, limit=room, besides=busy, risky=self._trials.open
        )

    async def _begin_creates(self, room: int) -> list[Task]:
        begun: list[Task] = []
        while not self._stopping and self._gate.takes_creates and len(begun) < room:
            task = await self._begin_create()
            if task is None:
                break
            begun.append(task)
        return begun

    async def _begin_create(self) -> Task | None:
        """None when it is nobody's turn. What was begun before this fails must still be sent, so it does not raise."""
        token, prefix = secrets.token_urlsafe(TOKEN_BYTES), self._policy.callbacks
        try:
            task = await self._tasks.begin_create(
                self._owner,
                self._policy.creates,
                now=self.clock(),
                lease_ms=LEASE_MS,
                token=token if prefix else None,
            )
        except Exception:
            log.exception("the next create could not be begun")
            return None
        if task is not None:
            self._creation.begun(task, f"{prefix}{token}" if prefix else None)
        return task

    async def _push(self, task: Task) -> None:
        """In a task of asyncio's own: whatever is logged meanwhile, by whatever part, carries the task's id."""
        structlog.contextvars.bind_contextvars(task=task.id)
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
            self._trials.end((TASK, task.id))
            self._creation.left(task.id)

    async def _advanced(self, task: Task) -> Task:
        try:
            return await self._advance(task)
        except StaleTask:
            raise
        except AtelierError as error:
            return await self._refuse(task, error.reason, error.parameters, str(error))
        except AccountRefused as error:
            await self._account.refused(error)
            return await self._later(task)
        except ServiceError as error:
            log.debug("tried again later", task=task.id, error=str(error))
            if isinstance(error, Refused) and task.state is TaskState.QUEUED:
                refused = await self._refuse(task, error.reason, {}, str(error))
                await self._account.refused(error)
                return refused
            return await self._later(task)
        except MemoryError:
            return await self._suspects.keep_counted(task) if task.attempts else await self._later(task)
        except Exception:
            log.exception("defect while advancing", task=task.id, state=task.state.value)
            return await self._later(task)

    async def _advance(self, task: Task) -> Task:
        if adopted := await self._adoption.adopted(task):
            return adopted
        if ended := await self._suspects.check(task):
            return ended
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
            case TaskState.CLOSED:
                return await self._adoption.look_later(task)
            case TaskState.CANCELLED:
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
            case TaskState.SUBMITTING if not_sent := await self._creation.not_sent(task):
                return not_sent
            case TaskState.GENERATING:
                return await self._watching.ask_later(task)
            case TaskState.SETTLED:
                return await self._telling.tell_later(task)
            case TaskState.QUEUED if self._is_too_old(task):
                return await self._refuse(task, Reason.SERVICE_FAULT, {}, "could not be prepared in 24 hours")
            case _:
                failures = task.failures + 1
                due = self.clock() + int(backoff(failures) * 1000)
                return await self._tasks.change(task, failures=failures, **released(due))

    def _is_too_old(self, task: Task) -> bool:
        age = self.clock() - task.created_at
        return age >= GIVE_UP_AFTER.total_seconds() * 1000 and not is_doubtful(self.clock)

    async def _hold(self, task: Task) -> None:
        """Raises StaleTask if the lease has run out and somebody else may be at it."""
        held = await self._tasks.renew(self._owner, [task.id], until=self.clock() + LEASE_MS)
        if task.id not in held:
            raise StaleTask

    def _chores(self) -> list[tuple[Callable[[], Awaitable[object]], float]]:
        """What goes on beside the pushes, and every how many seconds."""
        return [
            (self._renew_leases, RENEW_SECONDS),
            (self._gate.check, CHECK_SECONDS),
            (self._operator.check, CHECK_SECONDS),
            (self._suspects.find, SUSPECTS_SECONDS),
            (self._board.show_waiting, SHOW_SECONDS),
            (self.curation.step, CURATION_SECONDS),
            (self.late_pictures.step, LATE_SECONDS),
            (self.erasing.step, CURATION_SECONDS),
            (self.erasing.sweep, SWEEP_EVERY.total_seconds()),
            (self.batches.sharing.step, SHARING_SECONDS),
            (self.batches.sweep_proposals, SWEEP_EVERY.total_seconds()),
            (self.space.check, CHECK_SECONDS),
            (self._retention.sweep, SWEEP_EVERY.total_seconds()),
            (self._retention.sweep_uncharged, UNCHARGED_SWEEP_EVERY.total_seconds()),
            (self._orphans.sweep_orphans, SWEEP_EVERY.total_seconds()),
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


async def _end(running: Sequence[asyncio.Task[None]]) -> None:
    for one in running:
        one.cancel()
    await asyncio.gather(*running, return_exceptions=True)
