"""A stand-in for Discord, as the engine sees it, that records everything it receives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.engine.batch_view import BatchEntryState, BatchView
from bot.engine.ports import Card, CardPhase, Outcome, Posted
from bot.errors import MessageGone, Reason, RouteClosed, Unavailable
from storage.community import BatchMessage, Erasure, Report, ReportCase, Repost
from storage.models import NewPart, OutcomePart, Route, Task
from storage.pictures import PictureStore


@dataclass(frozen=True)
class Message:
    task_id: str
    number: int
    route: Route
    reason: str | None
    pictures: tuple[int, ...]


@dataclass(frozen=True)
class BatchShown:
    nonce: str
    number: int
    route: Route
    standings: tuple[BatchEntryState, ...]


class Port:
    """One subject of the stand-in, under the names that the engine uses."""

    def __init__(self, discord: StandInDiscord, **names: str) -> None:
        self._discord = discord
        self.names = names

    def __getattr__(self, name: str) -> Any:
        return getattr(self._discord, self.names.get(name, name))


@dataclass
class StandInDiscord:
    """Records every message it receives, so that a message posted twice is visible."""

    sent: list[Message] = field(default_factory=list)
    shown: list[Card] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    told_operator: list[Reason] = field(default_factory=list)
    in_trouble: Reason | None = None
    told_hosts: list[str] = field(default_factory=list)
    """Result hosts that the operator was informed of."""
    files: dict[int, list[int]] = field(default_factory=dict)
    """Positions of the pictures that each message holds as files, by message id, in the order they were added."""
    gone: set[int] = field(default_factory=set)
    """Ids of messages that somebody deleted."""
    out_of_reach: set[Route] = field(default_factory=set)
    """Routes whose messages can no longer be edited."""
    pictures_per_message: int = 10
    picture_store: PictureStore | None = None
    clock: Callable[[], int] = lambda: 0
    closed_routes: set[Route] = field(default_factory=set)
    blind: bool = False
    """Whether the bot may not read the message history."""
    down: bool = False
    lose_answers: int = 0
    """How many posts are received without an answer."""
    handed: dict[str, tuple[Message, ...]] = field(default_factory=dict)
    """Messages handed to an asker, by the token of their interaction; a repeated hand-over replaces the entry."""
    taken_back: list[int] = field(default_factory=list)
    """Ids of messages edited to say that a later outcome supersedes them."""
    withheld: list[str] = field(default_factory=list)
    looked_up: list[tuple[str, str]] = field(default_factory=list)
    closed_channels: set[int] = field(default_factory=set)
    reposted: list[str] = field(default_factory=list)
    """Nonces of reposts; a repost that was posted twice is here twice."""
    redrawn: list[tuple[int | None, bool]] = field(default_factory=list)
    """Ids of messages that were redrawn, and whether they are now spoilers."""
    deleted: list[int | None] = field(default_factory=list)
    receipts_sent: list[Erasure] = field(default_factory=list)
    receipts_closed: bool = False
    report_nonces: list[str] = field(default_factory=list)
    """Nonces of the moderators' messages."""
    batch_messages: dict[int, BatchShown] = field(default_factory=dict)
    """Current messages of batches, by message id, in the order posted."""
    batch_edits: list[tuple[int, int]] = field(default_factory=list)
    endings: list[str] = field(default_factory=list)
    """Nonces of the messages at the end of batches; a message posted twice is here twice."""
    handed_batches: dict[str, BatchShown] = field(default_factory=dict)
    """Messages of batches handed to their asker, by the token of the interaction; a repeated hand-over replaces the
    entry."""
    more_to_hand: dict[str, bool] = field(default_factory=dict)
    """Whether each of these messages offered the next one."""
    said_elsewhere: list[str] = field(default_factory=list)
    """Tokens of askers who came for an outcome that had already been delivered another way."""

    @property
    def cards(self) -> Any:
        return Port(self, remove="remove_card", delete="delete_card")

    @property
    def outcomes(self) -> Any:
        return Port(self, withdraw="take_back")

    @property
    def messages(self) -> Any:
        return Port(self, delete="remove_repost")

    @property
    def batches(self) -> Any:
        return Port(self, show="show_batch", end="end_batch", remove="remove_of_batch", hand_over="hand_over_batch")

    @property
    def reports(self) -> Any:
        return Port(self, post="tell_moderators")

    @property
    def receipts(self) -> Any:
        return Port(self, send="tell_erased")

    @property
    def operator(self) -> Any:
        return Port(self, send="tell_operator")

    def posted(self, card: Card) -> None:
        pass

    def show(self, card: Card) -> None:
        self.shown.append(card)

    async def plan(self, outcome: Outcome) -> Sequence[NewPart]:
        positions = [picture.position for picture in outcome.pictures if picture.key is not None]
        batches = [
            positions[at : at + self.pictures_per_message] for at in range(0, len(positions), self.pictures_per_message)
        ] or [[]]
        return [NewPart(pictures=tuple(batch), nonce=f"{outcome.task.id}-{n}") for n, batch in enumerate(batches)]

    async def post(self, outcome: Outcome, part: OutcomePart, *, uncertain: bool) -> Posted:
        if self.down:
            raise Unavailable("Discord is down")
        message = Message(part.task_id, part.number, part.route, outcome.task.reason, part.pictures)
        if uncertain and not self.blind and (found := self._find(message, outcome.task)):
            return Posted(channel_id=1, message_id=found)
        if part.route in self.closed_routes:
            raise RouteClosed(part.route.value)
        for picture in outcome.pictures:
            if self.picture_store and picture.key:
                await self.picture_store.get(picture.key)
        self.sent.append(message)
        self.files[len(self.sent)] = self._files(outcome, part)
        if self.lose_answers:
            self.lose_answers -= 1
            raise Unavailable("no answer")
        return Posted(channel_id=1, message_id=len(self.sent))

    def _find(self, wanted: Message, task: Task) -> int | None:
        """Find the message, on whatever route it was posted; of a restored task, with whatever outcome."""
        for number, message in enumerate(self.sent, start=1):
            reason = message.reason if task.backed_up_at is None else wanted.reason
            if replace(message, route=wanted.route, pictures=wanted.pictures, reason=reason) == wanted:
                return number
        return None

    @property
    def told(self) -> list[Message]:
        """All messages that reached people."""
        return [*self.sent, *(message for shown in self.handed.values() for message in shown)]

    async def find(self, outcome: Outcome, part: OutcomePart) -> Posted | None:
        if self.down:
            raise Unavailable("Discord is down")
        message = Message(part.task_id, part.number, part.route, outcome.task.reason, part.pictures)
        found = None if self.blind else self._find(message, outcome.task)
        return Posted(channel_id=1, message_id=found) if found else None

    async def take_back(self, outcome: Outcome, part: OutcomePart) -> None:
        if self.down or self.blind:
            raise Unavailable("Discord is down")
        assert part.message_id is not None
        self.taken_back.append(part.message_id)

    async def post_collected(self, outcome: Outcome, parts: Sequence[OutcomePart]) -> Posted:
        token = outcome.task.collect_token
        assert token is not None
        if self.down:
            raise Unavailable("Discord is down")
        if Route.COLLECTED in self.closed_routes:
            raise RouteClosed("the token has run out")
        if not parts:
            self.said_elsewhere.append(token)
        else:
            self.handed[token] = tuple(
                Message(part.task_id, part.number, Route.COLLECTED, outcome.task.reason, part.pictures)
                for part in parts
            )
        if self.lose_answers:
            self.lose_answers -= 1
            raise Unavailable("no answer")
        return Posted(channel_id=2, message_id=len(self.handed))

    async def show_to(self, outcome: Outcome, *, token: str) -> None:
        self.looked_up.append((outcome.task.id, token))

    def next_route(self, outcome: Outcome, part: OutcomePart, *, now: int) -> Route | None:
        match part.route:
            case Route.CHANNEL:
                return Route.ORIGINAL
            case Route.ORIGINAL | Route.EPHEMERAL:
                return Route.DIRECT
            case Route.DIRECT | Route.COLLECTED:
                return None

    async def waits(self, task: Task) -> bool:
        if self.down:
            raise Unavailable("Discord is down")
        cancelled = {card.task.id for card in self.shown if card.phase is CardPhase.CANCELLED}
        return task.id not in {*self.removed, *self.withheld, *cancelled}

    async def withhold(self, task: Task) -> None:
        if self.down:
            raise Unavailable("Discord is down")
        self.withheld.append(task.id)

    async def remove_card(self, task: Task) -> None:
        if self.down:
            raise Unavailable("Discord is down")
        self.removed.append(task.id)

    async def delete_card(self, task: Task) -> int | None:
        await self.remove_card(task)
        return task.card_message_id

    def trouble(self) -> Reason | None:
        return self.in_trouble

    async def tell_operator(self, reason: Reason, parameters: Mapping[str, str | int]) -> None:
        if self.down:
            raise Unavailable("Discord is down")
        self.told_operator.append(reason)
        if "host" in parameters:
            self.told_hosts.append(str(parameters["host"]))

    async def repost(self, outcome: Outcome, repost: Repost, *, uncertain: bool) -> Posted:
        if self.down:
            raise Unavailable("Discord is down")
        if repost.channel_id in self.closed_channels:
            raise RouteClosed("not there")
        if not (uncertain and repost.nonce in self.reposted):
            self.reposted.append(repost.nonce)
        if self.lose_answers:
            self.lose_answers -= 1
            raise Unavailable("no answer")
        number = 1000 + self.reposted.index(repost.nonce)
        self.files[number] = [picture.position for picture in outcome.pictures if picture.key is not None]
        return Posted(channel_id=repost.channel_id, message_id=number)

    async def redraw(self, outcome: Outcome, part: OutcomePart) -> None:
        if self.down:
            raise Unavailable("Discord is down")
        if part.message_id in self.gone:
            raise MessageGone("10008")
        if part.route in self.out_of_reach:
            raise RouteClosed(part.route.value)
        self.redrawn.append((part.message_id, outcome.task.hidden_at is not None))
        self._add_late(part.message_id or 0, outcome, part.pictures)

    async def redraw_repost(self, outcome: Outcome, repost: Repost) -> None:
        if self.down:
            raise Unavailable("Discord is down")
        hidden = outcome.task.hidden_at is not None or repost.hidden_at is not None
        self.redrawn.append((repost.message_id, hidden))
        self._add_late(repost.message_id or 0, outcome, [picture.position for picture in outcome.pictures])

    def _files(self, outcome: Outcome, part: OutcomePart) -> list[int]:
        return [
            picture.position
            for picture in outcome.pictures
            if picture.key is not None and picture.position in part.pictures
        ]

    def _add_late(self, message_id: int, outcome: Outcome, positions: Sequence[int]) -> None:
        """Add late pictures as an edit does: existing files stay."""
        there = self.files.setdefault(message_id, [])
        late = [
            picture.position
            for picture in outcome.pictures
            if picture.late_at is not None and picture.position in positions
        ]
        there.extend(position for position in late if position not in there)
        if self.lose_answers:
            self.lose_answers -= 1
            raise Unavailable("no answer")

    async def remove(self, outcome: Outcome, part: OutcomePart) -> None:
        if self.down:
            raise Unavailable("Discord is down")
        self.deleted.append(part.message_id)

    async def remove_repost(self, place: Posted) -> None:
        if self.down:
            raise Unavailable("Discord is down")
        if place.channel_id in self.closed_channels:
            raise RouteClosed("not there")
        self.deleted.append(place.message_id)

    async def tell_erased(self, erasure: Erasure) -> None:
        if self.down:
            raise Unavailable("Discord is down")
        if self.receipts_closed:
            raise RouteClosed("no direct messages")
        self.receipts_sent.append(erasure)

    async def tell_moderators(
        self, outcome: Outcome, report_case: ReportCase, words: Sequence[Report], *, uncertain: bool
    ) -> Posted:
        if self.down:
            raise Unavailable("Discord is down")
        if report_case.channel_id in self.closed_channels:
            raise RouteClosed("not there")
        if report_case.message_id is None and not (uncertain and report_case.nonce in self.report_nonces):
            self.report_nonces.append(report_case.nonce)
        if self.lose_answers:
            self.lose_answers -= 1
            raise Unavailable("no answer")
        return Posted(
            channel_id=report_case.channel_id or 0, message_id=2000 + self.report_nonces.index(report_case.nonce)
        )

    async def show_batch(self, shared: BatchView, message: BatchMessage, *, uncertain: bool) -> Posted:
        if self.down:
            raise Unavailable("Discord is down")
        if message.route in self.closed_routes:
            raise RouteClosed(message.route.value)
        found = message.message_id or (self._batch_message(message.nonce) if uncertain else None)
        if message.message_id is not None and message.message_id not in self.batch_messages:
            raise MessageGone("10008")
        found = found or 3000 + len(self.batch_edits)
        standings = tuple(entry.state for entry in shared.on(message.number))
        self.batch_messages[found] = BatchShown(message.nonce, message.number, message.route, standings)
        self.batch_edits.append((found, self.clock()))
        if self.lose_answers:
            self.lose_answers -= 1
            raise Unavailable("no answer")
        return Posted(channel_id=1, message_id=found)

    def _batch_message(self, nonce: str) -> int | None:
        return next((number for number, message in self.batch_messages.items() if message.nonce == nonce), None)

    async def remove_of_batch(self, shared: BatchView, route: Route, nonce: str, place: Posted | None) -> None:
        if self.down:
            raise Unavailable("Discord is down")
        if nonce in self.endings:
            self.deleted.append(4000 + self.endings.index(nonce))
        elif (found := place.message_id if place else self._batch_message(nonce)) is not None:
            self.deleted.append(found)

    async def end_batch(self, shared: BatchView, first: BatchMessage, *, uncertain: bool) -> Posted:
        if self.down:
            raise Unavailable("Discord is down")
        if first.route in self.closed_routes:
            raise RouteClosed(first.route.value)
        if not (uncertain and shared.batch.ending_nonce in self.endings):
            self.endings.append(shared.batch.ending_nonce)
        if self.lose_answers:
            self.lose_answers -= 1
            raise Unavailable("no answer")
        return Posted(channel_id=1, message_id=4000 + self.endings.index(shared.batch.ending_nonce))

    async def hand_over_batch(self, shared: BatchView, message: BatchMessage | None, *, more: bool) -> Posted:
        token = shared.batch.collect_token
        assert token is not None
        if self.down:
            raise Unavailable("Discord is down")
        if Route.COLLECTED in self.closed_routes:
            raise RouteClosed("the token has run out")
        if message is None:
            self.said_elsewhere.append(token)
        else:
            standings = tuple(entry.state for entry in shared.on(message.number))
            self.handed_batches[token] = BatchShown(message.nonce, message.number, message.route, standings)
            self.more_to_hand[token] = more
        if self.lose_answers:
            self.lose_answers -= 1
            raise Unavailable("no answer")
        return Posted(channel_id=2, message_id=5000 + len(self.handed_batches))
