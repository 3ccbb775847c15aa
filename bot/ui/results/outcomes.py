"""Build the message with the pictures, and the message of a failure with its button to ask again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import discord
from discord import ui

from bot.engine.ports import Outcome
from bot.error_replies import explain
from bot.errors import Reason
from bot.texts import Texts, texts_in
from bot.texts.discord_text import escaped, units
from bot.ui.kit.component_ids import component_id
from bot.ui.kit.pictures import picture_stem
from bot.ui.kit.request_facts import cost, look_of
from bot.ui.kit.text import (
    PROMPT_FILENAME,
    Quote,
    alt_text,
    asked_by,
    attached,
    linked,
    message_link,
    quote,
    rough_time,
    sentences,
)
from bot.ui.results.actions import AgainButton, result_rows
from bot.ui.results.missing import fewer_line
from bot.ui.waiting.clearing import ClearButton
from bot.ui.waiting.undelivered import add_undelivered
from storage.community import RepostKind
from storage.models import LATE_PARTS, Derivation, OutcomePart, Picture, Reach, Reference, Route

OUTCOME_PROMPT_UNITS: Final = 500
LINKS_UNITS: Final = 2400
FILENAME_UNITS: Final = 60

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
        Reason.RESTORED,
        Reason.LOST,
        Reason.DEFECT,
    }
)
"""Reasons of failures after which the same request may succeed: the message has a button to ask again."""
UNSURE_REASONS: Final = frozenset({Reason.UNCONFIRMED, Reason.RESTORED})
"""Reasons with which it is unknown whether the pictures were made and paid."""

_ELSEWHERE: Final = frozenset({Route.DIRECT, Route.COLLECTED})

_POSTED: Final = {
    RepostKind.PUBLISHED: "curation-published",
    RepostKind.SHOWN: "curation-shown",
    RepostKind.GALLERY: "curation-in-gallery",
}
_DONE: Final = discord.Colour(0x3BA55D)
_FAILED: Final = discord.Colour(0xC9A227)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedPicture:
    """A picture that is attached as a file."""

    position: int
    filename: str
    reencoded: bool


def picture_name(outcome: Outcome, position: int, extension: str) -> str:
    return f"{picture_stem(outcome.task.id, position)}.{extension}"


def part_id(part: OutcomePart) -> int:
    """Return the component id of a part's container, by which a search finds the message."""
    return component_id(part.nonce)


def prompt_quote(outcome: Outcome) -> Quote:
    """Return the quoted prompt, shortened if it is long: the text budget of a message always has room for it."""
    return quote(texts_in(outcome.task.locale), outcome.task.prompt, most=OUTCOME_PROMPT_UNITS)


def pictures_view(
    outcome: Outcome, part: OutcomePart, shown: Sequence[AttachedPicture], links: Sequence[Picture]
) -> ui.LayoutView:
    """Build one part of an outcome with pictures. `links`: pictures that are not attached, only linked."""
    container: ui.Container[ui.LayoutView] = ui.Container(id=part_id(part), accent_colour=_DONE)
    say = texts_in(outcome.task.locale)
    container.add_item(ui.TextDisplay(f"### {_headline(say, outcome, part, shown)}"))
    words = prompt_quote(outcome)
    if part.number == 0 or part.number >= LATE_PARTS:
        container.add_item(ui.TextDisplay(words.text))
    if shown:
        container.add_item(ui.MediaGallery(*[_item(say, outcome, picture) for picture in shown]))
    if part.number == 0 and not words.whole:
        container.add_item(ui.File(f"attachment://{PROMPT_FILENAME}"))
    for text in _small_print(say, outcome, part, shown, links):
        container.add_item(ui.TextDisplay(text))
    positions = sorted([picture.position for picture in shown] + [picture.position for picture in links])
    if len(positions) > 1:
        container.add_item(ui.TextDisplay(f"-# {say('outcome-choose')}"))
    for row in result_rows(outcome, positions):
        container.add_item(row)
    return _with_kept(ui.LayoutView(timeout=None).add_item(container), outcome, part)


