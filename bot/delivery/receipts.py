"""Send the receipt of an erasure to the person whose data was erased."""

from __future__ import annotations

from collections.abc import Callable

from bot.client import Atelier
from bot.delivery.interaction_reply import ORIGINAL, answer_by, token_lives
from bot.delivery.message_search import find_by_id
from bot.delivery.sending import direct_messages
from bot.discord_errors import map_discord_errors
from bot.errors import RouteClosed
from bot.texts import texts_in
from bot.ui.privacy.erasure import receipt_id, receipt_view
from storage.community import Erasure


class ReceiptPoster:
    def __init__(self, client: Atelier, *, clock: Callable[[], int]) -> None:
        self._client = client
        self._clock = clock

    async def send(self, erasure: Erasure) -> None:
        """Send the receipt: as the answer to the interaction while its token lives, else, and if Discord refuses that,
        as a direct message, unless the person has got that one already. Raises RouteClosed, also if the person is no
        longer known, and Unavailable."""
        say = texts_in(erasure.locale)
        if erasure.interaction_token is not None and token_lives(erasure.asked_at, self._clock()):
            try:
                with map_discord_errors(by_token=True):
                    answer = answer_by(self._client, erasure.interaction_token)
                    await answer.edit_message(ORIGINAL, view=receipt_view(say, erasure))
                return
            except RouteClosed:
                pass  # the person has dismissed the answer, or Discord no longer allows its edit
        if erasure.person_id is None:
            raise RouteClosed("the erased person is no longer known")
        direct = await direct_messages(self._client, erasure.person_id)
        if await find_by_id(self._client, direct, receipt_id(erasure)):  # sent before a death or a restored backup
            return
        with map_discord_errors():
            await direct.send(view=receipt_view(say, erasure), nonce=erasure.id)
