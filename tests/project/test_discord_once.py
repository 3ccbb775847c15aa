"""Error codes, limits and permissions of Discord are named once, and all buttons and selects have one base."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import discord
import pytest
from discord import ui

from bot.app import EXTENSIONS
from bot.discord_errors import ClosedCode, PassingCode, TooLargeCode
from bot.discord_limits import BYTES_PER_FILE, CHOICES, FILES_PER_MESSAGE, OPTIONS_PER_SELECT
from bot.discord_permissions import IN_CHANNEL, IN_THREAD, INVITED
from bot.ui.kit.dynamic_items import MessageItem
from storage.community import PICTURES_PER_MESSAGE
from storage.sets import MOST_SETS
from tests.wire.refusals import REFUSALS

TASK: Final = "0123456789abcdef"
WITH_A_TASK: Final = (
    *("again", "edit", "vary", "vary-of", "full", "family", "cancel", "withhold", "post", "show", "publish"),
    *("post-here", "gallery", "report", "remove", "remove-all", "remove-here", "decide-remove", "decide-hide"),
    *("decide-dismiss", "batch-make", "batch-drop", "batch-cancel", "batch-open"),
)
IN_OLD_MESSAGES: Final = (
    *(f"a1:{action}:{TASK}" for action in WITH_A_TASK),
    *("a1:erase:keep", "a1:erase:remove", "a1:erase-not", "a1:setting:channels", "a1:unset:gallery_channel_id"),
    *("a1:sets:0", "a1:styles:12", "a1:tasks-open", "a1:tasks-which:", "a1:tasks-which:red%20door"),
    *("a1:tasks:all:0:", "a1:tasks:done:12:red%3Adoor"),
)
"""The `custom_id`s in messages of earlier releases."""
ROOT: Final = Path(__file__).parent.parent.parent
CODES: Final = "bot/discord_errors.py"
BASE: Final = "bot/ui/kit/dynamic_items.py"
LIMITS: Final = "bot/discord_limits.py"


def sources(*, uses_discord: bool = False) -> Iterator[tuple[str, ast.Module]]:
    """Yield the path and the syntax tree of each module of the bot; with `uses_discord` of those that import discord.py
    or Discord's errors."""
    for path in sorted(path for package in ("bot", "cogs") for path in (ROOT / package).rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if not uses_discord or "import discord" in source or "bot.discord_errors" in source:
            yield str(path.relative_to(ROOT)), ast.parse(source)


def bare_codes(tree: ast.Module) -> set[int]:
    """Return the integers of five or six digits: all of Discord's error codes for which a bot can do anything."""
    numbers = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and type(node.value) is int)
    return {number for number in numbers if 10_000 <= number <= 999_999}


def of_dynamic_items(tree: ast.Module) -> list[str]:
    named = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Name | ast.alias))
    return [said for node in named if (said := ast.unparse(node)).split(".")[-1] == "DynamicItem"]


def handlers(tree: ast.Module) -> list[str]:
    return [node.name for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef) and node.name == "callback"]


def items(of: type[Any]) -> Iterator[type[Any]]:
    for item in of.__subclasses__():
        yield item
        yield from items(item)


def known_items() -> list[type[Any]]:
    """Return the items as the modules have them now: discord.py loads each extension again for each bot of a test."""
    for extension in EXTENSIONS:
        importlib.import_module(extension)
    return [
        item for item in items(ui.DynamicItem) if getattr(sys.modules.get(item.__module__), item.__name__, 0) is item
    ]


def test_no_error_code_is_a_bare_number() -> None:
    for file, tree in sources(uses_discord=True):
        assert file == CODES or not bare_codes(tree), file


def test_each_error_code_has_one_name_and_is_one_of_discords() -> None:
    codes = [*ClosedCode, *PassingCode, *TooLargeCode]
    assert (
        len(set(codes))
        == len(codes)
        == sum(len(group.__members__) for group in (ClosedCode, PassingCode, TooLargeCode))
    )
    for code in (ClosedCode, TooLargeCode):
        assert {int(number) for number in code} <= REFUSALS.keys()


@pytest.mark.parametrize("code", ["error.code == 50013", "CODES = frozenset({160005})", "x = {40_005: 1}"])
def test_a_bare_error_code_is_found(code: str) -> None:
    assert bare_codes(ast.parse(code))


def test_only_the_base_of_all_buttons_and_selects_is_a_dynamic_item_of_discord_py() -> None:
    for file, tree in sources():
        assert file == BASE or not of_dynamic_items(tree), file


@pytest.mark.parametrize("code", ["class A(ui.DynamicItem[B], template=''): ...", "from discord.ui import DynamicItem"])
def test_another_dynamic_item_is_found(code: str) -> None:
    assert of_dynamic_items(ast.parse(code))


@pytest.mark.sweep
def test_all_buttons_and_selects_have_the_one_last_handler() -> None:
    ours = known_items()
    assert len(ours) > 30
    assert all(item is MessageItem or (issubclass(item, MessageItem) and "callback" not in vars(item)) for item in ours)
    assert [file for file, tree in sources() if handlers(tree)] == [BASE]


@pytest.mark.parametrize("custom_id", IN_OLD_MESSAGES)
def test_buttons_and_selects_of_old_messages_keep_working(custom_id: str) -> None:
    (match,) = [
        found for item in known_items() if (found := item.__discord_ui_compiled_template__.fullmatch(custom_id))
    ]
    assert custom_id.endswith(match["key"])


def test_a_limit_of_the_store_that_is_discords_is_the_same_number() -> None:
    assert PICTURES_PER_MESSAGE == FILES_PER_MESSAGE
    assert MOST_SETS == CHOICES == OPTIONS_PER_SELECT
    assert discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES == BYTES_PER_FILE


def test_each_limit_has_its_unit_and_source_below_it_and_is_used() -> None:
    tree = ast.parse((ROOT / LIMITS).read_text(encoding="utf-8"))
    body = [node for node in tree.body if isinstance(node, ast.AnnAssign | ast.Expr)][1:]
    names = [ast.unparse(node.target) for node in body if isinstance(node, ast.AnnAssign)]
    assert [isinstance(node, ast.Expr) for node in body] == [False, True] * len(names)
    elsewhere = [path.read_text("utf-8") for path in ROOT.glob("bot/**/*.py") if path.name != Path(LIMITS).name]
    elsewhere += [path.read_text("utf-8") for path in ROOT.glob("cogs/*.py")]
    assert not [name for name in names if not any(name in source for source in elsewhere)]


def test_the_invitation_asks_for_all_that_the_bot_needs() -> None:
    assert all(getattr(INVITED, name) for name in (*IN_CHANNEL, *IN_THREAD))
