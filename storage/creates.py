"""Store creates before they are sent, and the callbacks that the image API sends for them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Unpack

import sqlalchemy as sa

from storage import fair_queue
from storage.card_facts import CardFacts, card_facts
from storage.catalogue import MODELS, Model
from storage.curation import sync_messages
from storage.database import Database
from storage.models import Changes, Create, CreateChanges, CreateLimits, CreateState, Task, TaskState
from storage.prepared import Prepared
from storage.processes import create_of, work_of
from storage.rows import values
from storage.schema import creates, key_values, outcome_parts, pictures, tasks
from storage.shards import Shards
from storage.transactions import Transaction
from storage.transitions import compare_and_set, move, write_event

THROTTLED_FACT: Final = "creates_throttled_until"
PAUSED_FACT: Final = "creates_paused"
PROBING_FACT: Final = "creates_probing"
"""Since when (ms) one create at a time begins, after a pause, until one is accepted."""
LONGEST_PAUSE_MS: Final = 3_600_000
"""ms. Longest pause that the image API may ask for. The stored end of a longer one was written before the clock was set
back."""
_ANSWERED: Final = creates.c.answered_at > sa.bindparam("window")
_UNANSWERED: Final = sa.and_(creates.c.answered_at.is_(None), creates.c.at > sa.bindparam("unanswered"))
WINDOW_COLUMNS: Final = (
    sa.select(sa.func.count()).where(_ANSWERED).scalar_subquery().label("answered"),
    sa.select(sa.func.count()).where(_UNANSWERED).scalar_subquery().label("unanswered"),
    sa.select(sa.func.min(creates.c.answered_at)).where(_ANSWERED).scalar_subquery().label("first_answered"),
    sa.select(sa.func.min(creates.c.at)).where(_UNANSWERED).scalar_subquery().label("first_unanswered"),
    *[
        sa.select(key_values.c.value).where(key_values.c.name == name).scalar_subquery().label(label)
        for label, name in (("until", THROTTLED_FACT), ("paused", PAUSED_FACT), ("probing", PROBING_FACT))
    ],
)
"""The fields of a `Window`."""
WINDOW: Final = Prepared(sa.select(*WINDOW_COLUMNS))
STORED: Final = [column for column in creates.c if column is not creates.c.token_digest]
"""The fields of a `Create`."""
OF_TOKEN: Final = Prepared(
    sa.select(*STORED, tasks.c.guild_id)
    .join(tasks, tasks.c.id == creates.c.task_id)
    .where(creates.c.token_digest == sa.bindparam("digest"))
)


class CalledBack(NamedTuple):
    """What became of a callback."""

    task_id: str
    is_used: bool
    """False: its create has another job, or is no longer in doubt."""
    is_known: bool
    """Whether the image API had answered the create with the job before."""
    woken: str | None = None
    """The process that hears of it."""


@dataclass(frozen=True, slots=True)
class Window:
    """The creates that count against the limit of the image API now, and what all processes are to wait for."""

    answered: int
    unanswered: int
    first_answered: int | None
    """When (ms) the first of the answered ones was answered."""
    first_unanswered: int | None
    """When (ms) the row of the first unanswered one was stored."""
    until: str | None
    paused: str | None
    probing: str | None

    @staticmethod
    def times(limits: CreateLimits, now: int) -> dict[str, int]:
        """Return the parameters of `WINDOW_COLUMNS`."""
        return {"window": now - limits.window_ms, "unanswered": now - limits.unanswered_ms}

    def room(self, limits: CreateLimits, now: int, *, alone: bool) -> int:
        """Return how many creates may begin: as many as `per_window` has room for, and none if the image API has asked
        for a pause. Unless the process is `alone`, which knows it itself: also none if a process has paused creates,
        or while one at a time is to begin and one is unanswered."""
        if self._is_paused(alone=alone) or self._throttled_until(now):
            return 0
        return max(0, limits.per_window - self.answered - self.unanswered)

    def room_at(self, limits: CreateLimits, now: int, *, alone: bool) -> int | None:
        """Return the earliest time (ms) at which creates may begin that may not begin now; None if they may, or if the
        time is unknown because a process has paused creates."""
        if self._is_paused(alone=alone) or self.room(limits, now, alone=alone):
            return None
        leaves = [until for until in (self._throttled_until(now),) if until]
        if self.answered + self.unanswered >= limits.per_window:
            answered = [self.first_answered + limits.window_ms] if self.first_answered is not None else []
            lost = [self.first_unanswered + limits.unanswered_ms] if self.first_unanswered is not None else []
            leaves.append(min(answered + lost, default=now))
        return max(leaves)

    def _is_paused(self, *, alone: bool) -> bool:
        return not alone and (self.paused is not None or (self.probing is not None and self.unanswered > 0))

    def _throttled_until(self, now: int) -> int:
        """Return until when (ms) the image API has asked for a pause; 0 if it has not."""
        until = int(self.until or 0)
        return until if 0 < until - now <= LONGEST_PAUSE_MS else 0


class CreateStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(
        self,
        owner: str,
        limits: CreateLimits,
        *,
        now: int,
        lease_ms: int,
        token: str | None = None,
        models: Mapping[str, Model] = MODELS,
        except_ids: Collection[str] = (),
        shards: Shards | None = None,
        passing: Shards | None = None,
        follows: Callable[[Task | None], str | None] | None = None,
        shows: Callable[[Task, CardFacts], None] | None = None,
    ) -> Task | None:
        """
        Store the next create and return its task under the owner's lease: now `submitting`, or still `generating` for a
        further create of a task that wants several. `token` is what the callback of the create will carry; only a
        digest of the token is stored. `models`: all that the installation knows. The tasks in `except_ids`, on which
        this process still works, are skipped.

        In one transaction: count the creates of the window (`CreateLimits`) and those that the tasks in flight want;
        select the next task in fair order (the asker with the fewest in flight first, then the oldest); insert a row in
        `creates`; move a queued task, and store how many creates it wants and who knows them. Return None if there is
        no such task or a limit is reached. Further creates keep only the limit of the window: their places in flight
        were taken with the first.

        With `shards`, return None also if the next task is of another shard, for another process to begin (`upcoming`).
        The tasks of the shards in `passing` are passed over. `follows` gets the task whose create is next after this
        one (`upcoming`), and returns the process to tell of it, which hears of it once the transaction is committed.
        `shows` gets a task whose first create this is, and what its card shows.
        """
        async with self._database.write() as connection:
            await self._database.serialize(connection, "creates")
            if not await self._may_begin(connection, limits, now):
                return None
            task = await _next(connection, limits, now, models, except_ids, passing)
            if task is None or (shards is not None and not shards.have(task.guild_id)):
                return None
            model, lease = models.get(task.model), {"owner": owner, "lease_until": now + lease_ms}
            provider, wanted = task.provider, task.creates_wanted
            if task.state is TaskState.QUEUED:
                provider = model.form.value if model is not None else provider
                wanted = _wanted(task, models)
            price = task.estimated_credits
            if model is not None and wanted != task.creates_wanted:  # stored before 4o changed its wire form
                price = model.price(variants=task.variants, resolution=task.resolution)
            number = await _next_number(connection, task, wanted) if wanted > 1 else 0
            if number is None:
                await compare_and_set(connection, task, {"next_create_at": None})
                return None
            written = {
                "task_id": task.id,
                "at": now,
                "token_digest": digest(token) if token else None,
                "provider": provider,
                "number": number,
                "estimated_credits": price / wanted if price is not None else None,
            }
            await connection.execute(sa.insert(creates).values(written))
            if task.state is TaskState.GENERATING:
                begun = await compare_and_set(connection, task, lease)
            else:
                changes: dict[str, Any] = {
                    **lease,
                    "provider": provider,
                    "creates_wanted": wanted,
                    "estimated_credits": price,
                }
                begun = await move(connection, task, TaskState.SUBMITTING, now=now, why="create", changes=changes)
            if shows is not None and begun.state is TaskState.SUBMITTING:
                shows(begun, await card_facts(connection, begun))
            if follows is not None:
                following = await _next(connection, limits, now, models, except_ids, passing, lock=False)
                if (process := follows(following)) is not None:
                    await self._database.notify(connection, create_of(process))
            return begun

    async def begun_at(self, owner: str, at: int, *, except_ids: Collection[str] = ()) -> Task | None:
        """Return the task, none of `except_ids`, that the owner holds and whose create it stored at `at` (ms), if that
        create has no answer; None if there is none."""
        sent = sa.exists().where(
            creates.c.task_id == tasks.c.id, creates.c.at == at, creates.c.state == CreateState.SENT
        )
        these = sa.and_(tasks.c.owner == owner, tasks.c.id.not_in(except_ids), sent)
        async with self._database.read() as connection:
            found = values(Task, await connection.execute(sa.select(tasks).where(these).limit(1)))
        return found[0] if found else None

    async def accepted_since(self, since: int) -> bool:
        """Return whether a create was accepted at or after `since` (ms)."""
        these = sa.and_(creates.c.answered_at >= since, creates.c.job_id.is_not(None))
        async with self._database.read() as connection:
            return (await connection.execute(sa.select(creates.c.id).where(these).limit(1))).first() is not None

    async def upcoming(
        self,
        limits: CreateLimits,
        *,
        now: int,
        models: Mapping[str, Model] = MODELS,
        except_ids: Collection[str] = (),
        passing: Shards | None = None,
    ) -> Task | None:
        """Return the task of any shard whose create comes next, as `begin` would select it while the window has room.
        Return None if no create waits, or none that fits into those in flight."""
        async with self._database.read() as connection:
            return await _next(connection, limits, now, models, except_ids, passing, lock=False)

    async def throttled(self, *, until: int) -> None:
        """Begin no create before `until` (ms), in no process, because the image API answered one with 429. A longer
        pause that runs already stays."""
        stored = sa.cast(key_values.c.value, sa.BigInteger)
        is_longer = sa.and_(stored > until, stored <= until + LONGEST_PAUSE_MS)
        value = sa.case((is_longer, key_values.c.value), else_=str(until))
        this = key_values.c.name == THROTTLED_FACT
        async with self._database.write() as connection:
            await self._database.serialize(connection, f"fact {THROTTLED_FACT}")
            if not (await connection.execute(sa.update(key_values).where(this).values(value=value))).rowcount:
                await connection.execute(sa.insert(key_values).values(name=THROTTLED_FACT, value=str(until)))

    async def change(self, task: Task, ended: Mapping[int, CreateChanges], **changes: Unpack[Changes]) -> Task:
        """Set columns of creates of the task, by their id, and of the task itself, without moving the task. Raises
        StaleTask, and then nothing is changed."""
        async with self._database.write() as connection:
            changed = await compare_and_set(connection, task, {**changes})
            for create_id, columns in ended.items():
                await connection.execute(sa.update(creates).where(creates.c.id == create_id).values(**columns))
            return changed

    async def of_task(self, task_id: str) -> tuple[Create, ...]:
        """Return the creates of a task, oldest first."""
        return (await self._creates(creates.c.task_id == task_id))[::-1]

    async def in_question(self, task: Task) -> Create | None:
        """Return the create that may have been accepted as `claimed_job_id` of the task; the last one if none is
        claimed."""
        found = await self._creates(creates.c.task_id == task.id)
        claimed = [create for create in found if create.claimed_job_id == task.claimed_job_id]
        return next(iter([*(claimed if task.claimed_job_id else []), *found]), None)

    async def first_unanswered(self, task: Task) -> Create | None:
        """Return the first of the task's creates (number 0) that was not refused; None unless it was not answered."""
        unanswered = creates.c.state.in_([CreateState.SENT, CreateState.UNCONFIRMED])
        found = await self._creates(sa.and_(creates.c.task_id == task.id, creates.c.number == 0, unanswered))
        return found[0] if found else None

    async def called_back(
        self,
        token: str,
        job_id: str,
        *,
        reason: str,
        now: int,
        since: int,
        repeated: bool = False,
        process_of: Callable[[int | None], str | None] = lambda _guild_id: None,
    ) -> CalledBack | None:
        """
        Store in one transaction what follows from a callback with this token for the job `job_id`. Return None if no
        create has the token.

        Of the first callback for a create, store when it came. If the image API answered the create with this job,
        make the generating task due at once, unless `repeated`: a worker that is polling the task right now polls the
        task again afterwards (`sooner`). If the create is not answered and was stored after `since` (ms), put it in
        question (`put_in_question`). `process_of` returns the process that works on the tasks of a guild, which is
        then woken; None if it need not be.
        """
        async with self._database.write() as connection:
            if (found := await _with_token(connection, token)) is None:
                return None
            create, guild_id = found
            is_due = is_known = False
            if create.job_id is None and create.at > since:
                is_due = await _put_in_question(connection, create, job_id=job_id, reason=reason, now=now)
            if not is_due:
                if create.job_id is None:  # its answer may have been stored just now
                    create, _ = await _with_token(connection, token) or found
                is_known = create.job_id == job_id
                is_due = is_known and not repeated and await _news(connection, create, now=now)
            if create.called_back_at is None:  # the row of the task is locked first, as everywhere
                first = sa.and_(creates.c.id == create.id, creates.c.called_back_at.is_(None))
                await connection.execute(sa.update(creates).where(first).values(called_back_at=now))
            woken = process_of(guild_id) if is_due else None
            if woken is not None:
                await self._database.notify(connection, work_of(woken))
            return CalledBack(create.task_id, is_used=is_due or is_known, is_known=is_known, woken=woken)

    async def callback_share(self, *, before: int, grace_ms: int, limit: int) -> float | None:
        """Return which share (0 to 1) of the last `limit` creates was called back before the end of its job was known
        or at most `grace_ms` after. Only accepted creates with a token count, whose end was known before `before` (ms).
        Return None if there are fewer than `limit`."""
        in_time = creates.c.called_back_at <= creates.c.ended_at + grace_ms
        expected = sa.select(sa.func.coalesce(in_time, sa.false())).where(
            creates.c.job_id.is_not(None), creates.c.token_digest.is_not(None), creates.c.ended_at < before
        )
        async with self._database.read() as connection:
            last = (await connection.execute(expected.order_by(creates.c.id.desc()).limit(limit))).scalars().all()
        return sum(last) / limit if len(last) == limit else None

    async def put_in_question(self, create: Create, *, job_id: str, reason: str, now: int) -> bool:
        """
        Record that the image API may have accepted a create as `job_id`, and make its task due at once, so that a
        worker looks at the job.

        Do nothing and return False unless the create was not answered, and its task is `submitting`, ended with
        `reason` or, if it wants several creates, is `generating` or ended with pictures. A `claimed_job_id` that is set
        already is kept. A generating task has it only in the row of the create.
        """
        async with self._database.write() as connection:
            return await _put_in_question(connection, create, job_id=job_id, reason=reason, now=now)

    async def reject_claim(self, task: Task, **changes: Unpack[Changes]) -> Task:
        """Forget the task's `claimed_job_id`, also that of the create, and set other columns of the task. If another
        create of the task is claimed, its claim becomes the task's. Raises StaleTask."""
        rejected = sa.and_(creates.c.task_id == task.id, creates.c.claimed_job_id == task.claimed_job_id)
        async with self._database.write() as connection:
            await _lock(connection, task)
            await connection.execute(sa.update(creates).where(rejected).values(claimed_job_id=None))
            others: dict[str, Any] = {"claimed_job_id": await _next_claim(connection, task)}
            return await compare_and_set(connection, task, {**changes, **others})

    async def add_late(
        self, task: Task, create: Create, urls: Sequence[str], *, now: int, why: str, ended: CreateChanges
    ) -> Task:
        """
        Store the end of a create that was unconfirmed when its settled or closed task was settled with the pictures of
        other creates. The task's messages become due for an update.

        Its pictures follow those that the task has, so that no picture changes its place. If the messages of the
        outcome are planned, the pictures are downloaded late (`LatePictureStore`), else with the others. Raises
        StaleTask.
        """
        of_task = pictures.c.task_id == task.id
        async with self._database.write() as connection:
            await _lock(connection, task)
            await connection.execute(sa.update(creates).where(creates.c.id == create.id).values(**ended))
            claim: dict[str, Any] = {"claimed_job_id": await _next_claim(connection, task)}
            cost = await _consumed(connection, task.id)
            free: dict[str, Any] = {"owner": None, "lease_until": 0, "attempts": 0, "due_at": now}
            changed = await compare_and_set(connection, task, {**claim, **free, "consumed_credits": cost})
            parts = sa.select(outcome_parts.c.number).where(outcome_parts.c.task_id == task.id).limit(1)
            is_late = task.state is TaskState.CLOSED or (await connection.execute(parts)).first() is not None
            last = (await connection.execute(sa.select(sa.func.max(pictures.c.position)).where(of_task))).scalar_one()
            place = -1 if last is None else last
            for position, url in enumerate(urls, start=place + 1):
                picture = {"task_id": task.id, "position": position, "url": url}
                waits = {"unfetchable": is_late, "due_at": now if is_late else None}
                await connection.execute(sa.insert(pictures).values(picture | waits))
            await sync_messages(connection, task.id, now=now)
            await write_event(connection, task.id, at=now, before=task.state, after=task.state, why=why)
            return changed

    async def _may_begin(self, connection: Transaction, limits: CreateLimits, now: int) -> bool:
        ((*window,),) = await WINDOW.rows(connection, Window.times(limits, now))
        return Window(*window).room(limits, now, alone=self._database.alone) > 0

    async def _creates(self, which: sa.ColumnElement[bool]) -> tuple[Create, ...]:
        """Return the matching creates, newest first."""
        statement = sa.select(*STORED).where(which).order_by(creates.c.id.desc())
        async with self._database.read() as connection:
            return values(Create, await connection.execute(statement))


