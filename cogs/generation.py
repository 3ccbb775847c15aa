"""`/imagine`: make pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final, Literal

import discord
import structlog
from discord import app_commands
from discord.ext import commands

from bot.client import Atelier
from bot.engine.engine import Engine
from bot.errors import BadReference, BlankPrompt, Reason
from bot.markup import is_blank
from bot.ui.arrival import origin_of
from bot.ui.cards import CancelButton, card_view
from bot.ui.kept import ShowButton
from bot.ui.outcomes import AgainButton
from storage.models import NewReference, NewTask, ReferenceKind

LARGEST_REFERENCE_BYTES: Final = 25 * 1024 * 1024

PROMPT_HELP: Final = "What you would like to see"
IMAGE_HELP: Final = "A picture to start from: JPEG, PNG or WebP, up to 25 MB"
MORE_HELP: Final = "One more picture"
MASK_HELP: Final = "Only with one picture, and as large as it is: black is what changes, white stays"
SIZE_HELP: Final = "The shape of the picture"
VARIANTS_HELP: Final = "How many pictures to choose from"
ENHANCE_HELP: Final = "Let the image service work out your words in more detail"
FALLBACK_HELP: Final = "Let another model step in when the first one cannot"


class Generation(commands.Cog):
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @app_commands.command()
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.describe(
        prompt=PROMPT_HELP,
        image=IMAGE_HELP,
        image2=MORE_HELP,
        image3=MORE_HELP,
        image4=MORE_HELP,
        image5=MORE_HELP,
        mask=MASK_HELP,
        size=SIZE_HELP,
        variants=VARIANTS_HELP,
        enhance=ENHANCE_HELP,
        fallback=FALLBACK_HELP,
    )
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
        size: Literal["1:1", "3:2", "2:3"] = "1:1",
        variants: Literal[1, 2, 4] = 1,
        enhance: bool = False,
        fallback: bool = False,
    ) -> None:
        """Make pictures from words, and from pictures you attach"""
        images = [one for one in (image, image2, image3, image4, image5) if one is not None]
        new = NewTask(
            **asdict(origin_of(interaction)),
            prompt=_prompt(prompt, images),
            size=size,
            variants=variants,
            enhance=enhance,
            fallback=fallback,
            references=_references(images, mask),
        )
        card = await self._engine.submit(new)
        structlog.contextvars.bind_contextvars(task=card.task.id)
        answer = await interaction.response.send_message(view=card_view(card))
        if answer.message_id is not None:
            await self._engine.card_posted(card, answer.message_id)


def _prompt(prompt: str, images: Sequence[discord.Attachment]) -> str:
    """As typed, less what no database keeps; nothing where there are no words in it. Raises BlankPrompt when there is
    no picture either."""
    if not is_blank(prompt):
        return prompt.replace("\0", "").encode("utf-8", "replace").decode()
    if not images:
        raise BlankPrompt
    return ""


def _references(images: Sequence[discord.Attachment], mask: discord.Attachment | None) -> tuple[NewReference, ...]:
    """Raises BadReference for what can be told without looking inside."""
    if mask is not None and not images:
        raise BadReference(Reason.MASK_WITHOUT_IMAGE)
    if mask is not None and len(images) > 1:
        raise BadReference(Reason.MASK_WITH_SEVERAL)
    references = [_reference(one, ReferenceKind.IMAGE) for one in images]
    if mask is not None:
        references.append(_reference(mask, ReferenceKind.MASK))
    return tuple(references)


def _reference(attachment: discord.Attachment, kind: ReferenceKind) -> NewReference:
    if attachment.size > LARGEST_REFERENCE_BYTES:
        raise BadReference(Reason.REFERENCE_TOO_LARGE, filename=attachment.filename, megabytes=25)
    if attachment.size == 0:
        raise BadReference(Reason.REFERENCE_EMPTY, filename=attachment.filename)
    declared = (attachment.content_type or "").partition(";")[0].strip().lower()
    if declared and not declared.startswith("image/") and declared != "application/octet-stream":
        raise BadReference(Reason.REFERENCE_NOT_A_PICTURE, filename=attachment.filename)
    return NewReference(
        kind=kind,
        url=attachment.url,
        filename=attachment.filename,
        declared_type=declared or None,
        declared_bytes=attachment.size,
    )


async def setup(bot: Atelier) -> None:
    bot.add_dynamic_items(CancelButton, AgainButton, ShowButton)
    await bot.add_cog(Generation(bot.services.engine))
