"""Register the buttons below results, and the form that edits a picture."""

from __future__ import annotations

from bot.client import Atelier
from bot.ui.actions import AgainButton, EditButton, VaryButton, VarySelect
from bot.ui.edits import EDIT_FORM, edited
from bot.ui.family import FamilyButton
from bot.ui.forms import add_form
from bot.ui.originals import FullSizeButton


async def setup(bot: Atelier) -> None:
    bot.add_dynamic_items(AgainButton, EditButton, VaryButton, VarySelect, FullSizeButton, FamilyButton)
    add_form(bot, EDIT_FORM, edited)
