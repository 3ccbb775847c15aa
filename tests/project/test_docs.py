"""The documentation agrees with the code: settings, commands, make targets, exit codes, links, decisions."""

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
from bot.discord_permissions import INVITED
from bot.doctor import SCOPES
from bot.errors import ConfigurationError

ROOT: Final = Path(__file__).parent.parent.parent
SETTINGS: Final = sorted(name.upper() for name in Settings.model_fields)
PAGES: Final = (
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md"),
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")),
)
CONFIGURATION: Final = "docs/configuration.md"
COMMANDS_PAGE: Final = "docs/commands.md"
RUNNING: Final = "docs/running.md"
DECISIONS: Final = "docs/decisions"
RECORDS: Final = sorted((ROOT / DECISIONS).glob("[0-9]*.md"))
COMMAND: Final = r"/[a-z_]+(?: [a-z]+)?"
SETTING: Final = "[A-Z][A-Z0-9_]{4,}"
OF_OTHERS: Final = ("AWS_", "FLUX_MAX", "NO_PROXY", "POSTGRES_BIN", "REQUIRE_")
"""How variables begin that a bucket, a proxy or the tests read, and no setting."""


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def rows(page: str, first: str) -> dict[str, str]:
    """Return the table rows whose first cell is code that matches `first`: the rest of each row, by that code."""
    return dict(re.findall(rf"^\| `({first})[^`]*` \|(.*)\|$", read(page), re.MULTILINE))


def example() -> dict[str, str]:
    """Return the names and values in .env.example, including those that are commented out."""
    return dict(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=(.*)$", read(".env.example"), re.MULTILINE))


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
    (tmp_path / ".env").write_text(re.sub(r"^# ([A-Z0-9_]+=)", r"\1", given, flags=re.MULTILINE), encoding="utf-8")
    read_back = load_settings(tmp_path / ".env").model_dump(exclude={"discord_token", "kie_api_key"})
    assert read_back == Settings().model_dump(exclude={"discord_token", "kie_api_key"})


def test_the_page_has_a_row_for_every_setting_and_no_other() -> None:
    found = re.findall(rf"^\| `({SETTING})` \|", read(CONFIGURATION), re.MULTILINE)
    assert sorted(found) == SETTINGS


@pytest.mark.parametrize("name", SETTINGS)
def test_the_page_gives_the_default_the_unit_and_the_meaning(name: str) -> None:
    """The second cell holds the default as code, or no code if there is no default."""
    default, unit, meaning = rows(CONFIGURATION, SETTING)[name].split("|")
    assert unit.strip()
    assert meaning.strip()
    written = re.search(r"`([^`]+)`", default)
    assert has_default(name, written[1]) if written else _is_empty(name)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_page_gives_the_range_of_each_number(name: str) -> None:
    bounds = [bound for item in Settings.model_fields[name.lower()].metadata for bound in _bounds(item)]
    if bounds:
        least, most = sorted(bounds)
        assert f"{least:,} to {most:,}" in rows(CONFIGURATION, SETTING)[name].split("|")[1]


def _bounds(item: object) -> list[int]:
    return [bound for name in ("ge", "le") if (bound := getattr(item, name, None)) is not None]


def test_no_other_page_has_a_table_of_settings() -> None:
    """A default that is written in two places becomes wrong in one of them."""
    assert not [page for page in PAGES if page != CONFIGURATION and rows(page, SETTING).keys() & set(SETTINGS)]


def _is_empty(name: str) -> bool:
    return name in REMEDIES or not getattr(Settings(), name.lower())


# -- commands --------------------------------------------------------------------------------------------------------


def test_the_page_has_a_row_for_every_command_and_no_other() -> None:
    reference = read(COMMANDS_PAGE).partition("\n## All commands\n")[2]
    assert sorted(re.findall(rf"^\| `({COMMAND})` \|", reference, re.MULTILINE)) == _commands()


def test_the_readme_names_every_command_and_no_other() -> None:
    table = re.findall(r"^\| (`/.*?) \|", read("README.md"), re.MULTILINE)
    assert sorted(re.findall(rf"`({COMMAND})`", "\n".join(table))) == _commands()


def _commands() -> list[str]:
    return sorted(f"/{name}" for name in cog_commands())


def test_the_page_names_every_option() -> None:
    for name, command in cog_commands().items():
        row = rows(COMMANDS_PAGE, re.escape(f"/{name}"))[f"/{name}"]
        missing = [option.name for option in command.parameters if not re.search(rf"`{option.name}`", row)]
        assert not missing, f"/{name} has {missing} too"


def test_every_word_of_the_command_line_is_in_the_page_and_no_other() -> None:
    assert set(re.findall(r"python -m bot ([a-z]+)", read(RUNNING))) == set(COMMANDS)


def test_the_page_has_a_row_for_every_exit_code_and_no_other() -> None:
    assert sorted(map(int, rows(RUNNING, r"\d+"))) == sorted(ExitCode)


def test_the_readme_has_the_permissions_and_scopes_of_the_install_link() -> None:
    readme = read("README.md")
    assert f"permissions={INVITED.value}" in readme
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
    links = re.findall(r"\]\((?!https?://|mailto:)([^)\s]+)\)", read(page))
    assert not [link for link in links if not _leads_somewhere(page, link)]


def _leads_somewhere(page: str, link: str) -> bool:
    """Return whether the file of a link exists, and the heading after `#` too."""
    name, _, heading = link.partition("#")
    target = (ROOT / page).parent / name if name else ROOT / page
    return target.exists() and (not heading or heading in _headings(target))


def _headings(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        links = re.findall(r"\]\((?!https?://|mailto:)([^)#\s]+\.md)", page.read_text(encoding="utf-8"))
        waiting += {(page.parent / link).resolve() for link in links} - reached
    assert not {(ROOT / page).resolve() for page in PAGES} - reached


@pytest.mark.parametrize("page", PAGES)
def test_every_setting_that_a_page_names_exists(page: str) -> None:
    named = set(re.findall(r"`([A-Z]+_[A-Z0-9_]+)(?:=[^`]*)?`", read(page)))
    assert not {name for name in named - set(SETTINGS) if not name.startswith(OF_OTHERS)}


def test_the_index_has_every_decision_with_its_title() -> None:
    index = re.findall(r"^\| \[(\d{4})\]\((\S+)\) \| (.+) \|$", read(f"{DECISIONS}/README.md"), re.MULTILINE)
    titles = {path.name: path.read_text(encoding="utf-8").partition("\n")[0] for path in RECORDS}
    assert {name: f"# {number}: {title}" for number, name, title in index} == titles


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_decision_has_its_four_parts_and_is_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    parts = ["Context", "Decision", "Consequences", "What would change our mind"]
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == parts
    assert len(text.split()) <= 300


def test_the_changelog_has_this_version() -> None:
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    assert re.search(rf"^## .*{re.escape(version)}|^## Unreleased", read("CHANGELOG.md"), re.MULTILINE)
