"""The message with the pictures; the message that says why there are none, and its button to ask again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote as percent

import discord
from discord import ui

from bot.engine.ports import Outcome
from bot.errors import Reason
from bot.markup import units
from bot.replies import explain
from bot.ui.arrival import origin_of
from bot.ui.buttons import TaskButton, engine_of
from bot.ui.cards import card_view
from bot.ui.kept import add_kept
from bot.ui.text import PROMPT_FILENAME, Quote, alt_text, attached, count, quote, rough_time, shape
from storage.models import OutcomePart, Picture, Route

OUTCOME_PROMPT_UNITS: Final = 500
LINKS_UNITS: Final = 2400

AGAIN_REASONS: Final = frozenset(
    {
        Reason.GENERATION_FAILED,
        Reason.NO_PICTURES,
        Reason.API_REFERENCE_UNFETCHABLE,
        Reason.ACCOUNT_KEY,
        Reason.ACCOUNT_CREDIT,
        Reason.ACCOUNT_QUOTA,
        Reason.SERVICE_FAULT,
        Reason.UNCONFIRMED,
        Reason.LOST,
        Reason.DEFECT,
    }
)
"""Asking the very same thing again may go better."""

_ELSEWHERE: Final = frozenset({Route.DIRECT, Route.COLLECTED})
_CORRECTED: Final = "-# I told you before that I was not sure of this one. It did get through after all."
_CORRECTED_FAILURE: Final = "-# This is what became of the request that I was not sure of before."

_TAKEN_BACK: Final = "### This did get through after all\nI told you what became of it in a later message."

_OF_ADDRESSES: Final = "%:/?#@!$&'*+,;=()"
"""What stays as it is in an address; all else might end the link."""

COSTLY_LABEL: Final = "Ask again (may cost a second time)"

_DONE: Final = discord.Colour(0x3BA55D)
_FAILED: Final = discord.Colour(0xC9A227)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A picture that goes along as a file."""

    position: int
    filename: str
    reencoded: bool


def picture_name(outcome: Outcome, position: int, extension: str) -> str:
    return f"{picture_stem(outcome.task.id, position)}.{extension}"


def picture_stem(task_id: str, position: int) -> str:
    """What the file name of a finished picture begins with, whatever it was encoded as."""
    return f"atelier-{task_id}-{position + 1}"


def part_id(part: OutcomePart) -> int:
    """The component id of a part's container, by which it is found again: 31 bits, never 0."""
    digest = hashlib.blake2b(part.nonce.encode(), digest_size=4).digest()
    return int.from_bytes(digest) & 0x7FFFFFFF or 1


def prompt_quote(outcome: Outcome) -> Quote:
    """The budget leaves room for it whatever else is said."""
    return quote(outcome.task.prompt, most=OUTCOME_PROMPT_UNITS)


def pictures_view(
    outcome: Outcome, part: OutcomePart, shown: Sequence[Shown], links: Sequence[Picture]
) -> ui.LayoutView:
    """One part of an outcome with pictures; `links` are those that are only told as addresses."""
    container: ui.Container[ui.LayoutView] = ui.Container(id=part_id(part), accent_colour=_DONE)
    container.add_item(ui.TextDisplay(_headline(outcome, part, shown)))
    words = prompt_quote(outcome)
    if part.number == 0:
        container.add_item(ui.TextDisplay(words.text))
    if shown:
        container.add_item(ui.MediaGallery(*[_item(outcome, one) for one in shown]))
    if part.number == 0 and not words.whole:
        container.add_item(ui.File(f"attachment://{PROMPT_FILENAME}"))
    for text in _small_print(outcome, part, shown, links):
        container.add_item(ui.TextDisplay(text))
    return _with_kept(ui.LayoutView(timeout=None).add_item(container), outcome, part)


def failure_view(outcome: Outcome, part: OutcomePart) -> ui.LayoutView:
    """What happened in one sentence, what to do next, and a button where asking again may help."""
    task = outcome.task
    reason = Reason(task.reason or Reason.DEFECT)
    container: ui.Container[ui.LayoutView] = ui.Container(id=part_id(part), accent_colour=_FAILED)
    heading = "I cannot tell whether this worked" if reason is Reason.UNCONFIRMED else "No picture this time"
    container.add_item(ui.TextDisplay(f"### {heading}\n{explain(reason, task.reason_parameters)}"))
    words = prompt_quote(outcome)
    container.add_item(ui.TextDisplay(words.text))
    if not words.whole:
        container.add_item(ui.File(f"attachment://{PROMPT_FILENAME}"))
    container.add_item(ui.TextDisplay(f"-# for <@{task.asker_id}>"))
    if outcome.corrects:
        container.add_item(ui.TextDisplay(_CORRECTED_FAILURE))
    if part.route in _ELSEWHERE:
        container.add_item(ui.TextDisplay(_elsewhere(outcome)))
    if reason in AGAIN_REASONS:
        label = COSTLY_LABEL if reason is Reason.UNCONFIRMED else None
        container.add_item(ui.ActionRow(AgainButton(task.id, label=label)))
    return _with_kept(ui.LayoutView(timeout=None).add_item(container), outcome, part)


