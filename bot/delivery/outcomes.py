"""Plan the parts of an outcome, and post each part once, by its present route."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import discord

from bot.client import Atelier
from bot.delivery.cards import CardUpdater
from bot.delivery.interaction_reply import ORIGINAL, answer_by, can_answer, ephemeral_by, token_lives
from bot.delivery.message_search import find_part
from bot.delivery.packing import pack
from bot.delivery.results_first import ResultsFirst
from bot.delivery.sending import NO_USER, direct_messages, fitted, in_open_thread, only, posted, with_smaller_files
from bot.discord_errors import map_discord_errors
from bot.discord_limits import BYTES_PER_FILE, BYTES_PER_MESSAGE, FILES_PER_MESSAGE
from bot.engine.ports import Outcome, Posted
from bot.engine.work.picture_work import PictureWork
from bot.errors import RouteClosed
from bot.imaging.fitting import Fitted
from bot.traffic import Priority, requests_as
from bot.ui.kit.pictures import closing
from bot.ui.kit.text import PROMPT_FILENAME
from bot.ui.results.outcomes import (
    AttachedPicture,
    failure_view,
    picture_name,
    pictures_view,
    prompt_quote,
    withdrawn_view,
)
from bot.ui.waiting.undelivered import delivered_elsewhere_view
from storage.community import Repost
from storage.models import NewPart, OutcomePart, Picture, Reach, Route, Task
from storage.pictures import PictureStore

_BY_TOKEN: Final = frozenset({Route.ORIGINAL, Route.EPHEMERAL, Route.COLLECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """The pictures of one part: `fitted` are attached; `links` are sent as links, because they cannot be attached (see
    `bot.delivery.sending.fitted`)."""

    fitted: tuple[tuple[Picture, Fitted], ...] = ()
    links: tuple[Picture, ...] = ()


Send = Callable[[discord.ui.LayoutView, list[discord.File]], Awaitable[Posted]]


class OutcomePoster:
    def __init__(
        self,
        client: Atelier,
        picture_store: PictureStore,
        work: PictureWork,
        *,
        cards: CardUpdater,
        results_first: ResultsFirst,
        clock: Callable[[], int],
    ) -> None:
        self._client = client
        self._picture_store = picture_store
        self._work = work
        self._cards = cards
        self._results_first = results_first
        self._clock = clock

    async def plan(self, outcome: Outcome) -> Sequence[NewPart]:
        """Distribute the pictures that have a stored copy over messages; if the bot can only answer the interaction,
        `FILES_PER_MESSAGE` of them in one. The first message also links those without a copy. Only a copy above the
        channel's limit, or of unknown size, is read: for such a copy, raises MissingCopy, Unavailable."""
        if outcome.task.reach is Reach.ANSWER:  # an answer is one message
            return [NewPart(pictures=tuple(_with_copies(outcome))[:FILES_PER_MESSAGE], nonce=nonce_of(outcome.task, 0))]
        limit = min(outcome.task.upload_limit, BYTES_PER_MESSAGE)
        sizes = [
            (picture.position, await self._size(picture, limit))
            for picture in outcome.pictures
            if picture.key is not None
        ]
        prompt_file = 0 if prompt_quote(outcome).whole else 1
        return [
            NewPart(pictures=positions, nonce=nonce_of(outcome.task, number))
            for number, positions in enumerate(pack(sizes, first_takes=FILES_PER_MESSAGE - prompt_file))
        ]

    async def post(self, outcome: Outcome, part: OutcomePart, *, uncertain: bool) -> Posted:
        """Post the part by its route. If `uncertain`, search for an earlier message of the part first, and return that
        if it is found; a part that went by the route `EPHEMERAL` cannot be searched for and may be sent twice. By the
        route `ORIGINAL`, the first answer (the card) is edited into the part. Raises RouteClosed, Unavailable,
        MissingCopy."""
        with requests_as(Priority.RESULT):
            if part.route is Route.ORIGINAL:
                if not can_answer(outcome.task, self._clock()):
                    raise RouteClosed("its interaction can no longer be answered")
                await self._cards.leave(outcome.task)
            try:
                return await self._post(outcome, part, uncertain=uncertain)
            finally:
                self._cards.wake()

    async def _post(self, outcome: Outcome, part: OutcomePart, *, uncertain: bool) -> Posted:
        with self._results_first.sending_to(outcome.task.channel_id):
            if uncertain and (found := await self._arrived(outcome, part)):
                return found
            match part.route:
                case Route.EPHEMERAL:
                    return await self._post_to_asker_alone(outcome, part)
                case Route.CHANNEL:
                    return await self._post_in(self._channel(outcome.task), outcome, part)
                case Route.DIRECT:
                    return await self._post_in(await self._direct(outcome.task), outcome, part)
                case Route.ORIGINAL:
                    return await self._post_as_answer(outcome, part)
                case Route.COLLECTED:
                    raise AssertionError("what was collected is not posted")

    async def repost(self, outcome: Outcome, repost: Repost, *, uncertain: bool) -> Posted:
        """Post the whole outcome in one message in the repost's channel. If `uncertain`, search that channel for an
        earlier message first, and return that if it is found. Raises RouteClosed, Unavailable, MissingCopy."""
        shown = as_posted(outcome, repost)
        part = part_of_repost(shown, repost)
        channel = self._channel(shown.task)
        try:
            with self._results_first.sending_to(repost.channel_id):
                if uncertain and (found := await find_part(self._client, channel, shown, part)):
                    return found
                return await self._post_in(channel, shown, part)
        finally:
            self._cards.wake()

    async def find(self, outcome: Outcome, part: OutcomePart) -> Posted | None:
        """Search for the part in the request's channel, unless the bot can only answer there, and then in the asker's
        direct messages. None if it is not found; a place that is closed to the bot is left out. Raises Unavailable."""
        with requests_as(Priority.RESULT):
            return await self._find(outcome, part)

    async def _find(self, outcome: Outcome, part: OutcomePart) -> Posted | None:
        in_channel = outcome.task.reach is Reach.CHANNEL
        with suppress(RouteClosed):
            if in_channel and (found := await find_part(self._client, self._channel(outcome.task), outcome, part)):
                return found
        with suppress(RouteClosed):
            return await find_part(self._client, await self._direct(outcome.task), outcome, part)
        return None

    async def withdraw(self, outcome: Outcome, part: OutcomePart) -> None:
        if part.message_channel_id is None or part.message_id is None or is_out_of_reach(outcome, part):
            raise RouteClosed("nothing that could be edited")
        channel = self._client.get_partial_messageable(part.message_channel_id)
        with map_discord_errors():
            message = channel.get_partial_message(part.message_id)
            await message.edit(view=withdrawn_view(outcome, part), allowed_mentions=NO_USER)

    async def post_collected(self, outcome: Outcome, parts: Sequence[OutcomePart]) -> Posted:
        """Edit the answer to the interaction with which the asker came for an undelivered outcome: show all `parts` in
        one message; without parts, say that the outcome was delivered elsewhere. Raises RouteClosed, Unavailable,
        MissingCopy."""
        token, came_at = outcome.task.collect_token, outcome.task.collect_at
        if token is None or came_at is None or not token_lives(came_at, self._clock()):
            raise RouteClosed("the interaction by which the asker came has expired")
        send = self._as_answer(token)
        if not parts:
            with map_discord_errors(by_token=True):
                return await send(delivered_elsewhere_view(outcome.task), [])
        whole = replace(
            parts[0],
            pictures=tuple(position for part in parts for position in part.pictures),
            route=Route.COLLECTED,
        )
        return await self._fitted(outcome, whole, send)

    async def show_to(self, outcome: Outcome, *, token: str) -> None:
        """Edit the first answer to the interaction of `token` to show the whole outcome. Raises RouteClosed,
        Unavailable, MissingCopy."""
        whole = OutcomePart(
            task_id=outcome.task.id,
            number=0,
            pictures=tuple(_with_copies(outcome)),
            nonce=nonce_of(outcome.task, 0),
            route=Route.COLLECTED,
        )
        await self._fitted(outcome, whole, self._as_answer(token))

    def _as_answer(self, token: str) -> Send:
        answer = answer_by(self._client, token)

        async def send(view: discord.ui.LayoutView, files: list[discord.File]) -> Posted:
            return posted(await answer.edit_message(ORIGINAL, view=view, attachments=files))

        return send

    def next_route(self, outcome: Outcome, part: OutcomePart, *, now: int) -> Route | None:
        """Return the route to try after `part.route`; None after direct messages and for a collected part. After the
        channel comes the first answer if it can still be edited at `now` (ms) and the outcome is one part, as an answer
        is one message; otherwise, and after any answer to the request, direct messages."""
        if outcome.task.reach is Reach.ANSWER:
            return Route.DIRECT if part.route in {Route.ORIGINAL, Route.EPHEMERAL} else None
        alone = part.number == 0 and list(part.pictures) == _with_copies(outcome)
        match part.route:
            case Route.CHANNEL if alone and can_answer(outcome.task, now):
                return Route.ORIGINAL
            case Route.CHANNEL | Route.ORIGINAL | Route.EPHEMERAL:
                return Route.DIRECT
            case Route.DIRECT | Route.COLLECTED:
                return None

    def _channel(self, task: Task) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(task.channel_id, guild_id=task.guild_id)

    async def _direct(self, task: Task) -> discord.DMChannel:
        return await direct_messages(self._client, task.asker_id)

    async def _post_in(self, channel: discord.abc.Messageable, outcome: Outcome, part: OutcomePart) -> Posted:
        async def send(view: discord.ui.LayoutView, files: list[discord.File]) -> Posted:
            mentions = _mentions(outcome, part)
            return posted(await channel.send(view=view, files=files, nonce=part.nonce, allowed_mentions=mentions))

        return await self._fitted(outcome, part, send)

    async def _post_as_answer(self, outcome: Outcome, part: OutcomePart) -> Posted:
        answer = answer_by(self._client, outcome.task.interaction_token)

        async def send(view: discord.ui.LayoutView, files: list[discord.File]) -> Posted:
            mentions = _mentions(outcome, part)
            edited = await answer.edit_message(ORIGINAL, view=view, attachments=files, allowed_mentions=mentions)
            return Posted(channel_id=outcome.task.channel_id, message_id=edited.id)

        return await self._fitted(outcome, part, send)

    async def _post_to_asker_alone(self, outcome: Outcome, part: OutcomePart) -> Posted:
        """Send the part as another answer to the interaction, which only the asker sees. No search finds it: if its
        confirmation is lost, the part is sent a second time. Raises RouteClosed if the token has expired."""
        task = outcome.task
        if not can_answer(task, self._clock()):
            raise RouteClosed("its interaction can no longer be answered")
        answer = ephemeral_by(self._client, task.interaction_token)

        async def send(view: discord.ui.LayoutView, files: list[discord.File]) -> Posted:
            return posted(await answer.send(view=view, files=files, ephemeral=True, wait=True))

        return await self._fitted(outcome, part, send)

    async def _arrived(self, outcome: Outcome, part: OutcomePart) -> Posted | None:
        """Return where an earlier attempt posted the part; None if it is not found. Search the request's channel,
        unless the bot can only answer there, whatever the route is now, as the earlier attempt may have used it; if the
        route is direct, or the task was restored from a backup, also the direct messages. For the route `EPHEMERAL`,
        search nothing: no search finds such an answer. Raises RouteClosed if the route is the channel or direct and its
        place is closed, but not for a restored task, and Unavailable."""
        found = None
        if part.route is Route.EPHEMERAL:
            return None
        if outcome.task.backed_up_at is not None:
            return await self._find(outcome, part)
        try:
            if outcome.task.reach is Reach.CHANNEL:
                found = await find_part(self._client, self._channel(outcome.task), outcome, part)
        except RouteClosed:
            if part.route is Route.CHANNEL:
                raise
        if found is None and part.route is Route.DIRECT:
            found = await find_part(self._client, await self._direct(outcome.task), outcome, part)
        return found

    async def _fitted(self, outcome: Outcome, part: OutcomePart, send: Send) -> Posted:
        """Send the part. If Discord rejects the files as too large, send it again with smaller files, then with links.
        By the route `CHANNEL`, reopen an archived thread."""

        async def sent(limit: int) -> Posted:
            load = await self.load(_carried(outcome, part), limit)

            async def once() -> Posted:
                view, files = _message(outcome, part, load)
                with closing(files), map_discord_errors(by_token=part.route in _BY_TOKEN):
                    return await send(view, files)

            if part.route is Route.CHANNEL:
                return await in_open_thread(self._client, outcome.task.channel_id, once)
            return await once()

        return await with_smaller_files(limit_for(outcome, part), sent, task=outcome.task.id)

    async def _size(self, picture: Picture, limit: int) -> int:
        if picture.bytes is not None and picture.bytes <= limit:
            return picture.bytes
        copy = await fitted(self._picture_store, self._work, picture, limit)
        return len(copy.data) if copy else 0

    async def load(self, pictures: Sequence[Picture], limit: int) -> Payload:
        """Load the stored copies of the pictures. A copy of more than `limit` bytes is re-encoded; a picture that
        cannot be attached becomes a link. Raises MissingCopy, and Unavailable if none can be re-encoded now."""
        copies = [(picture, await fitted(self._picture_store, self._work, picture, limit)) for picture in pictures]
        return Payload(
            fitted=tuple((picture, copy) for picture, copy in copies if copy is not None),
            links=tuple(picture for picture, copy in copies if copy is None),
        )


