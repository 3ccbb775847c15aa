"""
Handle results after delivery: repost them, copy them to a gallery, report, hide and remove them.

Requests are stored first, and the outbox carries them out. Removing and hiding set marks in rows, and `MessageSync`
updates the messages to match.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.engine.outbox.message_sync import is_for_asker
from bot.engine.outbox.reports import Reports
from bot.engine.outbox.reposts import Reposts
from bot.engine.ports import Delivery
from bot.errors import Gone, NotAllowed, NotFound, NotYours, Reason
from storage.community import NewRepost, Repost, RepostKind
from storage.models import Task, TaskState
from storage.stores import Stores


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """The person who asks, and whether they moderate the server in which they ask. `guild_id` is None in direct
    messages."""

    person_id: int
    guild_id: int | None
    moderates: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Removable:
    """What a person may remove: `repost`, if the message with the button is a repost that the person may remove (else
    None), and all messages of the result, if `everywhere`."""

    task: Task
    repost: Repost | None
    everywhere: bool


class Curation:
    def __init__(
        self, *, stores: Stores, delivery: Delivery, reposts: Reposts, reports: Reports, clock: Callable[[], int]
    ) -> None:
        self._stores = stores
        self._delivery = delivery
        self._search = stores.search
        self._stored_reposts = stores.reposts
        self._store = stores.curation
        self._reposts = reposts
        self._reports = reports
        self._clock = clock

    async def post_again(self, new: NewRepost, who: Role) -> Repost:
        """Repost a result: at once, or later if Discord fails now. The repost shows the state of the result at the time
        of posting. Raises what `postable` and `Reposts.post_now` raise; for another person's result also NotYours,
        unless the repost is for a gallery, and then NotAllowed, unless the person moderates the gallery's server. A
        repost that exists already (the same `once`) is not posted twice."""
        self._check_posts(await self.postable(new.task_id, who), new, who)
        return await self._reposts.post_now(new)

    async def copy_starred(self, new: NewRepost, who: Role) -> None:
        """Copy a result to a gallery because of a reaction. The copy is posted by the outbox, since no person waits for
        a response. Raises what `postable` raises, and NotYours and NotAllowed as `post_again` does."""
        self._check_posts(await self.postable(new.task_id, who), new, who)
        await self._reposts.ask(new)

    async def postable(self, task_id: str, who: Role) -> Task:
        """Return a result with pictures whose task is closed (delivered or not) and that is not private or belongs to
        the person. Raises NotFound if the task is unknown or another person's private one, and Gone if the result is
        removed or hidden, has no pictures, or its task is not closed."""
        task = await self._known(task_id, who)
        if task.state is not TaskState.CLOSED or task.reason is not None:
            raise Gone(Reason.PICTURE_GONE)
        if task.removed_at is not None or task.hidden_at is not None:
            raise Gone(Reason.TAKEN_OUT)
        return task

    async def removable(self, task_id: str, who: Role, message_id: int | None) -> Removable:
        """Return what the person may remove. `message_id` is the message with the button. Raises NotFound as `postable`
        does, and NotAllowed if the person may remove nothing."""
        task = await self._known(task_id, who)
        found = await self._stored_reposts.in_message(message_id) if message_id is not None else None
        repost = found if found is not None and _may_remove(task, found, who) else None
        everywhere = _may_curate(task, who)
        if repost is None and not everywhere:
            raise NotAllowed(Reason.NOT_YOURS_TO_REMOVE)
        return Removable(task=task, repost=repost, everywhere=everywhere)

    async def remove(self, task_id: str, who: Role) -> None:
        """Mark a result as removed, so that the outbox deletes its messages, and close its reports. Raises NotFound and
        NotAllowed as `check_curates` does."""
        task = await self.check_curates(task_id, who)
        await self._store.remove(task.id, by=who.person_id, now=self._clock())
        await self._reports.over(task.id, by=who.person_id)

    async def stays(self, task_id: str, who: Role) -> bool:
        """Return whether the bot can no longer delete a message that the person has removed or asks to remove: the
        person has to delete it. False for a person who may not remove the result. Messages that only the asker sees
        count for the asker alone. Raises NotFound as `postable` does."""
        task = await self._known(task_id, who)
        reposts, own = await self._stored_reposts.of_task(task_id), task.asker_id == who.person_id
        return _may_curate(task, who) and any(
            part.message_id is not None and not self._delivery.messages.removable(task, part)
            for part in await self._stores.parts.of_task(task_id)
            if own or not is_for_asker(task, part, reposts)
        )

    async def check_curates(self, task_id: str, who: Role) -> Task:
        """Return the task if it is the person's own, or was asked for in the server that the person moderates. Raises
        NotFound as `postable` does, and NotAllowed for any other person."""
        task = await self._known(task_id, who)
        if not _may_curate(task, who):
            raise NotAllowed(Reason.NOT_YOURS_TO_REMOVE)
        return task

    async def remove_repost(self, repost_id: str, who: Role) -> None:
        """Mark a single repost for deletion. Raises NotFound if it is unknown or of another person's private task, and
        NotAllowed unless the result is the person's own or the person moderates the repost's server."""
        repost = await self._stored_reposts.get(repost_id)
        if repost is None:
            raise NotFound(Reason.TASK_UNKNOWN)
        if not _may_remove(await self._known(repost.task_id, who), repost, who):
            raise NotAllowed(Reason.NOT_YOURS_TO_REMOVE)
        await self._store.remove_repost(repost, now=self._clock())

    async def message_gone(self, message_id: int) -> None:
        """Handle the deletion of a message in Discord, by a person or by the bot. If it was a message of the outcome or
        the published one, the copies of the result in galleries are removed too; if it was such a copy, that copy
        counts as removed. Any other message is ignored, also one of a batch, and the one about a doubt that an adoption
        has withdrawn."""
        now = self._clock()
        repost = await self._stored_reposts.in_message(message_id)
        if repost is not None and repost.kind is RepostKind.GALLERY:
            await self._store.remove_repost(repost, now=now)
        elif repost is not None and repost.kind is RepostKind.PUBLISHED:
            await self._store.remove_gallery_reposts(repost.task_id, now=now)
        elif repost is None and (task := await self._search.task_of_message(message_id)):
            withdrawn = await self._stores.parts.withdrawn(task.id)
            if withdrawn is None or withdrawn.message_id != message_id:
                await self._store.remove_gallery_reposts(task.id, now=now)

    async def _known(self, task_id: str, who: Role) -> Task:
        task = await self._stores.tasks.get(task_id)
        if task is None or (task.private and task.asker_id != who.person_id):
            raise NotFound(Reason.TASK_UNKNOWN)
        return task

    def _check_posts(self, task: Task, new: NewRepost, who: Role) -> None:
        """Check that the person may repost the result: its asker always, and for a gallery also a moderator of the
        gallery's server. Raises NotYours, NotAllowed."""
        if task.asker_id == who.person_id:
            return
        if new.kind is not RepostKind.GALLERY:
            raise NotYours
        if not who.moderates or who.guild_id != new.guild_id:
            raise NotAllowed(Reason.NOT_YOURS_TO_SHOW)


def _may_curate(task: Task, who: Role) -> bool:
    """Return whether the result is the person's own, or was made in the server that the person moderates."""
    at_home = task.guild_id is not None and who.guild_id == task.guild_id
    return task.asker_id == who.person_id or (who.moderates and at_home)


def _may_remove(task: Task, repost: Repost, who: Role) -> bool:
    """Return whether the repost is of this task, and is the person's own result or in the server that the person
    moderates."""
    here = repost.guild_id is not None and who.guild_id == repost.guild_id
    return repost.task_id == task.id and (task.asker_id == who.person_id or (who.moderates and here))
