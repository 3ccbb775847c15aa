"""Build the waiting card: the prompt, the state, the estimated time, and the buttons to cancel, withhold, post or
delete; handle the first three."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import discord
from discord import ui

from bot.engine.ports import Card, CardPhase
from bot.errors import Reason
from bot.texts import Texts, texts_in
from bot.texts.discord_text import escaped
from bot.texts.shapes import shape
from bot.ui.kit.component_ids import component_id
from bot.ui.kit.dynamic_items import TaskButton, engine_of
from bot.ui.kit.request_facts import expected_price, look_of, model_name
from bot.ui.kit.text import alt_text, asked_by, attached, quote, rough_time, sentences
from bot.ui.waiting.clearing import ClearButton
from bot.ui.waiting.undelivered import add_undelivered
from storage.catalogue import MODELS
from storage.models import Reach, Reference, ReferenceKind, Task

CARD_PROMPT_UNITS: Final = 300
FILENAME_UNITS: Final = 60
DEFAULT_STEPS: Final = 5
"""Steps of the progress bar: each step is an edit of the card."""
EXACT_PLACES: Final = 5
"""Up to this place in the queue, every place is an edit; beyond, an edit follows when the place drops by a fifth."""
KEPT_TEXTS: Final = 200
"""Texts about the durations of models that are kept as they were formatted."""
BAR_LENGTH: Final = 12
FULL: Final = "▰"
EMPTY: Final = "▱"

_CANCELLABLE: Final = frozenset({CardPhase.PREPARING, CardPhase.QUEUED})
_UNDER_WAY: Final = frozenset({CardPhase.CREATING, CardPhase.UNCONFIRMED, CardPhase.GENERATING, CardPhase.OVERDUE})
"""Charged, or perhaps charged: the outcome can be stored instead of posted."""
_OPEN: Final = _CANCELLABLE | _UNDER_WAY
_ENDED: Final = frozenset({CardPhase.CANCELLED, CardPhase.WITHHELD})
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
    CardPhase.WITHHELD: _OVER,
}
"""Decoration only: the heading says the same as text."""

PAUSED: Final = {
    Reason.ACCOUNT_CREDIT: "card-credit",
    Reason.ACCOUNT_KEY: "card-key",
    Reason.SERVICE_UNREACHABLE: "card-unreachable",
}
"""The sentence for each reason why no creates are sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardKey:
    """Compare cards: a card is edited only if its key has changed."""

    news: tuple[CardPhase, Reason | None, tuple[str, ...], tuple[str, ...], tuple[bool, ...]]
    """A change is worth an edit soon."""
    drift: tuple[int | None, int, str]
    """A change is worth an edit now and then: the place, the progress, and the remaining time as text."""


def card_key(card: Card, *, steps: int = DEFAULT_STEPS) -> CardKey:
    return CardKey(
        news=(
            card.phase,
            card.paused,
            card.undelivered,
            card.undelivered_batches,
            (
                card.leaving,
                card.back,
                card.previewed,
                card.task.withheld_at is not None,
                change_share(card) is not None,
                card.trouble_since is not None,
            ),
        ),
        drift=(_place_step(card.place), _step(card, steps), _left(card, texts_in(card.task.locale))),
    )


