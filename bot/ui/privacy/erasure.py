"""Build the question before the erasure of a person's data, its buttons, and the receipt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import discord
from discord import ui

from bot.texts import Texts, texts_in
from bot.ui.kit.component_ids import component_id
from bot.ui.kit.dynamic_items import MessageButton, engine_of
from storage.community import Erasure
from storage.personal_data import PersonalDataSummary

_KINDS: Final = {
    "tasks": "privacy-tasks",
    "copies": "privacy-copies",
    "sets": "privacy-sets",
    "batches": "privacy-batches",
    "proposals": "privacy-proposals",
    "reports": "privacy-reports",
    "drafts": "privacy-drafts",
    "preferences": "privacy-preferences",
    "reposts": "privacy-reposts",
    "setting_changes": "privacy-setting-changes",
    "styles": "privacy-styles",
    "changes": "privacy-changes",
}


class EraseButton(MessageButton, action="erase", key="keep|remove"):
    """A button in the question that `/privacy erase` shows to one person only: a press begins the erasure of what is
    stored about that person. `key` says whether the messages with the person's results are kept in Discord or removed
    too."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """Begin the erasure; if one is in progress, only say so, and continue it if it is paused. When a begun one is
        done, the receipt replaces this message; if the message is gone or its interaction's token has expired, it is a
        direct message, and if that is refused, only `/privacy show` shows it."""
        say = texts_in(str(interaction.locale))
        _, is_new = await engine_of(interaction).erasures.ask(
            interaction.user.id,
            removes=self.key == "remove",
            locale=str(interaction.locale),
            token=interaction.token,
        )
        text = say("privacy-erasing") if is_new else say("privacy-erasing-already")
        await interaction.response.edit_message(view=_plain(text))


class CancelEraseButton(MessageButton, action="erase-not"):
    """Cancel the question and keep the data."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        say = texts_in(str(interaction.locale))
        await interaction.response.edit_message(view=_plain(say("privacy-erase-kept")))


def question_view(say: Texts, held: PersonalDataSummary) -> ui.LayoutView:
    """Build the question: what would be erased, what stays, and that an erasure is final. For a person without stored
    data, it says so and still offers an erasure, as requests of others may have the person's pictures; their number is
    not shown, as it would reveal what others asked."""
    container: ui.Container[ui.LayoutView] = ui.Container()
    keep = EraseButton("keep", say("privacy-erase-keep"), style=discord.ButtonStyle.danger)
    remove = EraseButton("remove", say("privacy-erase-remove"), style=discord.ButtonStyle.danger)
    cancel = CancelEraseButton(label=say("privacy-erase-not"))
    if not any(held.counts.values()):
        container.add_item(ui.TextDisplay(f"{say('privacy-erase-nothing')}\n{say('privacy-erase-elsewhere')}"))
        return ui.LayoutView(timeout=None).add_item(container.add_item(_row(keep, cancel)))
    container.add_item(ui.TextDisplay(f"### {say('privacy-erase-heading')}"))
    container.add_item(ui.TextDisplay(_listed(say, held.counts)))
    container.add_item(ui.TextDisplay(say("privacy-erase-what")))
    container.add_item(ui.TextDisplay(f"-# {say('privacy-erase-stays')}"))
    return ui.LayoutView(timeout=None).add_item(container.add_item(_row(keep, remove, cancel)))


def receipt_view(say: Texts, erasure: Erasure) -> ui.LayoutView:
    """Build the receipt: what was erased, when, and the number of the erasure."""
    container: ui.Container[ui.LayoutView] = ui.Container(id=receipt_id(erasure))
    container.add_item(ui.TextDisplay(f"### {say('privacy-receipt')}"))
    container.add_item(ui.TextDisplay(_listed(say, erasure.counts) or say("privacy-receipt-nothing")))
    done = f"<t:{(erasure.done_at or erasure.asked_at) // 1000}:f>"
    container.add_item(ui.TextDisplay(f"-# {say('privacy-receipt-number', number=erasure.id, at=done)}"))
    container.add_item(ui.TextDisplay(f"-# {say('privacy-erase-stays')}"))
    return ui.LayoutView(timeout=None).add_item(container)


def receipt_id(erasure: Erasure) -> int:
    """Return the component id of the receipt's container, by which a search finds the message."""
    return component_id(f"receipt:{erasure.id}")


def under_way(say: Texts, erasure: Erasure) -> str:
    return say("privacy-under-way", at=f"<t:{erasure.asked_at // 1000}:f>")


def _listed(say: Texts, counts: Mapping[str, int]) -> str:
    """Return one line for each kind whose count is not 0."""
    return "\n".join(f"- {say(name, count=counts[kind])}" for kind, name in _KINDS.items() if counts.get(kind))


def _row(*buttons: ui.Item[Any]) -> ui.ActionRow[ui.LayoutView]:
    return ui.ActionRow(*buttons)


def _plain(text: str) -> ui.LayoutView:
    return ui.LayoutView(timeout=None).add_item(ui.TextDisplay(text))
