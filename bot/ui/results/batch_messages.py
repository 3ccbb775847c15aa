"""Build the messages of a batch, the notice at its end, and its controls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import discord
import structlog
from discord import ui

from bot.discord_limits import OPTION_CHARACTERS
from bot.engine.batch_view import BatchEntry, BatchEntryState, BatchView
from bot.error_replies import explain
from bot.errors import Reason
from bot.texts import Texts, texts_in
from bot.texts.discord_text import cleaned, is_blank, shortened
from bot.ui.kit.component_ids import component_id
from bot.ui.kit.dynamic_items import TASK_ID, MessageSelect, Select, TaskButton, engine_of, services_of
from bot.ui.kit.request_facts import look_of, total_cost
from bot.ui.kit.selected import task_in
from bot.ui.kit.text import alt_text, asked_by, in_line, message_link, quote, sentences
from bot.ui.results.lookup import look_up
from bot.ui.results.missing import fewer_line, rest_line
from bot.ui.waiting.undelivered import add_rest
from storage.community import BatchMessage
from storage.models import Reach, Route, Task

TYPED_UNITS: Final = 400
WORDS_UNITS: Final = 110
WHY_UNITS: Final = 160
"""For each of ten tasks: with the text around them, the message stays below Discord's limit of 4000."""

_STATES: Final = {
    BatchEntryState.WAITING: "batches-waiting",
    BatchEntryState.MAKING: "batches-making",
    BatchEntryState.CANCELLED: "batches-taken-back",
    BatchEntryState.WITHHELD: "batches-withheld",
    BatchEntryState.REMOVED: "batches-removed",
}
_WORKING: Final = discord.Colour(0x3BA5A0)
_OVER: Final = discord.Colour(0x3BA55D)

Files = Mapping[tuple[str, int], str]
"""File names of a message's pictures, by task id and position of the picture."""


def batch_view(shared: BatchView, message: BatchMessage, files: Files, *, more: bool = False) -> ui.LayoutView:
    """Build one message of a batch. The pictures follow the order of the lines, and the line of a task names the
    numbers of its pictures that are attached. `more`: the asker collects the batch, and can go on to the next
    message."""
    say, entries = texts_in(shared.batch.asked.locale), shared.on(message.number)
    colour = _OVER if shared.is_over else _WORKING
    container: ui.Container[ui.LayoutView] = ui.Container(id=component_id(message.nonce), accent_colour=colour)
    container.add_item(ui.TextDisplay(f"### {_progress(say, shared)}"))
    if message.number == 0:
        container.add_item(ui.TextDisplay(quote(say, shared.batch.asked.request.prompt, most=TYPED_UNITS).text))
    if entries:
        container.add_item(ui.TextDisplay("\n".join(_lines(say, entries, files))))
    if items := list(_items(say, entries, files)):
        container.add_item(ui.MediaGallery(*items))
    container.add_item(ui.TextDisplay(f"-# {' · '.join(_facts(say, shared, message))}"))
    for row in _controls(say, shared, message):
        container.add_item(row)
    view = ui.LayoutView(timeout=None).add_item(container)
    return add_rest(view, shared.batch, say) if more else view


def ended_view(shared: BatchView, first: BatchMessage) -> ui.LayoutView:
    """Build a new message that says that a batch is over and mentions the asker, as an edit of a message notifies no
    person. `first` is the batch's first message, to which it links."""
    asked, say = shared.batch.asked, texts_in(shared.batch.asked.locale)
    over = {BatchEntryState.DONE, BatchEntryState.WITHHELD, BatchEntryState.FAILED}
    ended = [entry for entry in shared.entries if entry.state in over]
    made = sum(len(entry.pictures) for entry in ended)
    asked_for = sum(max(entry.task.variants, len(entry.pictures)) for entry in ended)
    guild_id = asked.guild_id if first.route is Route.CHANNEL else None
    address = message_link(first.message_channel_id or 0, first.message_id or 0, guild_id)
    parameters = {"asker": f"<@{asked.asker_id}>", "link": f"[{say('batches-look')}]({address})"}
    if not made:
        text = say("batches-ended-none", **parameters)
    elif made < asked_for:
        some = say("batches-ended-some", count=made, asked=asked_for, **parameters)
        rest = rest_line(say, ended)
        text = f"{some}\n-# {rest}" if rest else some
    else:
        text = say("batches-ended", count=made, **parameters)
    return ui.LayoutView(timeout=None).add_item(ui.TextDisplay(text, id=component_id(shared.batch.ending_nonce)))


class OpenSelect(MessageSelect, action="batch-open", key=TASK_ID, about="batch"):
    """Show a task of a batch, with the buttons of a task that is looked up, to the person who selects the task."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        task_id = task_in(self.item.values)
        structlog.contextvars.bind_contextvars(task=task_id)
        await look_up(interaction, await services_of(interaction).stores.tasks.get(task_id))


class CancelWaitingButton(
    TaskButton, action="batch-cancel", label="batches-cancel", about="batch", style=discord.ButtonStyle.danger
):
    """Cancel the queued tasks of a batch without asking first: they are not paid. `task_id` is the id of the batch, as
    in `ClearBatchButton`."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        taken_back = await engine_of(interaction).batches.cancel(self.task_id, interaction.user.id)
        say = texts_in(str(interaction.locale))
        lines = [say("batches-cancel-done", count=taken_back.cancelled)]
        if taken_back.going_on:
            lines.append(say("batches-cancel-rest", count=taken_back.going_on))
        await interaction.response.send_message(sentences(say, lines), ephemeral=True)


