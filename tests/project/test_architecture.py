"""Modules import only lower layers, and libraries only where allowed. Each module can be imported alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent.parent
PACKAGES: Final = ("bot", "cogs", "storage", "sandbox", "benchmarks")
AROUND: Final = ("sandbox", "benchmarks")
"""Packages that drive the bot from outside: they may import anything, and no module of the bot imports them."""

LAYERS: Final = (
    ("bot.__main__",),
    ("bot.cli",),
    ("bot.app",),
    ("cogs",),
    ("bot.delivery", "bot.doctor", "bot.web"),
    ("bot.ui.results",),
    ("bot.ui.asking",),
    ("bot.ui.waiting", "bot.ui.curation", "bot.ui.library"),
    ("bot.ui.privacy", "bot.ui.settings"),
    ("bot.ui.kit",),
    ("bot.ui",),
    ("bot.intake",),
    ("bot.client",),
    ("bot.command_options", "bot.error_replies"),
    ("bot.texts.command_texts",),
    ("bot.services",),
    ("bot.kie", "bot.traffic"),
    ("bot.engine.engine",),
    ("bot.engine.due_tasks",),
    ("bot.engine.intake",),
    ("bot.engine.lifecycle",),
    ("bot.engine.outbox",),
    ("bot.engine.cards", "bot.engine.housekeeping"),
    ("bot.engine.work",),
    ("bot.engine.availability",),
    ("bot.engine.processes",),
    ("bot.engine.timing",),
    ("bot.engine",),
    ("bot.net",),
    ("bot.config", "bot.endpoints", "bot.imaging", "bot.discord_errors"),
    ("bot.discord_permissions",),
    ("bot.discord_limits", "bot.process", "bot.texts.prompt_expansion"),
    ("bot.errors", "bot.texts"),
    ("storage",),
)
"""From top to bottom. A module imports from its own entry and from lower layers, not from others in its layer."""

ONLY_IN: Final = {
    "discord": (
        *("bot.app", "bot.cli", "bot.client", "bot.command_options", "bot.delivery", "bot.discord_errors"),
        *("bot.discord_permissions", "bot.doctor", "bot.endpoints", "bot.error_replies", "bot.intake"),
        *("bot.texts.command_texts", "bot.ui", "bot.web", "cogs"),
    ),
    "aiohttp": (
        *("bot.app", "bot.discord_errors", "bot.doctor", "bot.error_replies", "bot.kie", "bot.net", "bot.traffic"),
        "bot.web",
    ),
    "sqlalchemy": ("storage",),
    "alembic": ("storage",),
    "babel": (),
    "fluent": ("bot.texts",),
    "obstore": ("storage",),
    "prometheus_client": ("bot.process.counters", "bot.web"),
    "PIL": ("bot.delivery", "bot.imaging"),
    "dotenv": ("bot.config",),
    "simcord": (),
    "sqlite3": ("storage",),
    "urllib.request": (),
    "http": (),
    "requests": (),
}
"""Where each library may be imported. The packages in `AROUND` are exempt."""

NAMES_THAT_SAY_NOTHING: Final = frozenset(
    [
        "base",
        "common",
        "core",
        "handler",
        "handlers",
        "helper",
        "helpers",
        "manager",
        "managers",
        "misc",
        "util",
        "utils",
    ]
)
LOADED_BY_ALEMBIC: Final = ("storage.migrations.env", "storage.migrations.versions.")
NOT_INSTALLED: Final = tuple(f"benchmarks.engines.{library}_" for library in ("dbos", "pgqueuer", "procrastinate"))
"""Modules that import a library which is only compared with: no dependency of the project."""

ALONE: Final = f"""
import importlib, sys
PACKAGES = {PACKAGES}
for library in ("discord.ext.commands", "aiohttp.web", "sqlalchemy.ext.asyncio", "alembic.command", "obstore"):
    importlib.import_module(library)
for name in sys.argv[1:]:
    for known in [known for known in sys.modules if known.split(".")[0] in PACKAGES]:
        del sys.modules[known]
    try:
        importlib.import_module(name)
    except BaseException as error:
        print(f"{{name}}: {{type(error).__name__}}: {{error}}")
