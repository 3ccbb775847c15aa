"""`/reference`: save, use, list and remove a person's own sets of reference pictures."""

from __future__ import annotations

import io
from collections.abc import Coroutine, Sequence
from typing import Any, Final

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.client import Atelier
from bot.engine.limit_errors import limit_error
from bot.engine.work.picture_work import Requester, WorkPriority
from bot.engine.work.thumbnails import StoredCopy
from bot.errors import BadChoice, BadReference, Gone, NotHere, Reason
from bot.intake.choosing import defaults_of, model_here
from bot.intake.requests import Wish, references_of
from bot.intake.stored_pictures import drop_copy, keep_copy
from bot.services import Services
from bot.texts import texts_in
from bot.texts.command_texts import localized
from bot.texts.discord_text import cleaned, is_blank
from bot.texts.shapes import size_in as size_in_text
from bot.ui.asking.ask import ask
from bot.ui.kit.choices import TypedChoice
from bot.ui.kit.dynamic_items import services_of
from bot.ui.kit.forms import (
    FormValues,
    add_form,
    model_field,
    model_in,
    open_form,
    private_field,
    private_in,
    size_field,
    size_in,
    variants_field,
    variants_in,
    words_field,
)
from bot.ui.kit.model_choices import offer_models, offer_sizes, offer_variants
from bot.ui.kit.paging import PageButton, PagePosition
from bot.ui.library.sets import (
    SETS_A_PAGE,
    RemoveSetButton,
    bold,
    known_set,
    offer_sets,
    remove_set_view,
    sets_view,
    with_set,
)
from storage.community import ReferenceSet, StoredPicture
from storage.limits import LimitExceeded
from storage.models import Limits, PictureRequest, new_id
from storage.sets import MOST_SETS, SetNameTaken, TooManySets

SET_FORM: Final = "set"
LONGEST_NAME: Final = 50

Name = app_commands.Range[str, 1, LONGEST_NAME]


@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
@app_commands.allowed_installs(guilds=True, users=True)
class References(commands.GroupCog, group_name="reference", group_description=localized("reference-command")):
    @app_commands.command(description=localized("reference-save-command"))
    @app_commands.describe(
        name=localized("reference-option-name"),
        image=localized("reference-option-image"),
        image2=localized("imagine-more"),
        image3=localized("imagine-more"),
        image4=localized("imagine-more"),
        image5=localized("imagine-more"),
    )
    async def save(
        self,
        interaction: discord.Interaction[Atelier],
        name: Name,
        image: discord.Attachment,
        image2: discord.Attachment | None = None,
        image3: discord.Attachment | None = None,
        image4: discord.Attachment | None = None,
        image5: discord.Attachment | None = None,
    ) -> None:
        images = [attached for attached in (image, image2, image3, image4, image5) if attached is not None]
        services, named = _services_in(interaction), _name(name)
        size = sum(reference.declared_bytes for reference in references_of(images))
        limits, now = (
            services.engine.requests.limits_for(interaction.user.id, interaction.guild_id),
            services.engine.clock(),
        )
        await _explained(services.stores.sets.check(interaction.user.id, named, size, limits, now=now), named)
        await interaction.response.defer(ephemeral=True, thinking=True)
        await _save(services, interaction.user.id, named, images, limits)
        say = texts_in(str(interaction.locale))
        answer = say("reference-saved", name=bold(named), count=len(images))
        await interaction.followup.send(answer, ephemeral=True)

    @app_commands.command(description=localized("reference-use-command"))
    @app_commands.describe(
        name=localized("reference-option-which"),
        prompt=localized("reference-option-prompt"),
        model=localized("imagine-model"),
        size=localized("imagine-size"),
        variants=localized("imagine-variants"),
        private=localized("imagine-private"),
    )
    @app_commands.autocomplete(name=offer_sets)
    @app_commands.autocomplete(model=offer_models, size=offer_sizes)
    @app_commands.autocomplete(variants=offer_variants)
    async def use(
        self,
        interaction: discord.Interaction[Atelier],
        name: str,
        prompt: app_commands.Range[str, 1, 4000] | None = None,
        model: TypedChoice | None = None,
        size: TypedChoice | None = None,
        variants: int | None = None,
        private: bool | None = None,
    ) -> None:
        services, owner_id = interaction.client.services, interaction.user.id
        wish = Wish(
            request=PictureRequest(prompt=prompt or ""), model=model, size=size, variants=variants, private=private
        )
        if prompt is None:
            await _open_form(interaction, await known_set(services, owner_id, name), wish)
            return
        await ask(interaction, await with_set(services, owner_id, name, wish))

    @app_commands.command(name="list", description=localized("reference-list-command"))
    async def list_(self, interaction: discord.Interaction[Atelier]) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        services, owner_id = interaction.client.services, interaction.user.id
        async with services.engine.lookup_slots.taken(owner_id):
            view, files = await _listed(services, owner_id, str(interaction.locale), 0)
            await interaction.followup.send(view=view, files=files, ephemeral=True)

    @app_commands.command(description=localized("reference-remove-command"))
    @app_commands.describe(name=localized("reference-option-which"))
    @app_commands.autocomplete(name=offer_sets)
    async def remove(self, interaction: discord.Interaction[Atelier], name: str) -> None:
        found = await known_set(interaction.client.services, interaction.user.id, name)
        view = remove_set_view(texts_in(str(interaction.locale)), found)
        await interaction.response.send_message(view=view, ephemeral=True)


