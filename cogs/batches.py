"""Register the buttons and selects of batches: before, during and after a batch."""

from __future__ import annotations

from bot.client import Atelier
from bot.ui.asking.batches import ConfirmBatchButton, DiscardBatchButton, SendAsTypedButton
from bot.ui.results.batch_messages import CancelWaitingButton, ClearBatchButton, OpenSelect
from bot.ui.waiting.undelivered import ShowBatchButton


async def setup(bot: Atelier) -> None:
    bot.add_dynamic_items(ConfirmBatchButton, SendAsTypedButton, DiscardBatchButton)
    bot.add_dynamic_items(CancelWaitingButton, ClearBatchButton, OpenSelect, ShowBatchButton)