def taken_back_view(outcome: Outcome, part: OutcomePart) -> ui.LayoutView:
    """In the place of a failure that was not the last word. A file stays, named anew."""
    container: ui.Container[ui.LayoutView] = ui.Container(id=part_id(part), accent_colour=_DONE)
    container.add_item(ui.TextDisplay(_TAKEN_BACK))
    words = prompt_quote(outcome)
    container.add_item(ui.TextDisplay(words.text))
    if not words.whole:
        container.add_item(ui.File(f"attachment://{PROMPT_FILENAME}"))
    container.add_item(ui.TextDisplay(f"-# for <@{outcome.task.asker_id}>"))
    return ui.LayoutView(timeout=None).add_item(container)


class AgainButton(TaskButton, action="again", label="Ask again"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """
        The new card is the first answer, because that has to come within 3 s and because `@original` of the new task
        must be its card. Right behind it the pressed message loses its button, whether or not the answer got through:
        the new task is stored, and a second click would be paid for as well. What only they see cannot be edited so.
        """
        engine = engine_of(interaction)
        card = await engine.again(self.task_id, origin_of(interaction))
        try:
            answer = await interaction.response.send_message(view=card_view(card))
            if answer.message_id is not None:
                await engine.card_posted(card, answer.message_id)
        finally:
            if interaction.message is not None and not interaction.message.flags.ephemeral:
                await _take_buttons(interaction.message)


async def _take_buttons(message: discord.Message) -> None:
    await message.edit(view=_without_buttons(message), allowed_mentions=discord.AllowedMentions.none())


def _without_buttons(message: discord.Message) -> ui.LayoutView:
    """The same otherwise. A file is named anew: Discord takes it back by its name only."""
    view = ui.LayoutView.from_message(message, timeout=None)
    for item in list(view.walk_children()):
        if isinstance(item, ui.ActionRow) and isinstance(item.parent, ui.Container):
            item.parent.remove_item(item)
        elif isinstance(item, ui.File):
            item.url = f"attachment://{PROMPT_FILENAME}"
    return view


def _with_kept(view: ui.LayoutView, outcome: Outcome, part: OutcomePart) -> ui.LayoutView:
    """The card that told of what else is kept is about to go."""
    if part.number and part.route is not Route.COLLECTED:
        return view
    return add_kept(view, outcome.kept, more=part.route is Route.COLLECTED)


def _headline(outcome: Outcome, part: OutcomePart, shown: Sequence[Shown]) -> str:
    if part.number:
        return "### More of the same request"
    if not shown:
        return "### Made, but I could not bring it here"
    made = len(outcome.pictures)
    return "### Your picture is ready" if made == 1 else f"### Your {made} pictures are ready"


def _item(outcome: Outcome, shown: Shown) -> discord.MediaGalleryItem:
    made = len(outcome.pictures)
    which = "Picture" if made == 1 else f"Picture {shown.position + 1} of {made}"
    description = alt_text(which, outcome.task.prompt)
    return discord.MediaGalleryItem(f"attachment://{shown.filename}", description=description)


def _small_print(outcome: Outcome, part: OutcomePart, shown: Sequence[Shown], links: Sequence[Picture]) -> list[str]:
    texts = [_linked(links)] if links else []
    if again := [one for one in shown if one.reencoded]:
        what = "This picture was" if len(shown) == 1 else f"{count(len(again), 'picture was', 'pictures were')}"
        texts.append(f"-# {what} saved anew, with as little loss as possible, to fit the size Discord takes here.")
    if part.number == 0:
        texts.append(f"-# {' · '.join(_facts(outcome))}")
    if part.number == 0 and outcome.corrects:
        texts.append(_CORRECTED)
    if part.route in _ELSEWHERE:
        texts.append(_elsewhere(outcome))
    return texts


def _facts(outcome: Outcome) -> list[str]:
    task = outcome.task
    facts = [f"for <@{task.asker_id}>", shape(task.size), *attached(outcome.references)]
    if task.settled_at is not None:
        facts.append(f"took {rough_time((task.settled_at - task.created_at) / 1000)}")
    return facts


def _linked(links: Sequence[Picture]) -> str:
    """As many addresses as the budget allows; they are far shorter than it in practice."""
    text = "What I could not bring along may still be found here for some days. If not, ask for it again:"
    for picture in links:
        line = f"\n[Picture {picture.position + 1}](<{percent(picture.url, safe=_OF_ADDRESSES)}>)"
        if units(text) + units(line) <= LINKS_UNITS:
            text += line
    return text


def _elsewhere(outcome: Outcome) -> str:
    return f"-# You asked for this in <#{outcome.task.channel_id}>, where I could not post."
