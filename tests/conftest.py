"""The world of most tests, fixtures that restore process-wide state, and the choice of tests for `make sweep`."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog

from bot.config import Settings
from bot.endpoints import point_discord_at
from bot.process.logs import QUIET
from bot.texts import link_commands
from tests.worlds.bot_world import BotWorld, open_bot_world
from tests.worlds.postgres import stop_postgres

DEFAULT_DATA = Path("data").absolute()


def _short_tracebacks() -> None:
    """Log plain tracebacks: with all local variables, as when rich is installed, one takes longer than most tests."""
    structlog.reset_defaults()
    *others, _ = structlog.get_config()["processors"]
    renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*others, renderer])


_short_tracebacks()
hypothesis.settings.register_profile("busy machine", deadline=None)
hypothesis.settings.load_profile("busy machine")


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Run one worker more than there are cores: a test that awaits a process or a socket leaves its core idle."""
    return (yield) + 1


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None, None, None]:
    """Mark most cases of sampled tests as `sweep`: with `sampled(every=6)`, every sixth case runs with `make test`, the
    others with `make sweep`.

    It runs before pytest-randomly shuffles the items. Otherwise both commands would draw their own sample, and some
    cases would run with neither."""
    seen = Counter[str]()
    for item in items:
        marker = item.get_closest_marker("sampled")
        if marker is not None:
            function = item.nodeid.partition("[")[0]
            if seen[function] % marker.kwargs["every"]:
                item.add_marker(pytest.mark.sweep)
            seen[function] += 1
    return (yield)


@pytest.fixture(autouse=True)
def no_data_in_the_checkout() -> Iterator[None]:
    """Fail if a test makes the folder of the default settings, where an operator's own database may be."""
    made_before = DEFAULT_DATA.exists()
    yield
    assert made_before or not DEFAULT_DATA.exists(), f"something made {DEFAULT_DATA}"


@pytest.fixture(autouse=True, scope="session")
def no_server_left() -> Iterator[None]:
    """Stop the PostgreSQL server that tests started."""
    yield
    stop_postgres()


@pytest.fixture(autouse=True)
def no_published_commands() -> Iterator[None]:
    """Forget the ids of commands that a test published."""
    yield
    link_commands({})


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[BotWorld]:
    """The whole bot in the simulator. The tests of the engine have a smaller world, those over real sockets their
    own."""
    async with open_bot_world(tmp_path) as opened:
        yield opened


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove every setting from the environment."""
    for name in Settings.model_fields:
        for spelling in (name.upper(), name):
            monkeypatch.delenv(spelling, raising=False)


@pytest.fixture
def logs_as_they_were() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in QUIET}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    logging.captureWarnings(False)
    _short_tracebacks()


@pytest.fixture
def discord_as_it_was() -> Iterator[None]:
    yield
    point_discord_at(None, None)
