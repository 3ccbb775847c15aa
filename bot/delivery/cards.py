"""
Edit and post the waiting cards in the background; withhold and remove them while the caller waits.

Only the newest request for a task's card is shown. In the background, a card is edited at most once per `every`
seconds, one card at a time per channel, only if its look would change, and not while a result is being sent to the same
channel. Once sending of the task's own outcome has begun, the card is not edited any longer, because the card may be
edited into the outcome.

`card_schedule.py` decides which card is next. Edits use only what `bot.traffic` leaves of Discord's rate limit. While
Discord refuses many requests, cards are not edited, except those whose interaction token is about to expire.
"""

from __future__ import annotations

import asyncio
import io
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import discord
import structlog

from bot.client import Atelier
from bot.delivery.card_schedule import CardSchedule, ShownCard
from bot.delivery.interaction_reply import ORIGINAL, answer_by, token_lives
from bot.delivery.message_search import find_by_id, find_card, is_waiting_card
from bot.delivery.sending import NO_USER
from bot.discord_errors import map_discord_errors
from bot.engine.cards.messages import CardMessages
from bot.engine.ports import Card, CardPhase
from bot.engine.work.picture_work import Requester, WorkPriority
from bot.engine.work.thumbnails import StoredCopy, Thumbnails
from bot.errors import MessageGone, RouteClosed, Unavailable
from bot.traffic import Claim, Priority, claim, requests_as
from bot.ui.waiting.cards import card_id, card_view, change_share, preview_name, strip_name
from storage.attempts import AttemptStore
from storage.models import Reach, Task, TaskState

