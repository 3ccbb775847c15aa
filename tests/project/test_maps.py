"""Tests for package docstrings: each lists every module and subpackage of its package, one line each."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent.parent
NUMBERED: Final = {"storage/migrations/versions"}
"""Packages whose modules need no list: each file name has a number and a subject, and new files are added often."""
PACKAGES: Final = sorted(
    str(init.parent.relative_to(ROOT))
    for top in ("bot", "cogs", "storage", "sandbox", "benchmarks", "tests")
    for init in (ROOT / top).rglob("__init__.py")
    if str(init.parent.relative_to(ROOT)) not in NUMBERED
)
ENTRY: Final = re.compile(r"^(\w+\.py|\w+/) +(\S.*)$", re.MULTILINE)


def entries(package: str) -> list[tuple[str, str]]:
    """Return the name and description of each entry in the docstring of the package."""
    source = (ROOT / package / "__init__.py").read_text(encoding="utf-8")
    return ENTRY.findall(ast.get_docstring(ast.parse(source)) or "")


def contents(package: str) -> set[str]:
    folder = ROOT / package
    modules = {path.name for path in folder.glob("*.py")} - {"__init__.py", "conftest.py"}
    tests = {path.name for path in folder.glob("test_*.py")}
    return modules - tests | {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_lists_its_modules_each_once(package: str) -> None:
    listed = [name for name, _ in entries(package)]
    assert sorted(listed) == sorted(contents(package))


@pytest.mark.parametrize("package", PACKAGES)
def test_no_two_modules_of_a_package_have_the_same_description(package: str) -> None:
    descriptions = [description for _, description in entries(package)]
    assert len(set(descriptions)) == len(descriptions)