class ClearBatchButton(TaskButton, action="batch-clear", label="card-clear", about="batch"):
    """Mark the cancelled and the failed tasks of a batch as removed. The worker then deletes the messages of the batch,
    unless a picture is shown or may still come; if all tasks are withheld, nothing is marked and the messages stay."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        await engine_of(interaction).batches.clear(self.task_id, interaction.user.id)
        await interaction.response.defer()


def _progress(say: Texts, shared: BatchView) -> str:
    done = shared.count(BatchEntryState.DONE, BatchEntryState.WITHHELD, BatchEntryState.REMOVED)
    facts = [say("batches-progress", done=done, total=len(shared.batch.words))]
    if failed := shared.count(BatchEntryState.FAILED):
        facts.append(say("batches-failed", count=failed))
    if cancelled := shared.count(BatchEntryState.CANCELLED):
        facts.append(say("batches-cancelled", count=cancelled))
    return " · ".join(facts)


def _lines(say: Texts, entries: Sequence[BatchEntry], files: Files) -> Iterator[str]:
    shown = 0
    for entry in entries:
        here = sum((entry.task.id, picture.position) in files for picture in entry.shown)
        removed = entry.state is BatchEntryState.REMOVED
        words = f"*{say('batches-removed')}*" if removed else in_line(say, entry.task.prompt, WORDS_UNITS)
        if removed:
            yield f"**{entry.number}.** {words}"
        else:
            state = _state(say, entry, first=shown + 1, last=shown + here)
            yield say("batches-line", number=entry.number, words=words, state=state)
        shown += here


def _state(say: Texts, entry: BatchEntry, *, first: int, last: int) -> str:
    """`first` and `last`: numbers of the task's pictures in the message; `last` is before `first` if there are none."""
    state, task = entry.state, entry.task
    if state is BatchEntryState.FAILED:
        why = explain(Reason(task.reason or Reason.DEFECT), task.reason_parameters, say)
        return say("batches-none", why=shortened(why, WHY_UNITS))
    if state is not BatchEntryState.DONE:
        return say(_STATES[state])
    if last < first:
        return say("batches-unshown")
    where = say("batches-picture", number=first)
    if last > first:
        where = say("batches-pictures", first=first, last=last)
    facts = [where]
    if fewer := fewer_line(say, task, len(entry.pictures), entry.missing):
        facts.append(fewer)
    if task.hidden_at is not None:
        facts.append(say("batches-spoiler"))
    return " · ".join(facts)


def _items(say: Texts, entries: Sequence[BatchEntry], files: Files) -> Iterator[discord.MediaGalleryItem]:
    for entry in entries:
        for picture in entry.shown:
            name = files.get((entry.task.id, picture.position))
            if name is not None:
                what = _what(say, entry, picture.position)
                yield discord.MediaGalleryItem(
                    f"attachment://{name}",
                    description=alt_text(say, what, entry.task.prompt),
                    spoiler=entry.task.is_spoiler,
                )


def _what(say: Texts, entry: BatchEntry, position: int) -> str:
    if len(entry.pictures) == 1:
        return say("batches-alt", number=entry.number)
    return say("batches-alt-of", number=entry.number, variant=position + 1)


def _facts(say: Texts, shared: BatchView, message: BatchMessage) -> list[str]:
    asked = shared.batch.asked
    shaped = shared.entries[0].task if shared.entries else asked.request
    facts = [asked_by(say, asked.asker_id), *look_of(say, shaped)]
    if message.number == 0:
        facts += total_cost(say, [(entry.task, len(entry.pictures)) for entry in shared.entries])
    if shared.messages > 1:
        facts.append(say("batches-part", number=message.number + 1, count=shared.messages))
    if message.route is not Route.CHANNEL and asked.reach is Reach.CHANNEL:
        facts.append(say("outcome-elsewhere", channel=f"<#{asked.channel_id}>"))
    return facts


def _controls(say: Texts, shared: BatchView, message: BatchMessage) -> Iterator[ui.ActionRow[Any]]:
    shown = [
        entry for entry in shared.on(message.number) if entry.state in {BatchEntryState.DONE, BatchEntryState.FAILED}
    ]
    if shown:
        options = [_option(say, entry.number, entry.task) for entry in shown]
        select: Select = ui.Select(placeholder=say("batches-open"), options=options)
        yield ui.ActionRow(OpenSelect(select, shared.batch.id))
    if message.number == 0 and shared.count(BatchEntryState.WAITING):
        yield ui.ActionRow(CancelWaitingButton(shared.batch.id, say))
    elif message.number == 0 and shared.is_over and not shared.count(BatchEntryState.DONE):
        if message.route is Route.COLLECTED:  # an answer that only the asker sees cannot be deleted
            return
        yield ui.ActionRow(ClearBatchButton(shared.batch.id, say))


def _option(say: Texts, number: int, task: Task) -> discord.SelectOption:
    words = say("text-wordless") if is_blank(task.prompt) else cleaned(task.prompt)
    label = shortened(say("batches-option", number=number, words=words), OPTION_CHARACTERS)
    return discord.SelectOption(label=label, value=task.id)