ANSWER_EXPECTED: Final = timedelta(seconds=10)
"""While a task is younger and its card's message id is not stored, the card may be about to be posted as the first
answer: no other card is posted or searched for until then."""
RETRY_AFTER: Final = timedelta(seconds=15)
"""Delay before the next edit of a card if Discord could not be reached, or refused the edit only for now."""
LEFT_ALONE: Final = timedelta(minutes=5)
"""Delay before the next edit of a card if Discord refused the edit; moderators may change permissions."""
AT_ONCE: Final = 40
"""Most edits that wait for Discord at the same time, apart from those of cards whose interaction token is about to
expire: as many as are sent in a second. Further edits wait in this module, where a newer edit of the same card replaces
an older one."""
BREATH_SECONDS: Final = 0.05
"""Shortest interval between two searches for due cards: each looks at all cards that wait, and many requests come at
about the same time."""
CALM_SECONDS: Final = 5.0
"""How long to sleep if no card waits or none may be edited now: no event says when Discord refuses fewer requests
again."""
THUMBNAILS: Final = "thumbnails"
"""The kind of work under which attempts to make thumbnails are counted."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardEdit:
    task_id: str
    claim: Claim
    work: asyncio.Task[None]


class CardUpdater:
    def __init__(
        self,
        client: Atelier,
        thumbnails: Thumbnails,
        messages: CardMessages,
        attempts: AttemptStore,
        *,
        every: float,
        steps: int,
        clock: Callable[[], int],
        results_first: Callable[[int], bool],
    ) -> None:
        self._client = client
        self._thumbnails = thumbnails
        self._messages = messages
        self._attempts = attempts
        self._owner = uuid.uuid4().hex
        self._steps = steps
        self._clock = clock
        self._results_first = results_first
        self._schedule = CardSchedule(every_ms=int(every * 1000), steps=steps, clock=clock)
        self._running: dict[int, CardEdit] = {}
        """Running edits, by channel id."""
        self._making_strips: set[str] = set()
        """Ids of the tasks whose card edit waits for thumbnails, which have the lowest priority of all picture work."""
        self._wake = asyncio.Event()

    def posted(self, card: Card) -> None:
        now = self._clock()
        shown = ShownCard(key=self._schedule.key(card), news_at=now, shown_at=now)
        self._schedule.remember(card.task.id, shown)
        self._wake.set()

    def show(self, card: Card) -> None:
        self._schedule.request(card)
        self._wake.set()

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        try:
            while True:
                self._wake.clear()
                await self._start_due_quietly()
                await asyncio.sleep(BREATH_SECONDS)
                await self._rest()
        finally:
            left = [editing.work for editing in self._running.values()]
            for work in left:
                work.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def step(self) -> None:
        while started := self._start_due():
            await asyncio.wait(started)

    async def leave(self, task: Task) -> None:
        """Stop editing this card. An edit that still makes thumbnails is cancelled. Any other running edit gets the
        caller's priority. Wait until the edit ends."""
        self._schedule.forget_pending(task.id)
        busy = self._running.get(task.channel_id)
        if busy is not None and busy.task_id == task.id:
            busy.claim.hurry(claim().priority)
            if task.id in self._making_strips:
                busy.work.cancel()
            await asyncio.wait({busy.work})
        self._schedule.forget_pending(task.id)

    async def remove(self, task: Task) -> None:
        """Delete the card as `delete` does, and forget its id."""
        if await self.delete(task) is not None:
            await self._messages.deleted(task.id)

    async def delete(self, task: Task) -> int | None:
        """Delete the card; one that was edited into the outcome, or that the bot can no longer delete, stays. Return
        its stored id, which is of no use from now on. Without an id, the card is searched for. Raises Unavailable."""
        with requests_as(Priority.CARD):
            return await self._deleted(task)

    async def _deleted(self, task: Task) -> int | None:
        await self.leave(task)
        self._schedule.forget(task.id)
        row, is_outcome = await self._messages.deletable(task)
        message_id = row.card_message_id
        try:
            if message_id is None and (message_id := await self._find_message(row)) is not None:
                is_outcome = await self._messages.is_outcome(row, message_id)
            if message_id is not None and not is_outcome:
                await self._delete(row, message_id)
        except RouteClosed as closed:
            log.debug("card not removed: already deleted or route closed", task=task.id, error=str(closed))
        return row.card_message_id

    async def waits(self, task: Task) -> bool:
        """Return whether the card shows that no outcome was delivered or withheld. False if it was deleted, was edited
        into the outcome or cannot be read. Where the bot can only answer the interaction: whether its token lives.
        Raises Unavailable."""
        if task.reach is Reach.ANSWER:
            return token_lives(task.arrived_at, self._clock())
        channel = self._channel(task)
        try:
            with requests_as(Priority.RESULT), map_discord_errors():
                if task.card_message_id is None:
                    message = await find_by_id(self._client, channel, card_id(task), since=task.arrived_at)
                else:
                    message = await channel.fetch_message(task.card_message_id)
        except RouteClosed:
            return False
        return message is not None and is_waiting_card(message, task)

    async def withhold(self, task: Task) -> None:
        """Edit the card to say that the outcome is stored and not posted; the message is kept. A card that is gone, or
        that the bot can no longer edit, is no error. Raises Unavailable."""
        with requests_as(Priority.RESULT):
            await self._end_as(Card(task=task, phase=CardPhase.WITHHELD))

    async def _end_as(self, card: Card) -> None:
        await self.leave(card.task)
        row = await self._messages.task(card.task.id) or card.task
        try:
            message_id = row.card_message_id or await self._find_message(row)
            if message_id is not None:
                await self._edit(card, row, ShownCard(), message_id)
        except RouteClosed as closed:
            log.debug(
                "card not edited to say withheld: already deleted or route closed", task=row.id, error=str(closed)
            )
        self._schedule.forget(row.id)

    def _start_due(self) -> list[asyncio.Task[None]]:
        started = []
        for card in self._schedule.due():
            if self._may_start(card):
                self._schedule.forget_pending(card.task.id)
                started.append(self._start(card))
        return started

    async def _start_due_quietly(self) -> None:
        """Start edits that are due one after the other, each when no response to a person is being made: many at once
        would delay the responses by the time that it takes to build all of them. At most `AT_ONCE`, because others
        become due in that time that come first, such as that of a card whose interaction token is about to expire."""
        left = AT_ONCE
        for card in self._schedule.due():
            if not self._may_start(card):
                continue
            await self._client.services.engine.requests.quiet()
            if self._schedule.awaits(card) and self._may_start(card):
                self._schedule.forget_pending(card.task.id)
                self._start(card)
                await asyncio.sleep(0)
            left -= 1
            if not left:
                return

    def _start(self, card: Card) -> asyncio.Task[None]:
        with requests_as(Priority.EDIT) as edits:
            work = asyncio.create_task(self._work(card))
        self._running[card.task.channel_id] = CardEdit(task_id=card.task.id, claim=edits, work=work)
        return work

    def _may_start(self, card: Card) -> bool:
        channel_id = card.task.channel_id
        if channel_id in self._running or self._results_first(channel_id):
            return False
        return card.leaving or (len(self._running) < AT_ONCE and not self._client.traffic.refusals.too_many)

    async def _rest(self) -> None:
        """Sleep until the next card is due (`CALM_SECONDS` if no card may be edited now), or until `_wake` is set."""
        due = self._schedule.next_due(self._may_start)
        seconds = CALM_SECONDS if due is None else max(0, due - self._clock()) / 1000
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _work(self, card: Card) -> None:
        task = card.task
        structlog.contextvars.bind_contextvars(task=task.id)
        try:
            await self._update(card)
        except Unavailable as error:
            log.debug(
                "card edit failed: Discord or decoder unavailable, retried in seconds unless the outcome is sent",
                task=task.id,
                error=str(error),
            )
            self._schedule.later(card, _ms(RETRY_AFTER))
        except Exception:
            log.exception(
                "card edit failed: unexpected exception, card stays as it is until its next change", task=task.id
            )
        finally:
            del self._running[task.channel_id]
            self._wake.set()

    async def _update(self, card: Card) -> None:
        row = await self._messages.task(card.task.id)
        if row is None or await self._messages.may_be_outcome(row):
            self._schedule.forget(card.task.id)
            return
        if row.state is TaskState.CANCELLED:
            card = Card(task=row, phase=CardPhase.CANCELLED)
        shown = self._schedule.known(row.id)
        age = timedelta(milliseconds=self._clock() - row.arrived_at)
        if row.reach is Reach.ANSWER and not token_lives(row.arrived_at, self._clock()):
            return
        if row.card_message_id is None and age < ANSWER_EXPECTED:
            self._schedule.later(card, _ms(ANSWER_EXPECTED - age))
            return
        try:
            await self._present(card, row, shown)
        except RouteClosed as closed:
            log.debug(
                "card edit refused: deleted or route closed, left alone for minutes, or as it is if task cancelled",
                task=row.id,
                error=str(closed),
            )
            if row.state is not TaskState.CANCELLED:
                self._schedule.later(card, _ms(LEFT_ALONE))

    async def _present(self, card: Card, row: Task, shown: ShownCard) -> None:
        """Edit the card if its look would change. Post it if it has no message, unless the task is cancelled or
        `_may_be_posted` forbids it. Raises RouteClosed, Unavailable."""
        key = self._schedule.key(card)
        cancelled = card.phase is CardPhase.CANCELLED
        message_id = row.card_message_id or await self._find_and_record(row)
        if message_id is None and (cancelled or not _may_be_posted(row)):
            return
        if message_id is not None and key == shown.key:
            return
        try:
            await self._put(card, row, shown, message_id)
        finally:
            self._schedule.edited(shown, key)
        shown.key = key

    async def _put(self, card: Card, row: Task, shown: ShownCard, message_id: int | None) -> None:
        """Edit the card, or post it if it has no message. If its message was deleted, post it again, at most once;
        else, and for a cancelled task or if `_may_be_posted` forbids it, raises MessageGone."""
        if message_id is None:
            return await self._post(card, row, shown)
        try:
            await self._edit(card, row, shown, message_id)
        except MessageGone:
            if shown.posted_again or card.phase is CardPhase.CANCELLED or not _may_be_posted(row):
                raise
            shown.posted_again = True
            await self._messages.deleted(row.id)
            await self._post(card, row, shown)

    async def _edit(self, card: Card, row: Task, shown: ShownCard, message_id: int) -> None:
        attachments = await self._attachments(card, shown)
        view = card_view(card, steps=self._steps, strip=_name(attachments))
        with map_discord_errors(by_token=row.reach is Reach.ANSWER):
            if row.reach is Reach.ANSWER:
                answer = answer_by(self._client, row.interaction_token)
                message: discord.Message = await answer.edit_message(ORIGINAL, view=view, attachments=attachments)
            else:
                partial = self._message(row, message_id)
                message = await partial.edit(view=view, attachments=attachments, allowed_mentions=NO_USER)
        shown.attachments = message.attachments
        shown.prepared = _is_prepared(card)

    async def _delete(self, row: Task, message_id: int) -> None:
        """Delete the card. Where the bot can only answer the interaction, the card can be deleted only while the token
        lives; after that, do nothing. Raises MessageGone, RouteClosed, Unavailable."""
        if row.reach is Reach.CHANNEL:
            with map_discord_errors():
                await self._message(row, message_id).delete()
        elif token_lives(row.arrived_at, self._clock()):
            with map_discord_errors(by_token=True):
                await answer_by(self._client, row.interaction_token).delete_message(ORIGINAL)

    async def _post(self, card: Card, row: Task, shown: ShownCard) -> None:
        claim().hurry(Priority.CARD)
        files = await self._strip(card)
        view = card_view(card, steps=self._steps, strip=_name(files))
        with map_discord_errors():
            message = await self._channel(row).send(view=view, files=files, nonce=_nonce(row, shown))
        shown.attachments = message.attachments
        shown.prepared = _is_prepared(card)
        await self._messages.posted(row.id, message.id)

    async def _attachments(self, card: Card, shown: ShownCard) -> Sequence[discord.Attachment | discord.File]:
        """Return the attachments for an edit: the card's present ones, or thumbnails made now; none for a task that is
        cancelled or withheld."""
        if card.phase in {CardPhase.CANCELLED, CardPhase.WITHHELD}:
            return ()
        return shown.attachments if shown.prepared else await self._strip(card)

    async def _strip(self, card: Card) -> list[discord.File]:
        copies = [
            StoredCopy(reference.key, reference.bytes) for reference in card.references if reference.key is not None
        ]
        if not copies or not _is_prepared(card):
            return []
        self._making_strips.add(card.task.id)
        try:
            file = await self._made(card, copies)
        finally:
            self._making_strips.discard(card.task.id)
        return [file] if file else []

    async def _made(self, card: Card, copies: Sequence[StoredCopy]) -> discord.File | None:
        """Make the strip of thumbnails, or the preview of what a mask changes. None if no picture could be used, if
        another process is making them, or if a process died while making them: they might kill this process too, so the
        card never gets thumbnails."""
        task = card.task
        counted = await self._attempts.begin(THUMBNAILS, task.id, owner=self._owner, now=self._clock())
        if counted is None:  # another process is making them
            return None
        if counted > 1:
            log.warning("card shown without thumbnails: an earlier process died while making them", task=task.id)
            return None
        try:
            file = await self._pictures_of(card, copies)
        except (Exception, asyncio.CancelledError):
            await self._attempts.end(THUMBNAILS, task.id)
            raise
        await self._attempts.end(THUMBNAILS, task.id)
        return file

    async def _pictures_of(self, card: Card, copies: Sequence[StoredCopy]) -> discord.File | None:
        requester = Requester(card.task.asker_id, WorkPriority.BROWSING)
        if change_share(card) is not None:
            preview = await self._thumbnails.mask_preview(copies[0], copies[-1], requester)
            if preview:
                return discord.File(io.BytesIO(preview), preview_name(card.task))
        strip = await self._thumbnails.strip(copies, requester)
        return discord.File(io.BytesIO(strip), strip_name(card.task)) if strip else None

    async def _find_and_record(self, row: Task) -> int | None:
        """Find a card that was posted but whose message id was not stored, and store the id. None if none is found."""
        message_id = await self._find_message(row)
        if message_id is not None:
            await self._messages.posted(row.id, message_id)
        return message_id

    async def _find_message(self, row: Task) -> int | None:
        """Return the message id of the interaction's first answer while the token lives, or of a card that was posted
        instead and whose response from Discord was lost. None if there is neither. Raises RouteClosed, Unavailable."""
        original = await self._original_id(row)
        if original is not None or row.reach is Reach.ANSWER:
            return original
        claim().hurry(Priority.CARD)
        found = await find_card(self._client, self._channel(row), row)
        return found.id if found else None

    async def _original_id(self, row: Task) -> int | None:
        if not row.interaction_token or not token_lives(row.arrived_at, self._clock()):
            return None
        try:
            with map_discord_errors(by_token=True):
                return (await answer_by(self._client, row.interaction_token).fetch_message(ORIGINAL)).id
        except RouteClosed:
            return None

    def _channel(self, row: Task) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(row.channel_id, guild_id=row.guild_id)

    def _message(self, row: Task, message_id: int) -> discord.PartialMessage:
        return self._channel(row).get_partial_message(message_id)


def _may_be_posted(row: Task) -> bool:
    """Return whether a card may be posted for the task: not where the bot can only answer the interaction, and not for
    a task that was restored from a backup, whose outcome was probably delivered since."""
    return row.reach is Reach.CHANNEL and row.backed_up_at is None


def _is_prepared(card: Card) -> bool:
    """Return whether the card's thumbnails can be made now and then kept: all references are prepared, and the phase
    PREPARING is over. A mask is prepared last, so with a mask the phase does not matter."""
    under_way = card.phase is CardPhase.PREPARING and change_share(card) is None
    return not under_way and all(reference.is_prepared for reference in card.references)


def _name(files: Sequence[discord.Attachment | discord.File]) -> str | None:
    return files[0].filename if files else None


def _nonce(row: Task, shown: ShownCard) -> str:
    """Return at most 23 characters (Discord: 25). A card that is posted again needs another nonce, or Discord would
    return the deleted message."""
    return f"card-{row.id}{'-2' if shown.posted_again else ''}"


def _ms(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)
