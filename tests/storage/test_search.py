"""Tests that a person's tasks are found by their words, in any script and on every page."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from storage.schema import tasks
from storage.search import TaskFilter
from storage.stores import Stores
from tests.storage.rows import BACKENDS, NOW, opened_stores, stored

PERSON = 7


@pytest.fixture(params=BACKENDS)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    async with opened_stores(request.param, tmp_path) as opened:
        yield opened


async def asked(stores: Stores, *prompts: str, **changes: Any) -> None:
    """Store tasks of the person, each a second newer than the last one."""
    for number, prompt in enumerate(prompts):
        await stored(stores, asker_id=PERSON, now=NOW + 1000 * number, prompt=prompt, **changes)


FOUND = [
    ("a RED door", "red"),
    ("Straße im Regen", "STRASSE"),
    ("STRASSE", "straße"),
    ("İstanbul at night", "istanbul"),
    ("istanbul", "İSTANBUL"),
    ("Ελλάδα", "ελλάδα"),
    ("ΟΔΥΣΣΕΥΣ", "Οδυσσεύς".replace("ύ", "υ")),
    ("Привет, мир", "ПРИВЕТ"),
    ("红色的门在海边", "红色的门"),
    ("红色的门在海边", "海"),
    ("赤いドア", "ﾄﾞｱ"),
    ("빨간 문", "빨간"),
    ("ＡＢＣ１２３", "abc123"),
    ("abc123", "ＡＢＣ"),
    ("a cafe\N{COMBINING ACUTE ACCENT}", "CAFÉ"),
    ("a café", "cafe\N{COMBINING ACUTE ACCENT}"),
    ("a \N{HEAVY BLACK HEART}\N{VARIATION SELECTOR-16} in snow", "\N{HEAVY BLACK HEART}"),
    ("two 🚪 doors", "🚪"),
    ("ﬁsh", "FISH"),
    ("a red\n door", "red door"),
    ("a red\N{IDEOGRAPHIC SPACE}door", "red door"),
    ("100% blue", "100%"),
    ("a_b", "A_B"),
    ("back\\slash", "K\\S"),
    ('it\'s "quoted"', "'s \"q"),
    ("باب أحمر", "أحمر"),
    ("a red door", "door red"),
    ("a red door", "oo ed"),
    ("a red door at night", "night\N{IDEOGRAPHIC SPACE}\n red"),
    ("红色的门在海边", "海边 门"),
    ("a café", "cafe"),
    ("a cafe", "café"),
    ("Việt Nam", "viet"),
    ("Ελλάδα", "ελλαδα"),
    ("ёлка", "елка"),
    ("ガラス", "カ\N{COMBINING KATAKANA-HIRAGANA VOICED SOUND MARK}ラス"),
]
NOT_FOUND = [
    ("a red door", "100_"),
    ("1000 blue", "100%"),
    ("axb", "a_b"),
    ("红色的门", "紅色"),
    ("红色的门在海边", "海边的门"),
    ("a red door", "red window"),
    ("a red door", "reddoor"),
    ("ガラス", "カラス"),
    ("빨간 문", "바"),
    ("हिन्दी", "हन्द"),
    ("plain", "\\"),
]


@pytest.mark.parametrize(("prompt", "words"), FOUND)
async def test_words_are_found_whatever_their_script_case_and_form(stores: Stores, prompt: str, words: str) -> None:
    await asked(stores, "another wish", prompt)
    assert [task.prompt for task in await stores.search.own(PERSON, words=words, limit=5)] == [prompt]
    assert await stores.search.count_own(PERSON, words=words) == 1


@pytest.mark.parametrize(("prompt", "words"), NOT_FOUND)
async def test_what_is_not_in_the_prompt_is_not_found(stores: Stores, prompt: str, words: str) -> None:
    await asked(stores, prompt)
    assert await stores.search.own(PERSON, words=words, limit=5) == ()
    assert await stores.search.count_own(PERSON, words=words) == 0


async def test_every_page_has_its_part_of_what_was_found_and_of_nothing_else(stores: Stores) -> None:
    await asked(stores, *[words for n in range(7) for words in (f"СОБАКА {n}", f"кот {n}")])
    await stored(stores, asker_id=PERSON + 1, prompt="собака of another person")
    pages = [await stores.search.own(PERSON, words="собака", limit=3, offset=offset) for offset in (0, 3, 6, 9)]
    numbers = [[task.prompt[-1] for task in page] for page in pages]
    assert numbers == [["6", "5", "4"], ["3", "2", "1"], ["0"], []]
    assert await stores.search.count_own(PERSON, words="собака") == 7
    assert await stores.search.count_own(PERSON, words="собака", which=TaskFilter.DONE) == 0


async def test_blank_words_find_everything(stores: Stores) -> None:
    await asked(stores, "a", "b")
    assert len(await stores.search.own(PERSON, words=" \N{IDEOGRAPHIC SPACE}", limit=5)) == 2
    assert await stores.search.count_own(PERSON, words=" \N{IDEOGRAPHIC SPACE}") == 2


@pytest.mark.sweep
async def test_a_hundred_thousand_tasks_are_searched_in_seconds(tmp_path: Path) -> None:
    async with opened_stores("sqlite", tmp_path) as stores:
        task = await stored(stores, asker_id=PERSON, prompt="красная дверь")
        async with stores.search._database.write() as connection:
            row = (await connection.execute(sa.select(tasks).where(tasks.c.id == task.id))).one()._asdict()
            rows = [
                row | {"id": f"{n:016x}", "interaction_id": n + 10**9, "prompt": f"wish {n}"} for n in range(100_000)
            ]
            await connection.execute(sa.insert(tasks), rows)
        before = time.perf_counter()
        assert len(await stores.search.own(PERSON, words="КРАСНАЯ", limit=5)) == 1
        took = time.perf_counter() - before
        assert took < 5, f"{took} s"