async def _with_token(connection: Transaction, token: str) -> tuple[Create, int | None] | None:
    """Return the create whose callback carries this token, and the guild of its task; None if there is none."""
    found = await OF_TOKEN.rows(connection, {"digest": digest(token)})
    if not found:
        return None
    *columns, guild_id = found[0]
    return Create(**dict(zip([column.name for column in STORED], columns, strict=True))), guild_id


async def _put_in_question(connection: Transaction, create: Create, *, job_id: str, reason: str, now: int) -> bool:
    unanswered = creates.c.state.in_([CreateState.SENT, CreateState.UNCONFIRMED])
    this = sa.and_(creates.c.id == create.id, unanswered)
    several, generates = tasks.c.creates_wanted > 1, tasks.c.state == TaskState.GENERATING
    over = tasks.c.state.in_([TaskState.SETTLED, TaskState.CLOSED])
    unknown = sa.or_(tasks.c.reason == reason, sa.and_(several, tasks.c.reason.is_(None)))
    doubtful = sa.or_(tasks.c.state == TaskState.SUBMITTING, sa.and_(generates, several), sa.and_(over, unknown))
    these = sa.and_(tasks.c.id == create.task_id, doubtful, sa.exists().where(this))
    claimed = sa.case((generates, sa.null()), else_=sa.func.coalesce(tasks.c.claimed_job_id, job_id))
    asked = sa.update(tasks).where(these).values(claimed_job_id=claimed, due_at=sooner(now))
    claim = sa.update(creates).where(this).values(claimed_job_id=sa.func.coalesce(creates.c.claimed_job_id, job_id))
    if not (await connection.execute(asked)).rowcount:
        return False
    await connection.execute(claim)
    return True