def failure_view(outcome: Outcome, part: OutcomePart) -> ui.LayoutView:
    """Build the message of a failure: what happened, what to do next, the prompt, a button to ask again if that may
    help, and a button that deletes the message, unless it is private, collected or looked up."""
    task, say = outcome.task, texts_in(outcome.task.locale)
    reason = Reason(task.reason or Reason.DEFECT)
    container: ui.Container[ui.LayoutView] = ui.Container(id=part_id(part), accent_colour=_FAILED)
    heading = say("outcome-unsure") if reason in UNSURE_REASONS else say("outcome-none")
    container.add_item(ui.TextDisplay(f"### {heading}\n{explain(reason, task.reason_parameters, say)}"))
    words = prompt_quote(outcome)
    container.add_item(ui.TextDisplay(words.text))
    if not words.whole:
        container.add_item(ui.File(f"attachment://{PROMPT_FILENAME}"))
    container.add_item(
        ui.TextDisplay(f"-# {' · '.join([asked_by(say, task.asker_id), *look_of(say, task), *cost(say, task, 0)])}")
    )
    if outcome.corrects:
        container.add_item(ui.TextDisplay(f"-# {say('outcome-corrected-failure')}"))
    if where := _where(say, outcome, part):
        container.add_item(ui.TextDisplay(f"-# {where}"))
    if buttons := _after_failure(say, outcome, part, reason):
        container.add_item(ui.ActionRow(*buttons))
    return _with_kept(ui.LayoutView(timeout=None).add_item(container), outcome, part)


def withdrawn_view(outcome: Outcome, part: OutcomePart) -> ui.LayoutView:
    """Build what replaces the message about an unconfirmed create, after the image API turned out to have accepted the
    create. An attached prompt file stays, and is referenced by its name."""
    container: ui.Container[ui.LayoutView] = ui.Container(id=part_id(part), accent_colour=_DONE)
    say = texts_in(outcome.task.locale)
    container.add_item(ui.TextDisplay(f"### {say('outcome-taken-back')}\n{say('outcome-told-later')}"))
    words = prompt_quote(outcome)
    container.add_item(ui.TextDisplay(words.text))
    if not words.whole:
        container.add_item(ui.File(f"attachment://{PROMPT_FILENAME}"))
    container.add_item(ui.TextDisplay(f"-# {asked_by(say, outcome.task.asker_id)}"))
    if _is_public(outcome, part):
        container.add_item(ui.ActionRow(ClearButton(outcome.task.id, say)))
    return ui.LayoutView(timeout=None).add_item(container)


def _after_failure(say: Texts, outcome: Outcome, part: OutcomePart, reason: Reason) -> list[ui.Item[Any]]:
    buttons: list[ui.Item[Any]] = []
    if reason in AGAIN_REASONS:
        label = "outcome-again-costly" if reason in UNSURE_REASONS else None
        buttons.append(AgainButton(outcome.task.id, say, label=label))
    if _is_public(outcome, part):
        buttons.append(ClearButton(outcome.task.id, say))
    return buttons


def _is_public(outcome: Outcome, part: OutcomePart) -> bool:
    """Return whether the message has the button that deletes it: not for a private task, and not for an outcome that
    the asker collected or looked up."""
    return not outcome.task.private and part.route is not Route.COLLECTED


def _with_kept(view: ui.LayoutView, outcome: Outcome, part: OutcomePart) -> ui.LayoutView:
    """Add the notice about undelivered outcomes to the first part, as the card with the notice is about to be removed,
    and to an outcome that the asker has just collected."""
    if part.number and part.route is not Route.COLLECTED:
        return view
    say, more = texts_in(outcome.task.locale), part.route is Route.COLLECTED
    return add_undelivered(view, outcome.undelivered, outcome.undelivered_batches, say, more=more)


def _headline(say: Texts, outcome: Outcome, part: OutcomePart, shown: Sequence[AttachedPicture]) -> str:
    if part.number >= LATE_PARTS:
        return say("outcome-late", count=len(part.pictures))
    if part.number:
        return say("outcome-more")
    if outcome.repost is not None:
        return say(_POSTED[outcome.repost.kind], count=len(outcome.pictures))
    if not shown:
        return say("outcome-not-brought")
    return say("outcome-ready", count=len(outcome.pictures))


def _item(say: Texts, outcome: Outcome, shown: AttachedPicture) -> discord.MediaGalleryItem:
    made = len(outcome.pictures)
    number = shown.position + 1
    which = say("outcome-picture") if made == 1 else say("outcome-picture-of", number=number, count=made)
    description = alt_text(say, which, outcome.task.prompt)
    spoiler = outcome.task.is_spoiler
    return discord.MediaGalleryItem(f"attachment://{shown.filename}", description=description, spoiler=spoiler)


