"""The first message on the page: what this is, a finished picture, and how to begin. In English and in Chinese."""

from __future__ import annotations

import asyncio
import io
from typing import Final

import discord

from bot.client import Atelier
from sandbox.paint.painter import Order, paint

PROMPT: Final = "a lighthouse by the sea at sunset, birds and clouds"
WORDS: Final = (
    "## Atelier\n"
    "Make pictures together, right in your channel. This one came from the words "
    f"*{PROMPT}*.\n"
    "**Try it:** type `/imagine` in the field below, press Enter, and say what you want to see."
)
CHINESE: Final = "-# 中文：在下方输入 `/imagine`，按 Enter，再写下想看到的画面。在页面上选择 Mei，界面就会变成中文。"
FILE: Final = "welcome.png"


async def post_welcome(client: Atelier, channel_id: int) -> None:
    """Post the message as the bot."""
    painted = await asyncio.to_thread(paint, Order(prompt=PROMPT, size="3:2", shrink=2))
    picture = discord.MediaGalleryItem(f"attachment://{FILE}", description=f"Picture: {PROMPT}")
    view = discord.ui.LayoutView()
    view.add_item(
        discord.ui.Container(
            discord.ui.TextDisplay(WORDS), discord.ui.MediaGallery(picture), discord.ui.TextDisplay(CHINESE)
        )
    )
    channel = client.get_partial_messageable(channel_id)
    await channel.send(view=view, file=discord.File(io.BytesIO(painted), FILE))