async def _news(connection: Transaction, create: Create, *, now: int) -> bool:
    """Make a generating task due at once, because the image API sent news of the job of this create. Return False if
    the job has ended."""
    works = sa.exists().where(creates.c.id == create.id, creates.c.state == CreateState.TAKEN)
    these = sa.and_(tasks.c.id == create.task_id, tasks.c.state == TaskState.GENERATING, works)
    return bool((await connection.execute(sa.update(tasks).where(these).values(due_at=sooner(now)))).rowcount)


async def _next(
    connection: Transaction,
    limits: CreateLimits,
    now: int,
    models: Mapping[str, Model],
    except_ids: Collection[str],
    passing: Shards | None,
    *,
    lock: bool = True,
) -> Task | None:
    """Select the task whose create comes next within the limit of those in flight. A queued task that does not fit
    holds up other queued tasks, but no further creates: their places are taken already."""
    task, flying = await _following(connection, now, except_ids, passing, first=True, lock=lock)
    if task is None or task.state is TaskState.GENERATING:
        return task
    if not flying or flying + _wanted(task, models) <= limits.in_flight:
        return task
    return (await _following(connection, now, except_ids, passing, first=False, lock=lock))[0]


async def _following(
    connection: Transaction, now: int, except_ids: Collection[str], passing: Shards | None, *, first: bool, lock: bool
) -> tuple[Task | None, int]:
    """Return the first task of `fair_queue.next_create` that is none of `except_ids`, and how many creates those in
    flight want. Rarely one of `except_ids` comes first; only then several rows are read, and locked."""
    statement = fair_queue.next_create(first=first, passing=passing, lock=lock)
    for most in (1, 1 + len(except_ids)):
        found = await statement.rows(connection, {"now": now, "most": most})
        for *columns, flying in found:
            task = Task(**dict(zip(tasks.c.keys(), columns, strict=True)))
            if task.id not in except_ids:
                return task, flying
        if not found:
            break
    return None, 0