def nonce_of(task: Task, number: int) -> str:
    """Return the nonce of a part, by which Discord recognises a repeated send: 18 characters (Discord: 25), always the
    same for one outcome. If a failure is delivered first and pictures later, the pictures get other nonces."""
    text = f"{task.id} {number} {task.reason or ''} {task.settled_at}"
    return hashlib.blake2b(text.encode(), digest_size=9).hexdigest()


def as_posted(outcome: Outcome, repost: Repost) -> Outcome:
    """Return the outcome as readers of the repost see it: with the repost's channel, language and limits, not private,
    and hidden if the result or the repost is."""
    task = replace(
        outcome.task,
        channel_id=repost.channel_id,
        guild_id=repost.guild_id,
        locale=repost.locale,
        upload_limit=repost.upload_limit,
        reach=Reach.CHANNEL,
        private=False,
        hidden_at=outcome.task.hidden_at or repost.hidden_at,
    )
    return replace(outcome, task=task, repost=repost)


def part_of_repost(outcome: Outcome, repost: Repost) -> OutcomePart:
    """Return the part that shows the whole outcome in the one message of the repost."""
    return OutcomePart(
        task_id=outcome.task.id,
        number=0,
        pictures=tuple(_with_copies(outcome)),
        nonce=repost.nonce,
        route=Route.CHANNEL,
        attempted_at=repost.attempted_at,
        message_id=repost.message_id,
        message_channel_id=repost.channel_id,
    )


