"""The documentation agrees with the code: settings, commands, make targets, exit codes, links."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path
from typing import Final

import pytest
from discord import app_commands
from discord.ext import commands

from bot.app import EXTENSIONS
from bot.cli import COMMANDS, ExitCode
from bot.config import REMEDIES, Settings, load_settings
from bot.doctor import PERMISSIONS, SCOPES
from bot.errors import ConfigurationError

ROOT: Final = Path(__file__).parent.parent
SETTINGS: Final = sorted(name.upper() for name in Settings.model_fields)
PAGES: Final = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/metrics.md", "docs/running.md")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def rows(page: str, first: str) -> dict[str, str]:
    """Return the table rows whose first cell is code that matches `first`: the rest of each row, by that code."""
    return dict(re.findall(rf"^\| `({first})[^`]*` \|(.*)\|$", read(page), re.MULTILINE))


def example() -> dict[str, str]:
    """Return the names and values in .env.example, including those that are commented out."""
    return dict(re.findall(r"^(?:# )?([A-Z][A-Z_]+)=(.*)$", read(".env.example"), re.MULTILINE))


def cog_commands() -> dict[str, app_commands.Command[commands.Cog, ..., object]]:
    """Return all slash commands of the loaded cogs by name; the name of a group precedes the name of its command."""
    modules = [importlib.import_module(extension) for extension in EXTENSIONS]
    cogs = {value for module in modules for value in vars(module).values() if isinstance(value, commands.CogMeta)}
    return {
        f"{cog.__cog_group_name__} {command.name}" if issubclass(cog, commands.GroupCog) else command.name: command
        for cog in cogs
        for command in cog.__cog_app_commands__
        if isinstance(command, app_commands.Command)
    }


def has_default(name: str, written: str) -> bool:
    field = name.lower()
    return bool(getattr(Settings.model_validate({field: written}), field) == getattr(Settings(), field))


# -- settings --------------------------------------------------------------------------------------------------------


def test_the_example_has_every_setting_and_no_other() -> None:
    assert sorted(example()) == SETTINGS


@pytest.mark.parametrize("name", [name for name in SETTINGS if name not in REMEDIES])
def test_the_example_shows_the_default(name: str) -> None:
    assert f"\n# {name}=" in read(".env.example"), "only what is needed is not commented out"
    written = example()[name]
    assert has_default(name, written) if written else not getattr(Settings(), name.lower())


@pytest.mark.usefixtures("bare_environment")
def test_the_example_as_it_stands_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^DISCORD_TOKEN still has the placeholder"):
        load_settings(ROOT / ".env.example")


@pytest.mark.usefixtures("bare_environment")
def test_the_example_with_two_values_given_is_the_default(tmp_path: Path) -> None:
    given = re.sub(r'="\.\.\."', "=given-value", read(".env.example"))
    (tmp_path / ".env").write_text(re.sub(r"^# ([A-Z_]+=)", r"\1", given, flags=re.MULTILINE), encoding="utf-8")
    read_back = load_settings(tmp_path / ".env").model_dump(exclude={"discord_token", "kie_api_key"})
    assert read_back == Settings().model_dump(exclude={"discord_token", "kie_api_key"})


def test_the_readme_has_a_row_for_every_setting_and_no_other() -> None:
    assert sorted(rows("README.md", "[A-Z][A-Z_]{4,}")) == SETTINGS


@pytest.mark.parametrize("name", SETTINGS)
def test_the_readme_gives_the_default(name: str) -> None:
    """The second cell holds the default as code, or no code if there is no default."""
    default = rows("README.md", "[A-Z][A-Z_]{4,}")[name].split("|")[0]
    written = re.search(r"`([^`]+)`", default)
    assert has_default(name, written[1]) if written else _is_empty(name)


def _is_empty(name: str) -> bool:
    return name in REMEDIES or not getattr(Settings(), name.lower())


# -- commands --------------------------------------------------------------------------------------------------------


def test_the_readme_has_a_row_for_every_command_and_no_other() -> None:
    assert sorted(rows("README.md", r"/[a-z_]+(?: [a-z]+)?")) == sorted(f"/{name}" for name in cog_commands())


def test_the_readme_names_every_option() -> None:
    for name, command in cog_commands().items():
        (row,) = re.findall(rf"^\| `/{name}\b.*$", read("README.md"), re.MULTILINE)
        missing = [option.name for option in command.parameters if not re.search(rf"\b{option.name}\b", row)]
        assert not missing, f"/{name} has {missing} too"


def test_every_word_of_the_command_line_is_in_the_readme_and_no_other() -> None:
    assert set(re.findall(r"python -m bot ([a-z]+)", read("README.md"))) == set(COMMANDS)


def test_the_readme_has_a_row_for_every_exit_code_and_no_other() -> None:
    assert sorted(map(int, rows("README.md", r"\d+"))) == sorted(ExitCode)


def test_the_readme_has_the_permissions_and_scopes_of_the_install_link() -> None:
    readme = read("README.md")
    assert f"permissions={PERMISSIONS.value}" in readme
    assert all(scope in readme for scope in SCOPES)


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_that_is_named_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z]+):.*  ## ", read("Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?:^ +|`)make (?:[A-Z]+=\S+ )?([a-z]+)", read(page), re.MULTILINE)) <= targets


def test_the_readme_names_the_targets_that_a_newcomer_needs() -> None:
    assert {"sandbox", "run", "test"} <= set(re.findall(r"\bmake ([a-z]+)", read("README.md")))


# -- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_every_link_into_the_project_leads_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", read(page))
    assert not [link for link in links if not (ROOT / link).exists()]


def test_the_changelog_has_this_version() -> None:
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    assert re.search(rf"^## .*{re.escape(version)}|^## Unreleased", read("CHANGELOG.md"), re.MULTILINE)