class SetsButton(PageButton, action="sets", earlier="reference-earlier", later="reference-later"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.response.defer()
        services, owner_id = services_of(interaction), interaction.user.id
        async with services.engine.lookup_slots.taken(owner_id):
            view, files = await _listed(services, owner_id, str(interaction.locale), self.page)
            await interaction.edit_original_response(view=view, attachments=files)


def _services_in(interaction: discord.Interaction[Atelier]) -> Services:
    """Check that the bot serves this place, and return the services. Raises NotHere."""
    allowed = interaction.client.allowed_guilds
    if allowed and interaction.guild_id not in allowed:
        raise NotHere(Reason.NOT_THIS_SERVER)
    return interaction.client.services


async def _open_form(interaction: discord.Interaction[Atelier], chosen: ReferenceSet, wish: Wish) -> None:
    """Open the form with what the options of the command chose. Raises what `model_here` raises."""
    defaults = await defaults_of(interaction.client.services, interaction.guild_id, interaction.user.id)
    model = model_here(wish.model, defaults) if wish.model is not None else None
    say, shown = texts_in(str(interaction.locale)), model or defaults.model
    private = wish.private if wish.private is not None else defaults.preferences.private is True
    fields = [
        words_field(say),
        *model_field(say, defaults.here, defaults.model, model),
        size_field(say, shown, size_in_text(wish.size or "", shown.sizes), otherwise=say("forms-size-of-picture")),
        variants_field(say, shown, wish.variants or defaults.variants(shown)),
        private_field(say, private=private),
    ]
    await open_form(interaction, SET_FORM, chosen.id, title=say("reference-form-title"), fields=fields)


async def used(interaction: discord.Interaction[Atelier], set_id: str, filled: FormValues) -> None:
    """Handle the submitted form of `/reference use`: request a picture from the set. Raises Gone if the set no longer
    exists."""
    chosen = await interaction.client.services.stores.sets.get(interaction.user.id, set_id)
    if chosen is None:
        raise Gone(Reason.FORM_GONE)
    wish = Wish(
        request=PictureRequest(prompt=filled.words("words"), references=chosen.references()),
        model=model_in(filled),
        size=size_in(filled),
        variants=variants_in(filled),
        private=private_in(filled),
    )
    await ask(interaction, wish)


async def _keep_copies(
    services: Services, owner_id: int, images: Sequence[discord.Attachment], folder: str, kept: list[StoredPicture]
) -> None:
    """Add the stored pictures to `kept`. Raises BadReference, which names all pictures that cannot be used."""
    refused = []
    for image in images:
        try:
            kept.append(await keep_copy(services, image, folder, by=owner_id))
        except BadReference as error:
            refused.append(error)
    if refused:
        raise BadReference.together(refused)


async def _save(
    services: Services, owner_id: int, name: str, images: Sequence[discord.Attachment], limits: Limits
) -> None:
    """Save a set. If the save fails, delete the copies that were stored for it."""
    set_id, kept = new_id(), list[StoredPicture]()
    try:
        await _keep_copies(services, owner_id, images, f"sets/{set_id}", kept)
        now = services.engine.clock()
        saved = ReferenceSet(id=set_id, owner_id=owner_id, name=name, pictures=tuple(kept), created_at=now)
        await _explained(services.stores.sets.save(saved, limits), name)
    except BaseException:
        for picture in kept:
            await drop_copy(services, picture)
        raise


async def _explained(saving: Coroutine[Any, Any, None], name: str) -> None:
    try:
        await saving
    except SetNameTaken:
        raise BadChoice(Reason.SET_TAKEN, name=name) from None
    except TooManySets:
        raise BadChoice(Reason.SETS_FULL, allowed=MOST_SETS) from None
    except LimitExceeded as reached:
        raise limit_error(reached) from None


def _name(typed: str) -> str:
    if is_blank(name := cleaned(typed)):
        raise BadChoice(Reason.SET_NAMELESS, name=typed)
    return name


async def _listed(
    services: Services, owner_id: int, locale: str, page: int
) -> tuple[ui.LayoutView, list[discord.File]]:
    sets, say = await services.stores.sets.of(owner_id), texts_in(locale)
    place = PagePosition.of(page, len(sets), SETS_A_PAGE)
    files = [file for reference_set in place.cut(sets) if (file := await _strip(services, reference_set)) is not None]
    strips = {file.filename.removesuffix(".png"): file.filename for file in files}
    return sets_view(say, sets, strips, place, SetsButton.rows(say, place)), files


async def _strip(services: Services, reference_set: ReferenceSet) -> discord.File | None:
    copies = [StoredCopy(picture.key, picture.bytes) for picture in reference_set.pictures]
    data = await services.thumbnails.strip(copies, Requester(reference_set.owner_id, WorkPriority.BROWSING))
    return discord.File(io.BytesIO(data), f"{reference_set.id}.png") if data is not None else None


async def setup(bot: Atelier) -> None:
    add_form(bot, SET_FORM, used)
    bot.add_dynamic_items(SetsButton, RemoveSetButton)
    await bot.add_cog(References())