def card_view(card: Card, *, steps: int = DEFAULT_STEPS, strip: str | None = None) -> ui.LayoutView:
    """Build the card. `strip`: name of the attached file with the references' thumbnails or the mask's preview, once
    these are prepared."""
    say = texts_in(card.task.locale)
    heading, footer = f"### {_heading(card, say)}\n{_body(card, say, steps)}", f"-# {' · '.join(_facts(card, say))}"
    if card.phase in _OPEN and (became := parameters_line(say, card.task.parameters, card.task.size)):
        footer += f"\n-# {became}"
    words = quote(say, card.task.prompt, beside=(heading, footer), most=CARD_PROMPT_UNITS).text
    container: ui.Container[ui.LayoutView] = ui.Container(id=card_id(card.task), accent_colour=_COLOURS[card.phase])
    container.add_item(ui.TextDisplay(heading))
    for item in _words_and_strip(say, words, card, strip):
        container.add_item(item)
    container.add_item(ui.TextDisplay(footer))
    if card.phase in _CANCELLABLE:
        container.add_item(ui.ActionRow(CancelButton(card.task.id, say)))
    elif card.phase in _UNDER_WAY and card.task.reach is Reach.CHANNEL:
        button = WithholdButton if card.task.withheld_at is None else PostButton
        container.add_item(ui.ActionRow(button(card.task.id, say)))
    elif card.phase in _ENDED and not card.task.private:
        container.add_item(ui.ActionRow(ClearButton(card.task.id, say)))
    view = ui.LayoutView(timeout=None).add_item(container)
    return add_undelivered(view, card.undelivered, card.undelivered_batches, say)


def card_id(task: Task) -> int:
    """Return the component id of a card's container, by which a search finds the card."""
    return component_id(f"card {task.id}")


def strip_name(task: Task) -> str:
    """Return a file name with the task's id that cannot be mistaken for the name of a finished picture."""
    return f"card-{task.id}.png"


def preview_name(task: Task) -> str:
    """Return the file name of the preview of what a mask changes, as for `strip_name`."""
    return f"mask-{task.id}.jpg"


def change_share(card: Card) -> float | None:
    """Return the share (0 to 1) of the picture that the mask changes; None without a mask, or before its check."""
    return next((reference.change_share for reference in card.references if reference.change_share is not None), None)


