"""Tests that the sandbox starts and stops as its documentation says, and that this page agrees with the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from simcord.preview._media import MediaWorker

from sandbox.__main__ import main, sandbox_settings
from sandbox.magic import EFFECTS
from sandbox.page import validate_once
from storage.catalogue import MODELS
from tests.sandbox.sandbox_process import ROOT, sandbox
from tests.worlds.engine_world import png

PAGE = (ROOT / "docs" / "sandbox.md").read_text(encoding="utf-8")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603  # own code


@pytest.mark.sweep
def test_it_prints_an_address_and_stops_at_ctrl_c_with_nothing_left(tmp_path: Path) -> None:
    with sandbox(tmp_path) as address:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/#\S+", address)


@pytest.mark.sweep
def test_it_keeps_the_database_where_it_is_told_to_and_takes_only_a_new_folder(tmp_path: Path) -> None:
    with sandbox(tmp_path, "--data", str(tmp_path / "kept")):
        pass
    assert (tmp_path / "kept" / "atelier.db").exists()
    again = run("sandbox", "--data", str(tmp_path / "kept"))
    assert again.returncode != 0
    assert "is not empty" in again.stderr
    assert "Traceback" not in again.stderr


def test_the_documentation_has_every_magic_word_and_what_it_does() -> None:
    rows = dict(re.findall(r"^\| `(\[[^`]+\])` \| (.*) \|$", PAGE, re.MULTILINE))
    assert rows == {word.value: effect for word, effect in EFFECTS.items()}


def test_the_documentation_says_how_each_model_paints() -> None:
    table = PAGE.partition("| model | manner |\n|---|---|\n")[2].partition("\n\n")[0]
    assert [row.split(" | ")[0] for row in table.splitlines()] == [f"| {model.name}" for model in MODELS.values()]


@pytest.mark.sweep
def test_the_help_lists_the_magic_words_and_the_documentation_lists_the_options() -> None:
    told = run("sandbox", "--help").stdout
    assert all(f"{word.value} " in told for word in EFFECTS)
    options = set(re.findall(r"^  (--[a-z-]+)", told, re.MULTILINE))
    assert options == set(re.findall(r"^\| `(--[a-z-]+)", PAGE, re.MULTILINE))


def test_the_settings_of_models_come_from_the_environment_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIE_4O_FORM", "jobs")
    monkeypatch.setenv("KIE_MODELS", "4o, qwen")
    monkeypatch.setenv("KIE_API_URL", "https://api.kie.ai")
    monkeypatch.setenv("MAX_IN_FLIGHT", "1")
    settings = sandbox_settings(tmp_path, "http://127.0.0.1:1", None)
    assert (settings.kie_4o_form, settings.kie_models) == ("jobs", ("4o", "qwen"))
    assert (settings.kie_api_url, settings.max_in_flight) == ("http://127.0.0.1:1", 100)


def test_a_wrong_setting_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIE_MODELS", "quen")
    monkeypatch.setattr(sys, "argv", ["sandbox"])
    with pytest.raises(SystemExit, match=r"^KIE_MODELS has 'quen', which is no model: do you mean qwen"):
        main()


async def test_a_picture_is_inspected_once_however_often_the_page_is_opened() -> None:
    worker = MediaWorker()
    first = await validate_once(worker, "one page", png())
    await worker.close()  # a closed worker inspects nothing
    assert await validate_once(worker, "another page", png()) is first
