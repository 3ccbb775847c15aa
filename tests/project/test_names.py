"""Tests that each class of the bot has a name of its own."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
PACKAGES: Final = ("bot", "cogs", "storage")


def class_names() -> dict[str, list[str]]:
    """Return the modules that define a class, by the name of the class."""
    found = defaultdict[str, list[str]](list)
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(str(path.relative_to(ROOT)))
    return found


def test_no_two_classes_share_a_name() -> None:
    found = class_names()
    assert "Engine" in found
    assert {name: paths for name, paths in found.items() if len(paths) > 1} == {}


MOST_PUBLIC_METHODS: Final = 20
"""A class with more has more than one subject."""


def test_no_class_has_too_many_public_methods() -> None:
    found = {}
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                methods = [method for method in node.body if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)]
                public = [method.name for method in methods if not method.name.startswith("_")]
                if len(public) > MOST_PUBLIC_METHODS:
                    found[node.name] = len(public)
    assert found == {}
