"""Docstrings, comments, log lines and pages are in plain words: phrases that a reader has to decode stay out."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent.parent
PLAIN: Final = ("bot", "cogs", "storage", "sandbox", "benchmarks", "tests")
LOGGED: Final = ("bot", "cogs", "storage")
PAGES: Final = (
    *("README.md", "CONTRIBUTING.md", ".env.example", "benchmarks/README.md"),
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")),
)
LEVELS: Final = frozenset({"debug", "info", "warning", "error", "exception", "critical"})

RIDDLES: Final = (
    *("whoever", "nobody", "by then", "no more", "any more", "go(es)? along", "of ours", "of theirs"),
    *("comes? of it", "becomes? of", "for good", "(is|are|was|were|be) told", "told as"),
    *("takes? back", "taken back", "brought", "stands", "stood", "meanwhile", "under way", "anew", "once more"),
    *("lets? go", "put by", "besides", "in other hands", "(it is|they are) there", "wherever", "in hand"),
)
"""Each has a plain word: "the operator", "no user", "until then", "again", "cancelled", "delivered", "in progress"."""
QUOTED: Final = re.compile(r"`[^`]*`|\"[^\"]*\"")
RIDDLE: Final = re.compile(rf"\b({'|'.join(RIDDLES)})\b", re.IGNORECASE)


def modules(*packages: str) -> Iterator[Path]:
    for package in packages:
        yield from sorted((ROOT / package).rglob("*.py"))


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Also the strings below constants and fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def comments(source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def log_lines(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="log"), attr=level), args=[ast.Constant(value=str(line)), *_]
            ) if level in LEVELS:
                yield node.lineno, line


def prose(path: Path) -> Iterator[tuple[int, str]]:
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    yield from docstrings(tree)
    yield from comments(source)
    yield from log_lines(tree)


def riddles(text: str) -> list[str]:
    return [found[0] for found in RIDDLE.finditer(QUOTED.sub("", " ".join(text.split())))]


@pytest.mark.parametrize("path", list(modules(*PLAIN)), ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_module_says_of_itself_is_in_plain_words(path: Path) -> None:
    found = [f"{path.name}:{line}: {riddle}" for line, text in prose(path) for riddle in riddles(text)]
    assert found == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_in_plain_words(page: str) -> None:
    assert riddles((ROOT / page).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("text", ["Whoever asks.", "It is told\nonce.", "It is\n    told once.", "# taken back"])
def test_a_riddle_is_found(text: str) -> None:
    assert riddles(text)


def test_each_log_line_is_written_once() -> None:
    lines = Counter(
        line for path in modules(*LOGGED) for _, line in log_lines(ast.parse(path.read_text(encoding="utf-8")))
    )
    assert [line for line, times in lines.items() if times > 1] == []
