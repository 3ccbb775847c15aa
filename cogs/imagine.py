"""`/imagine`: make pictures."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Atelier
from bot.intake.requests import Wish, references_of
from bot.texts.command_texts import localized
from bot.ui.asking.ask import ask
from bot.ui.kit.choices import BACKGROUNDS, TypedChoice
from bot.ui.kit.model_choices import offer_models, offer_resolutions, offer_sizes, offer_variants
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
        model=localized("imagine-model"),
        size=localized("imagine-size"),
        resolution=localized("imagine-resolution"),
        background=localized("imagine-background"),
        variants=localized("imagine-variants"),
        style=localized("style-option-imagine"),
        reference=localized("reference-option-imagine"),
        private=localized("imagine-private"),
        enhance=localized("imagine-enhance"),
        fallback=localized("imagine-fallback"),
    )
    @app_commands.autocomplete(style=offer_styles, reference=offer_sets)
    @app_commands.autocomplete(model=offer_models, size=offer_sizes, resolution=offer_resolutions)
    @app_commands.autocomplete(variants=offer_variants)
    @app_commands.choices(background=BACKGROUNDS)
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
        model: TypedChoice | None = None,
        size: TypedChoice | None = None,
        resolution: TypedChoice | None = None,
        background: str | None = None,
        variants: int | None = None,
        style: str | None = None,
        reference: str | None = None,
        private: bool | None = None,
        enhance: bool = False,
        fallback: bool = False,
    ) -> None:
        images = [attached for attached in (image, image2, image3, image4, image5) if attached is not None]
        wish = Wish(
            request=PictureRequest(
                prompt=prompt, references=references_of(images, mask), enhance=enhance, fallback=fallback
            ),
            model=model,
            size=size,
            resolution=resolution,
            background=background,
            variants=variants,
            private=private,
        )
        services = interaction.client.services
        begun = await with_set(services, interaction.user.id, reference, wish)
        await ask(interaction, begun, style=style)


async def setup(bot: Atelier) -> None:
    bot.add_dynamic_items(CancelButton, ClearButton, WithholdButton, PostButton, ShowButton)
    await bot.add_cog(Generation())
