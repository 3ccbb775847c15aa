"""Register the buttons below results, and the form that edits a picture."""

from __future__ import annotations

from bot.client import Atelier
from bot.ui.kit.forms import add_form
from bot.ui.results.actions import AgainButton, EditButton, MoreSelect, VaryButton
from bot.ui.results.edits import EDIT_FORM, edited
from bot.ui.results.lineage import FamilyButton
from bot.ui.results.originals import FullSizeButton
from bot.ui.results.picks import EditPickedButton, FullSizePickedButton, PickButton, VaryPickedButton, VarySelect


async def setup(bot: Atelier) -> None:
    bot.add_dynamic_items(AgainButton, EditButton, VaryButton, VarySelect, FullSizeButton, FamilyButton, MoreSelect)
    bot.add_dynamic_items(PickButton, EditPickedButton, VaryPickedButton, FullSizePickedButton)
    add_form(bot, EDIT_FORM, edited)
