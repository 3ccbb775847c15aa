"""
The button with which the asker, or a moderator of the server of the request, deletes a message that shows no picture:
of a cancelled, withheld or failed request, or about an unconfirmed create that was found after all.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import discord

from bot.intake.roles import role_of
from bot.ui.kit.dynamic_items import TaskButton, engine_of


class ClearButton(TaskButton, action="clear", label="card-clear"):
    """Delete the message with the button. The request itself stays as it is: a withheld result can still be shown and
    posted."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """Delete the message by the interaction, which needs no permission in the channel."""
        await engine_of(interaction).curation.check_curates(self.task_id, role_of(interaction))
        await interaction.response.defer()
        with suppress(discord.NotFound):
            await interaction.delete_original_response()
