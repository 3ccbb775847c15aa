"""`/blend`: combine several pictures, without a prompt."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Atelier
from bot.intake.requests import Wish, references_of
from bot.texts.command_texts import localized
from bot.ui.asking.ask import ask
from bot.ui.kit.choices import TypedChoice
from bot.ui.kit.model_choices import offer_sizes, offer_variants
from storage.models import PictureRequest


class Blend(commands.Cog):
    @app_commands.command(description=localized("blend-command"))
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.describe(
        image=localized("blend-image"),
        image2=localized("blend-image"),
        image3=localized("imagine-more"),
        image4=localized("imagine-more"),
        image5=localized("imagine-more"),
        size=localized("imagine-size"),
        variants=localized("imagine-variants"),
        private=localized("imagine-private"),
    )
    @app_commands.autocomplete(size=offer_sizes)
    @app_commands.autocomplete(variants=offer_variants)
    async def blend(
        self,
        interaction: discord.Interaction[Atelier],
        image: discord.Attachment,
        image2: discord.Attachment,
        image3: discord.Attachment | None = None,
        image4: discord.Attachment | None = None,
        image5: discord.Attachment | None = None,
        size: TypedChoice | None = None,
        variants: int | None = None,
        private: bool | None = None,
    ) -> None:
        images = [attached for attached in (image, image2, image3, image4, image5) if attached is not None]
        wish = Wish(
            request=PictureRequest(prompt="", references=references_of(images)),
            size=size,
            variants=variants,
            private=private,
        )
        await ask(interaction, wish)


async def setup(bot: Atelier) -> None:
    await bot.add_cog(Blend())
