"""Load a task with everything that its messages show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from bot.engine.ports import Outcome, Posted
from bot.errors import Reason
from storage.community import Repost, RepostKind
from storage.models import CreateState, Reach, Route, Task
from storage.stores import Stores


async def outcome_of(stores: Stores, task: Task) -> Outcome:
    return Outcome(
        settings=await stores.guilds.settings(task.guild_id),
        task=task,
        references=await stores.references.of_task(task.id),
        pictures=await stores.pictures.of_task(task.id),
        missing=await missing_of(stores, task),
        parent=await stores.tasks.get(task.parent_id) if task.parent_id is not None else None,
    )


async def missing_of(stores: Stores, task: Task) -> Mapping[Reason | None, int]:
    """Return how many of several creates of a task with pictures made none, as in `Outcome`."""
    if task.creates_wanted == 1 or task.settled_at is None or task.reason is not None:
        return {}
    creates = await stores.creates.of_task(task.id)
    failed = [Reason(create.reason) for create in creates if create.state is CreateState.FAILED and create.reason]
    unknown = [Reason.UNCONFIRMED for create in creates if create.state is CreateState.UNCONFIRMED]
    begun = {create.number for create in creates if create.state is not CreateState.REFUSED}
    left: Mapping[Reason | None, int] = {None: task.creates_wanted - len(begun)}
    return {reason: count for reason, count in [*Counter([*failed, *unknown]).items(), *left.items()] if count}


async def outcome_of_repost(stores: Stores, task: Task, repost: Repost) -> Outcome:
    """Return the outcome as a repost shows it, with the settings of the repost's server. A copy in a gallery links to
    the original message, if there is one."""
    settings = await stores.guilds.settings(repost.guild_id)
    outcome = replace(await outcome_of(stores, task), repost=repost, settings=settings)
    if repost.kind is not RepostKind.GALLERY:
        return outcome
    return replace(outcome, original=await _original(stores, task))


async def _original(stores: Stores, task: Task) -> Posted | None:
    """Return the message in which others can see the result: the published repost, or else the first message if it is
    in a channel. None if there is none."""
    for repost in await stores.reposts.of_task(task.id):
        if repost.kind is not RepostKind.PUBLISHED or repost.removed_at is not None:
            continue
        if repost.message_id is not None:
            return Posted(channel_id=repost.channel_id, message_id=repost.message_id)
    part = (await stores.parts.first_of([task.id])).get(task.id)
    if part is None or part.route not in {Route.CHANNEL, Route.ORIGINAL} or task.reach is not Reach.CHANNEL:
        return None
    if part.message_id is None or part.message_channel_id is None:
        return None
    return Posted(channel_id=part.message_channel_id, message_id=part.message_id)