"""


def modules() -> dict[str, Path]:
    """Return the path of every module of `PACKAGES` by its dotted name."""
    found = {}
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES: Final = modules()


@cache
def imports(name: str) -> tuple[str, ...]:
    """Return the dotted names of all imports in a module, at any depth. Names of `PACKAGES` are resolved to modules."""
    return tuple(_imports(name))


def _imports(name: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name} has a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else str(node.module)


def is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def layer(name: str) -> tuple[int, str]:
    """Return the number of the module's layer (0 is the top) and the entry of `LAYERS` that contains the module."""
    homes = [(number, home) for number, layer in enumerate(LAYERS) for home in layer if is_in(name, home)]
    assert homes, f"{name} has no place in LAYERS"
    return homes[0]


def ours(name: str) -> list[str]:
    return [imported for imported in imports(name) if imported.split(".")[0] in PACKAGES]


def is_around(name: str) -> bool:
    return name.split(".")[0] in AROUND


@pytest.mark.parametrize("name", [name for name in MODULES if not is_around(name) and name != "bot"])
def test_arrows_point_down(name: str) -> None:
    number, home = layer(name)
    for imported in ours(name):
        assert not is_around(imported), f"{name} imports {imported}: only tests and benchmarks may"
        below, there = layer(imported)
        if there != home:
            assert below > number, f"{name} imports {imported}, which is not below it"


def test_the_package_itself_imports_nothing() -> None:
    assert imports("bot") in ((), ("__future__",))


def test_nothing_knows_the_benchmarks() -> None:
    for name in (name for name in MODULES if not is_in(name, "benchmarks")):
        assert not [imported for imported in ours(name) if is_in(imported, "benchmarks")], name


def test_cogs_do_not_know_each_other() -> None:
    for name in (name for name in MODULES if is_in(name, "cogs")):
        assert not [imported for imported in ours(name) if is_in(imported, "cogs")], name


def test_the_image_apis_emulator_knows_nothing_of_the_bot() -> None:
    seen, waiting = set(), ["sandbox.kie"]
    while waiting:
        name = waiting.pop()
        seen.add(name)
        foreign = [imported for imported in ours(name) if not is_in(imported, "sandbox")]
        assert not foreign, f"{name}, which sandbox.kie needs, imports {foreign}"
        waiting += [imported for imported in ours(name) if imported not in seen]


def test_the_painter_knows_nothing_of_the_emulator() -> None:
    for name in (name for name in MODULES if is_in(name, "sandbox.paint")):
        assert not [imported for imported in ours(name) if not is_in(imported, "sandbox.paint")], name


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_known_only_where_it_is_needed(library: str) -> None:
    for name in (name for name in MODULES if not is_around(name)):
        if any(is_in(imported, library) for imported in imports(name)):
            assert any(is_in(name, home) for home in ONLY_IN[library]), f"{name} imports {library}"


def test_only_the_engine_writes_the_rows_of_tasks() -> None:
    store = ast.parse(MODULES["storage.tasks"].read_text("utf-8"))
    methods = [node for node in ast.walk(store) if isinstance(node, ast.AsyncFunctionDef)]
    writes = {method.name for method in methods if "self._database.write(" in ast.unparse(method)}
    assert {"move", "set_card"} <= writes
    found = [
        f"{name} calls tasks.{call.attr}"
        for name, path in MODULES.items()
        if not is_around(name) and not is_in(name, "bot.engine")
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Attribute) and call.attr in writes and ast.unparse(call.value).endswith("stores.tasks")
    ]
    assert found == []


def test_every_name_says_what_is_inside() -> None:
    assert not [name for name in MODULES if NAMES_THAT_SAY_NOTHING & set(name.split("."))]


def test_every_module_says_what_it_is() -> None:
    silent = [name for name, path in MODULES.items() if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert not silent


@pytest.mark.sweep
def test_every_module_can_be_imported_alone_and_without_a_warning() -> None:
    names = [name for name in MODULES if not name.startswith((*LOADED_BY_ALEMBIC, *NOT_INSTALLED))]
    flags = ["-W", "error", "-W", "ignore:'audioop' is deprecated:DeprecationWarning"]
    done = subprocess.run(  # noqa: S603  # the arguments are this interpreter and the project's module names
        [sys.executable, *flags, "-c", ALONE, *names], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("", "")
