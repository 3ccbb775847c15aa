"""The locks in `requirements/` agree with `pyproject.toml`, and name no index or URL to download from."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parent.parent.parent
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RUN: Final = tuple(PROJECT["project"]["dependencies"])
SANDBOX: Final = tuple(PROJECT["project"]["optional-dependencies"]["sandbox"])
DEV: Final = tuple(PROJECT["dependency-groups"]["dev"])
WANTED: Final = {"run": RUN, "sandbox": RUN + SANDBOX, "dev": RUN + SANDBOX + DEV}
REMEDY: Final = "run `make lock`"


def text(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")


def pins(name: str) -> dict[str, Requirement]:
    """Return the pins of a lock by canonical name."""
    lines = re.findall(r"^[A-Za-z0-9][^\\\n]*", text(name), re.MULTILINE)
    return {canonicalize_name(pin.name): pin for pin in map(Requirement, lines)}


def version(pin: Requirement) -> str:
    return str(pin.specifier).removeprefix("==")


def needed(requirements: Iterable[str]) -> set[str]:
    """Return the names of all packages that `requirements` need on this Python and platform, by their metadata."""
    seen: set[tuple[str, str]] = set()
    waiting = [(Requirement(line), "") for line in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        for wanted in {"", *requirement.extras} - {extra for known, extra in seen if known == name}:
            seen.add((name, wanted))
            waiting += [(Requirement(line), wanted) for line in _requires(name)]
    return {name for name, _ in seen}


def _requires(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:
        pytest.fail(f"{name} is needed but not installed; {REMEDY}")


@pytest.mark.parametrize("name", WANTED)
def test_what_the_project_asks_for_is_pinned_within_its_range(name: str) -> None:
    pinned = pins(name)
    for requirement in map(Requirement, WANTED[name]):
        pin = pinned.get(canonicalize_name(requirement.name))
        assert pin, f"{requirement.name} is not in {name}.txt; {REMEDY}"
        assert requirement.specifier.contains(version(pin)), f"{pin} is not {requirement}; {REMEDY}"


@pytest.mark.parametrize("name", WANTED)
def test_a_lock_holds_what_is_needed_and_nothing_else(name: str) -> None:
    here = {key for key, pin in pins(name).items() if not pin.marker or pin.marker.evaluate()}
    assert here == needed(WANTED[name]), REMEDY


@pytest.mark.parametrize("name", ["run", "sandbox"])
def test_the_smaller_locks_agree_with_the_largest(name: str) -> None:
    largest = pins("dev")
    assert {key: str(pin) for key, pin in pins(name).items()}.items() <= {
        key: str(pin) for key, pin in largest.items()
    }.items()


@pytest.mark.parametrize("name", WANTED)
def test_every_pin_has_hashes_and_no_line_names_a_place(name: str) -> None:
    pin = r"[a-z0-9-]+==[^\s;]+( ; [^\\]+)?"
    assert re.fullmatch(rf"({pin} \\\n(    --hash=sha256:[0-9a-f]{{64}}( \\)?\n)+)+", text(name))