def _small_print(
    say: Texts, outcome: Outcome, part: OutcomePart, shown: Sequence[AttachedPicture], links: Sequence[Picture]
) -> list[str]:
    texts = [_linked(say, links)] if links else []
    if again := [picture for picture in shown if picture.reencoded]:
        alone = len(shown) == 1
        what = say("outcome-saved-anew-this") if alone else say("outcome-saved-anew", count=len(again))
        texts.append(f"-# {what}")
    if part.number == 0 and (fewer := fewer_line(say, outcome.task, len(outcome.pictures), outcome.missing)):
        texts.append(f"-# {fewer}")
    if part.number == 0:
        texts.append(f"-# {' · '.join(_facts(say, outcome))}")
    if part.number == 0 and (changes := sentences(say, _changes(say, outcome.references))):
        texts.append(f"-# {changes}")
    if part.number == 0 and outcome.corrects:
        texts.append(f"-# {say('outcome-corrected')}")
    if outcome.task.hidden_at is not None:
        texts.append(f"-# {say('curation-hidden')}")
    if outcome.original is not None:
        link = message_link(outcome.original.channel_id, outcome.original.message_id, outcome.task.guild_id)
        texts.append(f"-# [{say('curation-original')}]({link})")
    if where := _where(say, outcome, part):
        texts.append(f"-# {where}")
    return texts


def _facts(say: Texts, outcome: Outcome) -> list[str]:
    task = outcome.task
    facts = [asked_by(say, task.asker_id), *_lineage(say, outcome)]
    facts += [*look_of(say, task), *attached(say, outcome.references), *cost(say, task, len(outcome.pictures))]
    if task.settled_at is not None:
        facts.append(say("outcome-took", time=rough_time(say, (task.settled_at - task.created_at) / 1000)))
    return facts


def _changes(say: Texts, references: Sequence[Reference]) -> Iterator[str]:
    """Yield what the waiting card said about attached pictures that were used otherwise than as attached: a sentence
    for each kind of change, with the file's name if it is one file, else with their number."""
    kinds = {
        "outcome-first-frame": [reference for reference in references if reference.is_first_frame],
        "outcome-reduced": [reference for reference in references if reference.is_reduced],
        "outcome-cut": [reference for reference in references if reference.is_cut],
    }
    for name, changed in kinds.items():
        if changed:
            yield say(name, count=len(changed), filename=f"**{escaped(changed[0].filename, FILENAME_UNITS)}**")


def _lineage(say: Texts, outcome: Outcome) -> list[str]:
    """Name the asker of the parent whose picture or (if another person's) request was used; if the parent was removed
    or erased, say that its picture is gone, or nothing if only its request was used."""
    task, parent = outcome.task, outcome.parent
    if parent is None or parent.removed_at is not None:
        return [say("actions-from-picture-gone")] if task.derivation in {Derivation.EDIT, Derivation.VARY} else []
    if task.derivation is not Derivation.AGAIN:
        return [say("actions-from-picture", asker=f"<@{parent.asker_id}>")]
    return [say("actions-same-request", asker=f"<@{parent.asker_id}>")] if parent.asker_id != task.asker_id else []


def _linked(say: Texts, links: Sequence[Picture]) -> str:
    """Return as many links as fit into `LINKS_UNITS`; in practice all of them fit."""
    tried_on = all(picture.due_at is not None for picture in links)
    text = say("outcome-links-for-now") if tried_on else say("outcome-links")
    for picture in links:
        line = f"\n{linked(say, picture.position, picture.url)}"
        if units(text) + units(line) <= LINKS_UNITS:
            text += line
    return text


def _where(say: Texts, outcome: Outcome, part: OutcomePart) -> str:
    """Return who can see the message, and why it is not in the channel of the request; empty if both are obvious."""
    task = outcome.task
    if outcome.looked_up:
        return say("show-only-you")
    if task.reach is Reach.CHANNEL:
        elsewhere = part.route in _ELSEWHERE
        return say("outcome-elsewhere", channel=f"<#{task.channel_id}>") if elsewhere else ""
    by_message = [say("private-by-message")] if part.route is Route.DIRECT else []
    return sentences(say, [*by_message, say("private-only-you")] if task.private else by_message)