def is_out_of_reach(outcome: Outcome, part: OutcomePart) -> bool:
    """Return True if the part was sent as an ephemeral answer, or as the first answer where the bot can only answer:
    without a living token of that interaction, the message can be neither read nor edited. False: the token does not
    matter, as the message is one of a channel or a direct message."""
    return part.route in {Route.EPHEMERAL, Route.COLLECTED} or (
        part.route is Route.ORIGINAL and outcome.task.reach is Reach.ANSWER
    )


def limit_for(outcome: Outcome, part: OutcomePart) -> int:
    """Return the most bytes of one picture: the channel's upload limit, and at most `BYTES_PER_MESSAGE`. If all
    pictures have to be in one message (collected with a button, perhaps planned as several messages for another
    channel; an answer; a repost), also at most `BYTES_PER_FILE` and an equal share of `BYTES_PER_MESSAGE`."""
    task = outcome.task
    if part.route is Route.COLLECTED or task.reach is Reach.ANSWER or outcome.repost is not None:
        shares = BYTES_PER_MESSAGE // max(1, len(part.pictures))
        return min(task.upload_limit, BYTES_PER_FILE, shares)
    return min(task.upload_limit, BYTES_PER_MESSAGE)


def _with_copies(outcome: Outcome) -> list[int]:
    return [picture.position for picture in outcome.pictures if picture.key is not None]