def _wanted(task: Task, models: Mapping[str, Model]) -> int:
    model = models.get(task.model)
    return model.creates_for(task.variants) if model is not None else 1


async def _next_number(connection: Transaction, task: Task, wanted: int) -> int | None:
    """Return the lowest number of a create that did not begin, or was refused; None if there is none, because the
    process died before it could store that the last one had begun."""
    begun = sa.select(creates.c.number).where(creates.c.task_id == task.id, creates.c.state != CreateState.REFUSED)
    taken = set((await connection.execute(begun)).scalars())
    return next((number for number in range(wanted) if number not in taken), None)


async def _lock(connection: Transaction, task: Task) -> None:
    """Wait for a callback that is being stored for the task: its claim has to be among those that are read next."""
    await connection.execute(sa.select(tasks.c.id).where(tasks.c.id == task.id).with_for_update())


async def _next_claim(connection: Transaction, task: Task) -> str | None:
    """Return the claim of another unanswered create of an ended task."""
    claimed = sa.and_(creates.c.claimed_job_id.is_not(None), creates.c.state == CreateState.UNCONFIRMED)
    claims = sa.select(creates.c.claimed_job_id).where(creates.c.task_id == task.id, claimed).order_by(creates.c.id)
    return (await connection.execute(claims.limit(1))).scalar_one_or_none()


async def _consumed(connection: Transaction, task_id: str) -> float | None:
    """Return what the creates with pictures cost together; None if the image API did not say so of one of them."""
    done = sa.select(creates.c.consumed_credits).where(
        creates.c.task_id == task_id, creates.c.state == CreateState.DONE
    )
    costs = (await connection.execute(done)).scalars().all()
    return sum(costs) if costs and None not in costs else None


def sooner(now: int) -> sa.ColumnElement[int]:
    """Return a due time that is not in the future and differs from the stored one. A worker that holds the task leaves
    a changed due time as it is (`compare_and_set`)."""
    return sa.case((tasks.c.due_at > now, now), else_=tasks.c.due_at - 1)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