class CancelButton(TaskButton, action="cancel", label="card-cancel", style=discord.ButtonStyle.danger):
    """Cancel a queued task without asking first: it is not paid, and its turn may come during the question."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        task = await engine_of(interaction).requests.cancel(self.task_id, interaction.user.id)
        cancelled = Card(task=task, phase=CardPhase.CANCELLED)
        await interaction.response.edit_message(view=card_view(cancelled), attachments=[])


class WithholdButton(TaskButton, action="withhold", label="card-withhold"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """Store the choice, and only acknowledge the interaction: the engine updates the task's card (a task of a batch
        has none), but no message that shows the task to a person who looked it up."""
        await engine_of(interaction).requests.withhold(self.task_id, interaction.user.id, withheld=True)
        await interaction.response.defer()


class PostButton(TaskButton, action="post", label="card-post"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        await engine_of(interaction).requests.withhold(self.task_id, interaction.user.id, withheld=False)
        await interaction.response.defer()


def _words_and_strip(say: Texts, words: str, card: Card, strip: str | None) -> list[ui.Item[ui.LayoutView]]:
    """Return the prompt with a single thumbnail next to it, or with a longer strip or the preview of a mask below it,
    and how much a mask changes."""
    is_preview = strip is not None and strip.endswith(preview_name(card.task))
    items: list[ui.Item[ui.LayoutView]] = [ui.TextDisplay(words)]
    share = change_share(card) if card.phase in _OPEN else None
    if share is not None:
        items.append(ui.TextDisplay(say("card-tinted" if is_preview else "card-changes", percent=_percent(say, share))))
    if strip is None:
        return items
    attached_ones = alt_text(say, say("card-attached"), _names(say, card.references))
    address, description = f"attachment://{strip}", say("card-preview") if is_preview else attached_ones
    spoiler = card.task.is_spoiler
    if len(card.references) == 1:
        return [ui.Section(words, accessory=ui.Thumbnail(address, description=description, spoiler=spoiler))]
    item = discord.MediaGalleryItem(address, description=description, spoiler=spoiler)
    return [*items, ui.MediaGallery(item)]


def _percent(say: Texts, share: float) -> str:
    """Return whole per cent, never 0, and 100 only for all of the picture."""
    percent = min(round(share * 100), 100 if share == 1 else 99)
    return say("card-percent", percent=percent) if percent else say("card-percent-least")


def _names(say: Texts, references: Iterable[Reference]) -> str:
    return say("text-between").join(
        say("card-mask", filename=reference.filename) if reference.kind is ReferenceKind.MASK else reference.filename
        for reference in references
    )


def _heading(card: Card, say: Texts) -> str:
    match card.phase:
        case CardPhase.PREPARING:
            return say("card-looking") if card.references else say("card-preparing")
        case CardPhase.QUEUED:
            return say("card-queued")
        case CardPhase.CREATING:
            return say("card-creating")
        case CardPhase.UNCONFIRMED:
            return say("card-unconfirmed")
        case CardPhase.GENERATING:
            return say("card-generating", count=card.task.variants)
        case CardPhase.OVERDUE:
            return say("card-overdue")
        case CardPhase.DELIVERING:
            return say("card-delivering")
        case CardPhase.CANCELLED:
            return say("card-cancelled")
        case CardPhase.WITHHELD:
            return say("card-withheld")


def _body(card: Card, say: Texts, steps: int) -> str:
    """Return the text of the phase, and below it the notes on the input pictures, on withholding and on a restart."""
    lines = [_state(card, say, steps)]
    if card.phase in _OPEN:
        lines += [f"-# {note}" for reference in card.references for note in _changes(reference, say)]
    if card.task.withheld_at is not None and card.phase in _UNDER_WAY:
        lines.append(say("card-unwanted"))
    if card.trouble_since is not None and card.phase in _OPEN and not card.paused:
        lines.append(
            say("card-trouble", model=model_name(card.task.model), since=f"<t:{card.trouble_since // 1000}:t>")
        )
    if card.back and card.phase in _OPEN:
        lines.append(say("card-back"))
    return "\n".join(lines)


def _changes(reference: Reference, say: Texts) -> Iterator[str]:
    """Yield how the picture that is used differs from the attached one, as far as people see it."""
    filename = f"**{escaped(reference.filename, FILENAME_UNITS)}**"
    if reference.is_first_frame:
        yield say("card-first-frame", filename=filename)
    if reference.is_reduced:
        yield say("card-reduced", filename=filename)
    if reference.is_cut:
        yield say("card-cut", filename=filename)


def _state(card: Card, say: Texts, steps: int) -> str:
    if card.leaving and card.phase is not CardPhase.CANCELLED:
        return say("private-leaving")
    match card.phase:
        case CardPhase.PREPARING:
            return say("card-joining")
        case CardPhase.QUEUED:
            return _queue(card, say)
        case CardPhase.CREATING:
            return say("card-handing")
        case CardPhase.UNCONFIRMED:
            return say("card-unsure")
        case CardPhase.GENERATING:
            return _progress(card, say, steps)
        case CardPhase.OVERDUE:
            return say("card-asking")
        case CardPhase.DELIVERING:
            return _bringing(card.task, say)
        case CardPhase.CANCELLED:
            return say("card-nothing-spent")
        case CardPhase.WITHHELD:
            return say("card-kept")


def _bringing(task: Task, say: Texts) -> str:
    if task.withheld_at is not None:
        return say("card-finishing")
    return say("card-bringing" if task.reach is Reach.CHANNEL else "private-bringing")


def _queue(card: Card, say: Texts) -> str:
    if card.paused:
        return say("card-paused", why=say(PAUSED.get(card.paused, "card-stopped")))
    if card.place is None:
        return say("card-soon")
    if card.previewed and card.place == 1:
        return say("card-look-soon")
    lines = [say("card-next") if card.place == 1 else say("card-before", count=card.place - 1)]
    if card.place > 1:
        lines += [say("card-look")] if card.previewed else []
        lines.append(f"-# {say('card-fair')}")
    if card.usual is not None:
        lines.append(f"-# {_usual(say, *card.usual)}")
    return "\n".join(lines)


@lru_cache(maxsize=KEPT_TEXTS)
def _usual(say: Texts, half_seconds: float, most_seconds: float) -> str:
    half, most = rough_time(say, half_seconds), rough_time(say, most_seconds)
    return say("card-usual", half=half, most=most) if half != most else say("card-usual-both", most=most)


def _progress(card: Card, say: Texts, steps: int) -> str:
    step = _step(card, steps)
    filled = step * BAR_LENGTH // steps
    if card.paused is Reason.SERVICE_UNREACHABLE:
        return say("card-silent")
    percent = say("card-percent", percent=step * 100 // steps)
    return f"{FULL * filled}{EMPTY * (BAR_LENGTH - filled)}  {percent} · {_left(card, say)}"


def _left(card: Card, say: Texts) -> str:
    """Return the remaining time in rough words: it is only an estimate, and each change of the text causes an edit.
    Empty unless the phase is GENERATING."""
    if card.phase is not CardPhase.GENERATING:
        return ""
    if card.remaining_seconds is None:
        return say("card-begun")
    return say("card-left", time=rough_time(say, card.remaining_seconds))


def _step(card: Card, steps: int) -> int:
    return min(steps, int(card.progress * steps + 1e-9)) if card.phase is CardPhase.GENERATING else 0


def _place_step(place: int | None) -> int | None:
    if place is None or place <= EXACT_PLACES:
        return place
    return EXACT_PLACES + 1 + int(math.log(place / (EXACT_PLACES + 1), 1.25))


_REPLACED: Final = {
    "off": "models-was-off",
    "here": "models-was-not-here",
    "mask": "models-was-without-mask",
    "pictures": "models-was-for-fewer",
    "words": "models-was-for-other-words",
}


def replaced_line(say: Texts, kept: Mapping[str, str]) -> str:
    """Return why another model makes a request, of which `bot.engine.intake.models` has kept this; empty if none
    does."""
    if kept.get("model_why") not in _REPLACED:
        return ""
    was = kept.get("model_was", "")
    most = MODELS[was].most_references if was in MODELS else 0
    now = model_name(kept.get("model_is", ""))
    return say(_REPLACED[kept["model_why"]], was=model_name(was), now=now, most=most)


def parameters_line(say: Texts, kept: Mapping[str, str], size: str) -> str:
    """Return what became of the parameters at the end of the typed words, and of a model that could not be used, of
    which `bot.intake.words` and `bot.engine.intake.models` have kept this; empty if there is nothing to say."""
    said = list[str]()
    if replaced := replaced_line(say, kept):
        said.append(replaced)
    if "named" in kept:
        said.append(say("models-named-twice"))
    if "sharp" in kept:
        said.append(say("models-resolution-twice"))
    if ratio := kept.get("ratio"):
        name = "card-ratio" if ratio == size else "card-ratio-nearest"
        said.append(say(name, ratio=ratio, shape=shape(say, size)))
    if ratio := kept.get("overruled"):
        said.append(say("card-ratio-overruled", ratio=ratio))
    if "without" in kept:
        said.append(say("card-without"))
    if left_out := kept.get("left_out", "").split():
        names = say("text-between").join(f"`--{name}`" for name in left_out)
        said.append(say("card-left-out", names=names, count=len(left_out)))
    if "stayed" in kept:
        said.append(say("card-stayed"))
    return sentences(say, said)


def _facts(card: Card, say: Texts) -> list[str]:
    """Return who asked, what is made and from what; and its price, as long as cancelling saves it."""
    task = card.task
    facts = [asked_by(say, task.asker_id), *look_of(say, task)]
    if task.variants > 1:
        facts.append(say("card-variants", count=task.variants))
    facts += attached(say, card.references)
    return facts + (expected_price(say, task) if card.phase in _CANCELLABLE else [])
