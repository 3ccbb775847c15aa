"""Build the question before the erasure of a person's data, its buttons, and the receipt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Self

import discord
from discord import ui

from bot.replies import answer_error
from bot.texts import Texts, texts_in
from bot.ui.buttons import services_of
from storage.community import Erasure
from storage.people import PersonalDataSummary

_KINDS: Final = {
    "tasks": "privacy-tasks",
    "copies": "privacy-copies",
    "sets": "privacy-sets",
    "batches": "privacy-batches",
    "reports": "privacy-reports",
    "drafts": "privacy-drafts",
    "reposts": "privacy-reposts",
    "setting_changes": "privacy-setting-changes",
    "styles": "privacy-styles",
    "changes": "privacy-changes",
}


class EraseButton(ui.DynamicItem[ui.Button[ui.LayoutView]], template="a1:erase:(?P<how>keep|remove)"):
    """Begin the erasure for the person who presses the button: the question is visible to that person only."""

    def __init__(self, say: Texts, how: str) -> None:
        label = say("privacy-erase-remove") if how == "remove" else say("privacy-erase-keep")
        style = discord.ButtonStyle.danger
        super().__init__(ui.Button(label=label, style=style, custom_id=f"a1:erase:{how}"))
        self.how = how

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[ui.LayoutView], match: re.Match[str], /
    ) -> Self:
        return cls(texts_in(str(interaction.locale)), match["how"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Begin the erasure. When it is done, the receipt replaces this message through this interaction's token."""
        try:
            say = texts_in(str(interaction.locale))
            _, is_new = await services_of(interaction).engine.erasures.ask(
                interaction.user.id,
                removes=self.how == "remove",
                locale=str(interaction.locale),
                token=interaction.token,
            )
            text = say("privacy-erasing") if is_new else say("privacy-erasing-already")
            await interaction.response.edit_message(view=_plain(text))
        except Exception as error:  # noqa: BLE001  # last handler: replies, and logs defects
            await answer_error(interaction, error)


class CancelEraseButton(ui.DynamicItem[ui.Button[ui.LayoutView]], template="a1:erase-not"):
    """Cancel the question and keep the data."""

    def __init__(self, say: Texts) -> None:
        super().__init__(ui.Button(label=say("privacy-erase-not"), custom_id="a1:erase-not"))

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[ui.LayoutView], match: re.Match[str], /
    ) -> Self:
        return cls(texts_in(str(interaction.locale)))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        say = texts_in(str(interaction.locale))
        await interaction.response.edit_message(view=_plain(say("privacy-erase-kept")))


def question_view(say: Texts, held: PersonalDataSummary) -> ui.LayoutView:
    """Build the question: what would be erased, what stays, and that an erasure is final. A person without stored data
    may still have pictures in requests of others; their number is not shown, as it would reveal what others asked."""
    container: ui.Container[ui.LayoutView] = ui.Container()
    if not any(held.counts.values()):
        container.add_item(ui.TextDisplay(f"{say('privacy-erase-nothing')}\n{say('privacy-erase-elsewhere')}"))
        return ui.LayoutView(timeout=None).add_item(
            container.add_item(_row(EraseButton(say, "keep"), CancelEraseButton(say)))
        )
    container.add_item(ui.TextDisplay(f"### {say('privacy-erase-heading')}"))
    container.add_item(ui.TextDisplay(_listed(say, held.counts)))
    container.add_item(ui.TextDisplay(say("privacy-erase-what")))
    container.add_item(ui.TextDisplay(f"-# {say('privacy-erase-stays')}"))
    row = _row(EraseButton(say, "keep"), EraseButton(say, "remove"), CancelEraseButton(say))
    return ui.LayoutView(timeout=None).add_item(container.add_item(row))


def receipt_view(say: Texts, erasure: Erasure) -> ui.LayoutView:
    """Build the receipt: what was erased, when, and the number of the erasure."""
    container: ui.Container[ui.LayoutView] = ui.Container()
    container.add_item(ui.TextDisplay(f"### {say('privacy-receipt')}"))
    container.add_item(ui.TextDisplay(_listed(say, erasure.counts) or say("privacy-receipt-nothing")))
    done = f"<t:{(erasure.done_at or erasure.asked_at) // 1000}:f>"
    container.add_item(ui.TextDisplay(f"-# {say('privacy-receipt-number', number=erasure.id, at=done)}"))
    container.add_item(ui.TextDisplay(f"-# {say('privacy-erase-stays')}"))
    return ui.LayoutView(timeout=None).add_item(container)


def under_way(say: Texts, erasure: Erasure) -> str:
    return say("privacy-under-way", at=f"<t:{erasure.asked_at // 1000}:f>")


def _listed(say: Texts, counts: Mapping[str, int]) -> str:
    """Return one line for each kind whose count is not 0."""
    return "\n".join(f"- {say(name, count=counts[kind])}" for kind, name in _KINDS.items() if counts.get(kind))


def _row(*buttons: ui.Item[Any]) -> ui.ActionRow[ui.LayoutView]:
    return ui.ActionRow(*buttons)


def _plain(text: str) -> ui.LayoutView:
    return ui.LayoutView(timeout=None).add_item(ui.TextDisplay(text))
