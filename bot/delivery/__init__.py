"""
Implement the engine's `Delivery` port for Discord. This package decides which route of an outcome follows a closed one
(for a batch, the engine decides that), and makes files fit Discord's limits.

cards.py              edit and post the waiting cards in the background, and remove them
card_schedule.py      decide which card is edited next
results_first.py      in which channels results are being sent: cards there wait
outcomes.py           plan and post the parts of an outcome, each once
packing.py            distribute pictures over messages: a pure function
message_editor.py     redraw or delete messages that were posted before
receipts.py           send the receipt of an erasure
reports.py            the moderators' message about a report
batches.py            post and edit the messages of batches
operator_messages.py  alert the operator
message_search.py     search a channel for a message of the bot that may have been posted
sending.py            what all posters share: mentions, archived threads, files that are too large
interaction_reply.py  the interaction's first answer, edited by its token
"""

from __future__ import annotations

from collections.abc import Callable

from bot.client import Atelier
from bot.delivery.batches import BatchPoster
from bot.delivery.cards import CardUpdater
from bot.delivery.message_editor import MessageEditor
from bot.delivery.operator_messages import OperatorMessages
from bot.delivery.outcomes import OutcomePoster
from bot.delivery.receipts import ReceiptPoster
from bot.delivery.reports import ReportPoster
from bot.delivery.results_first import ResultsFirst
from bot.engine.cards.messages import CardMessages
from bot.engine.clock import system_clock
from bot.engine.work.picture_work import PictureWork
from bot.engine.work.thumbnails import Thumbnails
from bot.ui.waiting.cards import DEFAULT_STEPS
from storage.attempts import AttemptStore
from storage.pictures import PictureStore
from storage.stores import Stores

__all__ = ["DiscordDelivery"]


class DiscordDelivery:
    """The engine's `Delivery` port for Discord. Cards follow the progress only while `cards.run` runs; everything else
    works without it. `card_every`: least seconds between two background edits of a card. Without
    `operator_channel_id`, the application's owner gets the operator's messages."""

    def __init__(
        self,
        client: Atelier,
        picture_store: PictureStore,
        stores: Stores,
        attempts: AttemptStore,
        *,
        picture_work: PictureWork,
        thumbnails: Thumbnails,
        card_every: float,
        progress_steps: int = DEFAULT_STEPS,
        operator_channel_id: int | None = None,
        clock: Callable[[], int] = system_clock,
    ) -> None:
        results_first = ResultsFirst()
        self.cards = CardUpdater(
            client,
            thumbnails,
            CardMessages(stores),
            attempts,
            every=card_every,
            steps=progress_steps,
            clock=clock,
            results_first=results_first.is_sending_to,
        )
        self.outcomes = OutcomePoster(
            client, picture_store, picture_work, cards=self.cards, results_first=results_first, clock=clock
        )
        self.messages = MessageEditor(client, self.outcomes, clock=clock)
        self.batches = BatchPoster(client, picture_store, picture_work, self.messages, clock=clock)
        self.reports = ReportPoster(client, thumbnails)
        self.receipts = ReceiptPoster(client, clock=clock)
        self.operator = OperatorMessages(client, operator_channel_id)
