"""The catalogue of texts as its files are written, before it is formatted."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

from fluent.syntax import FluentParser
from fluent.syntax import ast as ftl
from fluent.syntax.visitor import Visitor

from bot.texts import FOLDER

CATEGORIES: Final = frozenset({"zero", "one", "two", "few", "many", "other"})
"""Plural categories in any language (Unicode CLDR)."""


class Inside(Visitor):
    """What a message's text contains."""

    def __init__(self) -> None:
        self.variables: set[str] = set()
        self.messages: set[str] = set()
        self.selects: list[ftl.SelectExpression] = []

    def visit_VariableReference(self, node: ftl.VariableReference) -> None:  # noqa: N802  # the library's name
        self.variables.add(node.id.name)

    def visit_MessageReference(self, node: ftl.MessageReference) -> None:  # noqa: N802  # the library's name
        self.messages.add(node.id.name)

    def visit_SelectExpression(self, node: ftl.SelectExpression) -> None:  # noqa: N802  # the library's name
        self.selects.append(node)
        self.generic_visit(node)


def entries(language: str) -> Iterator[ftl.EntryType]:
    for path in sorted((FOLDER / language).glob("*.ftl")):
        yield from FluentParser().parse(path.read_text(encoding="utf-8")).body


@cache
def messages(language: str) -> dict[str, Inside]:
    found = {}
    for entry in entries(language):
        if isinstance(entry, ftl.Message):
            found[entry.id.name] = Inside()
            found[entry.id.name].visit(entry)
    return found


def variables(language: str, name: str) -> set[str]:
    """Return all variables of a message, including those of messages it refers to."""
    inside = messages(language)[name]
    return inside.variables.union(*(variables(language, other) for other in inside.messages))


def plurals(language: str, name: str) -> dict[str, set[str]]:
    """Return the plural forms that exist, by the number that selects them."""
    found = {}
    for select in messages(language)[name].selects:
        keys = {variant.key.name for variant in select.variants if isinstance(variant.key, ftl.Identifier)}
        if isinstance(select.selector, ftl.VariableReference) and keys <= CATEGORIES:
            found[select.selector.id.name] = keys
    return found
