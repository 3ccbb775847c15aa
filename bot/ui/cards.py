"""The waiting card: what was asked, where it stands, roughly how long it will take; and its button to cancel."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

import discord
from discord import ui

from bot.engine.ports import Card, CardPhase
from bot.errors import Reason
from bot.ui.buttons import TaskButton, engine_of
from bot.ui.kept import add_kept
from bot.ui.text import alt_text, attached, count, quote, rough_time, shape
from storage.models import Reference, ReferenceKind, Task

CARD_PROMPT_UNITS: Final = 300
DEFAULT_STEPS: Final = 10
BAR_LENGTH: Final = 12
FULL: Final = "▰"
EMPTY: Final = "▱"

_CANCELLABLE: Final = frozenset({CardPhase.PREPARING, CardPhase.QUEUED})
_WAITING: Final = discord.Colour(0x5865F2)
_WORKING: Final = discord.Colour(0x3BA5A0)
_DELAYED: Final = discord.Colour(0xC9A227)
_OVER: Final = discord.Colour(0x6D6F78)
_COLOURS: Final = {
    CardPhase.PREPARING: _WAITING,
    CardPhase.QUEUED: _WAITING,
    CardPhase.CREATING: _WORKING,
    CardPhase.UNCONFIRMED: _DELAYED,
    CardPhase.GENERATING: _WORKING,
    CardPhase.OVERDUE: _DELAYED,
    CardPhase.DELIVERING: _WORKING,
    CardPhase.CANCELLED: _OVER,
}
"""Decoration only: the heading says the same in words."""

_STOPPED: Final = "I can make no new pictures at the moment."
_PAUSED: Final = {
    Reason.ACCOUNT_CREDIT: "My credit with the image service is used up. Whoever runs me has to top it up.",
    Reason.ACCOUNT_KEY: "The image service does not accept my key at the moment. "
    "Whoever runs me has to put that right.",
    Reason.SERVICE_UNREACHABLE: "The image service cannot be reached at the moment.",
}

CardKey: TypeAlias = tuple[CardPhase, int | None, int, str, Reason | None, tuple[str, ...]]


def card_key(card: Card, *, steps: int = DEFAULT_STEPS) -> CardKey:
    """What two cards must differ in to be worth an edit."""
    return (card.phase, card.place, _step(card, steps), _left(card), card.paused, card.kept)


def card_view(card: Card, *, steps: int = DEFAULT_STEPS, strip: str | None = None) -> ui.LayoutView:
    """`strip`: the name of the attached file that shows the references, once they are prepared."""
    heading, footer = f"### {_heading(card)}\n{_body(card, steps)}", f"-# {' · '.join(_facts(card))}"
    words = quote(card.task.prompt, beside=(heading, footer), most=CARD_PROMPT_UNITS).text
    container: ui.Container[ui.LayoutView] = ui.Container(id=card_id(card.task), accent_colour=_COLOURS[card.phase])
    container.add_item(ui.TextDisplay(heading))
    for item in _words_and_strip(words, card.references, strip):
        container.add_item(item)
    container.add_item(ui.TextDisplay(footer))
    if card.phase in _CANCELLABLE:
        container.add_item(ui.ActionRow(CancelButton(card.task.id)))
    return add_kept(ui.LayoutView(timeout=None).add_item(container), card.kept)


def card_id(task: Task) -> int:
    """The component id of a card's container: 31 bits, the same for the same task, never 0."""
    digest = hashlib.blake2b(f"card {task.id}".encode(), digest_size=4).digest()
    return int.from_bytes(digest) & 0x7FFFFFFF or 1


def strip_name(task: Task) -> str:
    """Carries the task's id, and does not begin like the name of a finished picture."""
    return f"card-{task.id}.png"