def _carried(outcome: Outcome, part: OutcomePart) -> tuple[Picture, ...]:
    """Return all pictures that the part shows or links. Part 0 also has the pictures without a stored copy."""
    return tuple(
        picture
        for picture in outcome.pictures
        if picture.position in part.pictures or (part.number == 0 and picture.key is None)
    )


def _message(outcome: Outcome, part: OutcomePart, load: Payload) -> tuple[discord.ui.LayoutView, list[discord.File]]:
    """Build the view and the files of the part, for one attempt: a file can be sent only once. Part 0 also has the
    prompt as a file if the view shortens it."""
    files = []
    shown = []
    for picture, copy in load.fitted:
        item, file = file_of(outcome, picture, copy)
        files.append(file)
        shown.append(item)
    if part.number == 0 and not prompt_quote(outcome).whole:
        words = outcome.task.prompt.encode("utf-8", "replace")
        files.append(discord.File(io.BytesIO(words), PROMPT_FILENAME))
    if outcome.task.reason is not None:
        return failure_view(outcome, part), files
    return pictures_view(outcome, part, shown, load.links), files


def file_of(outcome: Outcome, picture: Picture, fitted: Fitted) -> tuple[AttachedPicture, discord.File]:
    name = picture_name(outcome, picture.position, fitted.extension)
    shown = AttachedPicture(position=picture.position, filename=name, reencoded=fitted.changed)
    return shown, discord.File(io.BytesIO(fitted.data), name)


def _mentions(outcome: Outcome, part: OutcomePart) -> discord.AllowedMentions:
    """Allow a mention of the asker alone, and only in part 0; a repost mentions no person."""
    if part.number or outcome.repost is not None:
        return NO_USER
    return only(outcome.task.asker_id)
