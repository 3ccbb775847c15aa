"""`/imagine`: make pictures."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Atelier
from bot.intake.requests import Wish, references_of
from bot.texts.command_texts import localized
from bot.ui.asking.ask import ask
from bot.ui.kit.choices import SIZES, VARIANTS
from bot.ui.library.sets import offer_sets, with_set
from bot.ui.library.styles import offer_styles
from bot.ui.waiting.cards import CancelButton, PostButton, WithholdButton
from bot.ui.waiting.clearing import ClearButton
from bot.ui.waiting.undelivered import ShowButton
from storage.models import PictureRequest


class Generation(commands.Cog):
    @app_commands.command(description=localized("imagine-command"))
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.describe(
        prompt=localized("imagine-prompt"),
        image=localized("imagine-image"),
        image2=localized("imagine-more"),
        image3=localized("imagine-more"),
        image4=localized("imagine-more"),
        image5=localized("imagine-more"),
        mask=localized("imagine-mask"),
        size=localized("imagine-size"),
        variants=localized("imagine-variants"),
        style=localized("style-option-imagine"),
        reference=localized("reference-option-imagine"),
        private=localized("imagine-private"),
        enhance=localized("imagine-enhance"),
        fallback=localized("imagine-fallback"),
    )
    @app_commands.autocomplete(style=offer_styles, reference=offer_sets)
    @app_commands.choices(size=SIZES)
    @app_commands.choices(variants=VARIANTS)
    async def imagine(
        self,
        interaction: discord.Interaction[Atelier],
        prompt: app_commands.Range[str, 1, 4000],
        image: discord.Attachment | None = None,
        image2: discord.Attachment | None = None,
        image3: discord.Attachment | None = None,
        image4: discord.Attachment | None = None,
        image5: discord.Attachment | None = None,
        mask: discord.Attachment | None = None,
        size: str | None = None,
        variants: int | None = None,
        style: str | None = None,
        reference: str | None = None,
        private: bool = False,
        enhance: bool = False,
        fallback: bool = False,
    ) -> None:
        images = [attached for attached in (image, image2, image3, image4, image5) if attached is not None]
        wish = Wish(
            request=PictureRequest(
                prompt=prompt, references=references_of(images, mask), enhance=enhance, fallback=fallback
            ),
            size=size,
            variants=variants,
            private=private,
        )
        services = interaction.client.services
        begun = await with_set(services, interaction.user.id, reference, wish)
        await ask(interaction, begun, style=style)


async def setup(bot: Atelier) -> None:
    bot.add_dynamic_items(CancelButton, ClearButton, WithholdButton, PostButton, ShowButton)
    await bot.add_cog(Generation())
