"""
Deliver cards and outcomes to Discord: implement the engine's `Delivery` port. Only this package knows the fall-backs
from one route to the next, and how files are made to fit.

cards.py       edit, post and remove the waiting cards in the background
card_schedule.py decide which card is edited next
outcomes.py    plan and post the parts of an outcome, each once
packing.py     distribute pictures over messages: a pure function
message_editor.py redraw or delete messages that were posted before
receipts.py    send the receipt of an erasure
reports.py     the moderators' message about a report
batches.py     post and edit the messages of batches
message_search.py search a channel for a part or a card that may have been posted
sending.py     what all posters share: mentions, archived threads, files that are too large
interaction_reply.py the interaction's first answer, edited by its token
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

import discord
import structlog

from bot.client import Atelier
from bot.delivery.batches import BatchPoster
from bot.delivery.cards import CardUpdater
from bot.delivery.interaction_reply import token_lives
from bot.delivery.message_editor import MessageEditor
from bot.delivery.outcomes import OutcomePoster, as_posted, part_of_repost
from bot.delivery.receipts import ReceiptPoster
from bot.delivery.reports import ReportPoster
from bot.delivery.sending import direct_messages
from bot.discord_errors import map_discord_errors
from bot.engine.batch_view import BatchView
from bot.engine.clock import system_clock
from bot.engine.ports import Card, CardPhase, Outcome, Posted
from bot.engine.work.picture_work import PictureWork
from bot.engine.work.thumbnails import Thumbnails
from bot.error_replies import explain_to_operator
from bot.errors import Reason, RouteClosed
from bot.texts import Texts, texts_in
from bot.traffic import Priority, requests_as
from bot.ui.waiting.cards import DEFAULT_STEPS
from storage.attempts import AttemptStore
from storage.community import BatchMessage, Erasure, Report, ReportCase, Repost
from storage.models import NewPart, OutcomePart, Route, Task
from storage.pictures import PictureStore
from storage.stores import Stores

__all__ = ["DiscordDelivery"]

log = structlog.get_logger(__name__)


class DiscordDelivery:
    """The engine's `Delivery` port for Discord. Cards change only while `run` runs; outcomes do not need `run`."""

    def __init__(
        self,
        client: Atelier,
        pictures: PictureStore,
        stores: Stores,
        attempts: AttemptStore,
        *,
        picture_work: PictureWork,
        thumbnails: Thumbnails,
        card_every: float = 3.0,
        progress_steps: int = DEFAULT_STEPS,
        operator_channel_id: int | None = None,
        clock: Callable[[], int] = system_clock,
    ) -> None:
        self._client = client
        self._operator_channel_id = operator_channel_id
        self._clock = clock
        self._outcomes = OutcomePoster(client, pictures, picture_work)
        self._editor = MessageEditor(client, self._outcomes)
        self._reports = ReportPoster(client, thumbnails)
        self._receipts = ReceiptPoster(client)
        self._batches = BatchPoster(client, pictures, picture_work)
        self._cards = CardUpdater(
            client,
            thumbnails,
            stores,
            attempts,
            every=card_every,
            steps=progress_steps,
            clock=clock,
            results_first=self._outcomes.channel_of_repost,
        )

    async def run(self) -> None:
        """Update the cards until cancelled."""
        await self._cards.run()

    async def step(self) -> None:
        """Edit every card that may be edited now, once, and wait for the edits to end."""
        await self._cards.step()

    def posted(self, card: Card) -> None:
        self._cards.posted(card)

    async def show(self, card: Card) -> None:
        self._cards.show(card)

    async def plan(self, outcome: Outcome) -> Sequence[NewPart]:
        return await self._outcomes.plan(outcome)

    async def post(self, outcome: Outcome, part: OutcomePart, *, uncertain: bool) -> Posted:
        with requests_as(Priority.RESULT):
            if part.route is Route.ORIGINAL:
                if not self._can_answer(outcome.task, self._clock()):
                    raise RouteClosed("its interaction can no longer be answered")
                await self._cards.leave(outcome.task)
            try:
                return await self._outcomes.post(outcome, part, uncertain=uncertain)
            finally:
                self._cards.wake()

    def next_route(self, outcome: Outcome, part: OutcomePart, *, now: int) -> Route | None:
        return self._outcomes.next_route(outcome, part, token_lives=self._can_answer(outcome.task, now))

    def _can_answer(self, task: Task, now: int) -> bool:
        """Return whether the task's interaction can still be answered. Requests by message have no interaction."""
        return bool(task.interaction_token) and token_lives(task.arrived_at, now)

    def _living_token(self, task: Task, route: Route) -> str | None:
        """Return the interaction token that can edit an outcome sent as an answer. None if the token has expired, and
        for other routes."""
        now = self._clock()
        if route is Route.ORIGINAL and self._can_answer(task, now):
            return task.interaction_token
        if route is Route.COLLECTED and task.collect_at is not None and token_lives(task.collect_at, now):
            return task.collect_token
        return None

    async def find(self, outcome: Outcome, part: OutcomePart) -> Posted | None:
        with requests_as(Priority.RESULT):
            return await self._outcomes.find(outcome, part)

    async def take_back(self, outcome: Outcome, part: OutcomePart) -> None:
        await self._outcomes.take_back(outcome, part)

    async def hand_over(self, outcome: Outcome, parts: Sequence[OutcomePart]) -> Posted:
        token, came_at = outcome.task.collect_token, outcome.task.collect_at
        if token is None or came_at is None or not token_lives(came_at, self._clock()):
            raise RouteClosed("the interaction by which they came for it has run out")
        return await self._outcomes.hand_over(outcome, parts, token=token)

    async def show_to(self, outcome: Outcome, *, token: str) -> None:
        await self._outcomes.show_to(outcome, token=token)

    async def repost(self, outcome: Outcome, repost: Repost, *, uncertain: bool) -> Posted:
        try:
            return await self._outcomes.repost(outcome, repost, uncertain=uncertain)
        finally:
            self._cards.wake()

    async def redraw(self, outcome: Outcome, part: OutcomePart) -> None:
        late = any(picture.late_at is not None for picture in outcome.pictures)
        with requests_as(Priority.RESULT if late else Priority.PERSON):
            await self._editor.redraw(outcome, part, token=self._living_token(outcome.task, part.route))

    async def redraw_repost(self, outcome: Outcome, repost: Repost) -> None:
        shown = as_posted(outcome, repost)
        await self._editor.redraw(shown, part_of_repost(shown, repost), token=None)

    async def remove(self, outcome: Outcome, part: OutcomePart) -> None:
        await self._editor.remove(outcome, part, token_lives=self._can_answer(outcome.task, self._clock()))

    async def remove_repost(self, place: Posted) -> None:
        await self._editor.delete(place)

    async def tell_moderators(
        self, outcome: Outcome, report_case: ReportCase, words: Sequence[Report], *, uncertain: bool
    ) -> Posted:
        return await self._reports.tell(outcome, report_case, words, uncertain=uncertain)

    async def show_batch(self, shared: BatchView, message: BatchMessage, *, uncertain: bool) -> Posted:
        with requests_as(Priority.RESULT):
            return await self._batches.show(shared, message, uncertain=uncertain)

    async def end_batch(self, shared: BatchView, first: BatchMessage, *, uncertain: bool) -> Posted:
        with requests_as(Priority.RESULT):
            return await self._batches.end(shared, first, uncertain=uncertain)

    async def remove_of_batch(self, shared: BatchView, route: Route, nonce: str, place: Posted | None) -> None:
        found = place or await self._batches.find(shared, route, nonce)
        if found is not None:
            await self._editor.delete(found)

    async def tell_erased(self, erasure: Erasure) -> None:
        await self._receipts.tell(erasure, token_lives=token_lives(erasure.asked_at, self._clock()))

    async def withhold(self, outcome: Outcome) -> None:
        with requests_as(Priority.RESULT):
            await self._cards.end_as(Card(task=outcome.task, phase=CardPhase.WITHHELD))

    async def remove_card(self, task: Task) -> None:
        with requests_as(Priority.CARD):
            await self._cards.remove(task)

    def trouble(self) -> Reason | None:
        return Reason.DISCORD_REFUSES if self._client.traffic.refusals.too_many else None

    async def tell_operator(self, reason: Reason, parameters: Mapping[str, str | int]) -> None:
        """Send the message to the operator's channel. If there is no such channel or the bot cannot post there, send a
        direct message to the application's owner."""
        nonce = _nonce(reason, parameters)
        if self._operator_channel_id is not None:
            channel = self._client.get_partial_messageable(self._operator_channel_id)
            try:
                with map_discord_errors():
                    sentence = explain_to_operator(reason, parameters, self._texts_there(channel.id))
                    await channel.send(sentence, nonce=nonce)
                return
            except RouteClosed as closed:
                log.warning("operator message not posted in the channel, sent to the owner", error=str(closed))
        with map_discord_errors():
            application = await self._client.application_info()
            owner = application.team.owner_id if application.team else None
            direct = await direct_messages(self._client, owner or application.owner.id)
            await direct.send(explain_to_operator(reason, parameters, texts_in(None)), nonce=nonce)

    def _texts_there(self, channel_id: int) -> Texts:
        """Return the texts in the language of the channel's server."""
        channel = self._client.get_channel(channel_id)
        guild = channel.guild if isinstance(channel, (discord.abc.GuildChannel, discord.Thread)) else None
        return texts_in(str(guild.preferred_locale) if guild else None)


def _nonce(reason: Reason, parameters: Mapping[str, str | int]) -> str:
    """Return a nonce by which Discord recognises a repeated message. A message whose response was lost is sent again
    within minutes, while Discord still knows the nonce, so that the operator gets the message once."""
    said = " ".join([reason.value, *[str(value) for value in parameters.values()]])
    return hashlib.blake2b(said.encode(), digest_size=9).hexdigest()