class CancelButton(TaskButton, action="cancel", label="Cancel"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        task = await engine_of(interaction).cancel(self.task_id, interaction.user.id)
        cancelled = Card(task=task, phase=CardPhase.CANCELLED)
        await interaction.response.edit_message(view=card_view(cancelled), attachments=[])


def _words_and_strip(words: str, references: Sequence[Reference], strip: str | None) -> list[ui.Item[ui.LayoutView]]:
    """A single tile stands beside the words, a longer strip below them."""
    if strip is None:
        return [ui.TextDisplay(words)]
    address, description = f"attachment://{strip}", alt_text("Attached", _names(references))
    if len(references) == 1:
        return [ui.Section(words, accessory=ui.Thumbnail(address, description=description))]
    return [ui.TextDisplay(words), ui.MediaGallery(discord.MediaGalleryItem(address, description=description))]


def _names(references: Iterable[Reference]) -> str:
    return ", ".join(
        f"the mask {one.filename}" if one.kind is ReferenceKind.MASK else one.filename for one in references
    )


def _heading(card: Card) -> str:
    pictures = "your picture" if card.task.variants == 1 else f"your {card.task.variants} pictures"
    match card.phase:
        case CardPhase.PREPARING:
            return "Looking at what you attached" if card.references else "Getting ready"
        case CardPhase.QUEUED:
            return "Waiting in line"
        case CardPhase.CREATING:
            return "Your turn"
        case CardPhase.UNCONFIRMED:
            return "Waiting for word from the image service"
        case CardPhase.GENERATING:
            return f"Making {pictures}"
        case CardPhase.OVERDUE:
            return "This takes longer than usual"
        case CardPhase.DELIVERING:
            return "Nearly there"
        case CardPhase.CANCELLED:
            return "Cancelled"


def _body(card: Card, steps: int) -> str:
    match card.phase:
        case CardPhase.PREPARING:
            return "It joins the line in a moment."
        case CardPhase.QUEUED:
            return _queue(card)
        case CardPhase.CREATING:
            return "Handing it to the image service."
        case CardPhase.UNCONFIRMED:
            return (
                "The line broke before it could say whether it took your request. I wait some minutes for word of it, "
                "and tell you here either way."
            )
        case CardPhase.GENERATING:
            return _progress(card, steps)
        case CardPhase.OVERDUE:
            return "There is nothing you need to do. I keep asking, and the outcome comes here."
        case CardPhase.DELIVERING:
            return "Bringing the outcome to this channel."
        case CardPhase.CANCELLED:
            return "Nothing was made and nothing was spent. Type `/imagine` to ask for something else."


def _queue(card: Card) -> str:
    if card.paused:
        return f"{_PAUSED.get(card.paused, _STOPPED)} Yours keeps its place and goes on by itself."
    if card.place is None:
        return "It starts soon."
    if card.place == 1:
        return "You are next."
    return f"{count(card.place - 1, 'request is', 'requests are')} before yours."


def _progress(card: Card, steps: int) -> str:
    step = _step(card, steps)
    filled = step * BAR_LENGTH // steps
    if card.paused is Reason.SERVICE_UNREACHABLE:
        return "The image service does not answer at the moment. I keep asking, and your request is safe."
    return f"{FULL * filled}{EMPTY * (BAR_LENGTH - filled)}  {step * 100 // steps} % · {_left(card)}"


def _left(card: Card) -> str:
    """In words: it is known only roughly, and other words are another edit."""
    if card.phase is not CardPhase.GENERATING:
        return ""
    return f"{rough_time(card.remaining_seconds)} to go" if card.remaining_seconds is not None else "just begun"


def _step(card: Card, steps: int) -> int:
    return min(steps, int(card.progress * steps + 1e-9)) if card.phase is CardPhase.GENERATING else 0


def _facts(card: Card) -> list[str]:
    task = card.task
    facts = [f"for <@{task.asker_id}>", shape(task.size)]
    if task.variants > 1:
        facts.append(f"{task.variants} variants")
    return facts + attached(card.references)
