"""Test the sandbox's page in a real browser, from the command to the picture."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect, sync_playwright
from playwright.sync_api import TimeoutError as NotInTime

from tests.sandbox.sandbox_process import sandbox

pytestmark = pytest.mark.sweep

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
NONE_FOUND: Final = f"no browser: install one of {', '.join(NAMES)} to run the test in a real page"
WAIT_MS: Final = 90_000

LOADED: Final = """
words => [...document.querySelectorAll('#channel-timeline img')]
    .some(image => image.alt.includes(words) && image.complete && image.naturalWidth > 0)
"""


@pytest.fixture
def browser_path(capsys: pytest.CaptureFixture[str]) -> str:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is not None:
        return found
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(NONE_FOUND)
    with capsys.disabled():
        print(f"\nskipped: {NONE_FOUND}")  # noqa: T201  # a silent skip looks like a pass
    pytest.skip(NONE_FOUND)


@pytest.fixture
def page(browser_path: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(WAIT_MS)
        yield page
        browser.close()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "holiday.jpg"
    Image.effect_mandelbrot((1600, 1200), (-2.2, -1.2, 1.0, 1.2), 90).convert("RGB").save(path, quality=90)
    return path


def compose(page: Page, prompt: str, photo: Path | None = None) -> None:
    """Type the command and the prompt and attach the photo, as a person does, without sending the message."""
    page.get_by_placeholder(re.compile("^Message ")).press_sequentially("/im")
    expect(page.locator(".command-entry", has_text="/imagine")).to_be_visible()
    page.keyboard.press("Enter")
    page.locator('.command-option-input[data-option="prompt"]').fill(prompt)
    if photo is not None:
        page.locator(".command-ghost").click()
        page.locator('[role=option][data-value="image"]').click()
        page.locator("input[type=file]").last.set_input_files(photo)


def test_a_photo_goes_in_and_a_picture_comes_out_with_the_askers_name(page: Page, photo: Path, tmp_path: Path) -> None:
    words = "a door in a forest at night"
    with sandbox(tmp_path, "--speed", "4") as address:
        page.goto(address)
        compose(page, words, photo)
        page.get_by_role("button", name="Send").click()
        timeline = page.locator("#channel-timeline")
        expect(timeline).to_contain_text(words, timeout=WAIT_MS)
        page.wait_for_function(LOADED, arg=f"Picture: {words}", timeout=WAIT_MS)
        expect(timeline.locator("article")).to_have_count(2)  # the welcome and the result: the card was deleted
        expect(timeline.locator("article").last).to_contain_text("Your picture is ready")
        expect(timeline.locator(".mention")).to_have_text("@Alice")


def test_in_a_direct_message_too(page: Page, tmp_path: Path) -> None:
    with sandbox(tmp_path, "--dm", "--speed", "4") as address:
        page.goto(address)
        compose(page, "the sea at dawn")
        page.get_by_role("button", name="Send").click()
        page.wait_for_function(LOADED, arg="Picture: the sea at dawn", timeout=WAIT_MS)


@pytest.mark.parametrize("options", [(), ("--dm",)], ids=["channel", "direct message"])
def test_the_first_screen_has_the_name_a_sentence_and_a_finished_picture(
    page: Page, tmp_path: Path, options: tuple[str, ...]
) -> None:
    with sandbox(tmp_path, *options) as address:
        page.goto(address)
        first = page.locator("#channel-timeline article")
        expect(first).to_contain_text("Atelier", timeout=WAIT_MS)
        expect(first).to_contain_text("type /imagine in the field below")
        page.wait_for_function(LOADED, arg="Picture: a lighthouse", timeout=WAIT_MS)


def test_a_click_on_a_page_that_was_refreshed_meanwhile_counts(page: Page, tmp_path: Path) -> None:
    """Each action names the revision of the page; here every one names the revision before."""

    def outdated(route: Route) -> None:
        body = json.loads(route.request.post_data or "{}")
        body["published_revision"] = max(0, body.get("published_revision", 1) - 1)
        route.continue_(post_data=json.dumps(body))

    page.route("**/api/action", outdated)
    with sandbox(tmp_path, "--speed", "4") as address:
        page.goto(address)
        compose(page, "the sea at dawn")
        page.get_by_role("button", name="Send").click()
        page.wait_for_function(LOADED, arg="Picture: the sea at dawn", timeout=WAIT_MS)
        assert "Action was not completed" not in page.locator("body").inner_text()


def test_a_select_opens_again_after_its_form_was_cancelled(page: Page, tmp_path: Path) -> None:
    """The select is below a picture that is as tall as the page, and opening it draws that picture again."""
    page.set_viewport_size({"width": 1280, "height": 900})
    with sandbox(tmp_path, "--speed", "4") as address:
        page.goto(address)
        page.get_by_placeholder(re.compile("^Message ")).press_sequentially("/settings")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Send").click()
        choose(
            page.locator("article", has_text="Settings of this server"), "Choose a channel for reports", "moderators"
        )
        compose(page, "the sea at dawn")
        page.get_by_role("button", name="Send").click()
        page.wait_for_function(LOADED, arg="Picture: the sea at dawn", timeout=WAIT_MS)
        result = page.locator("article", has_text="Your picture is ready")
        expect(page.locator("#channel-timeline article")).to_have_count(3)
        for _ in range(2):
            choose(result, "More", "Report")
            form = page.get_by_role("dialog")
            expect(form).to_contain_text("Report")
            form.get_by_role("button", name="Cancel").click()
            expect(form).to_be_hidden()


def choose(message: Locator, select: str, option: str) -> None:
    """Open the select and choose the option. A refresh of the page may close the select in between: it is opened
    again, at most three times."""
    chosen = message.get_by_role("option", name=option)
    for _ in range(3):
        message.get_by_role("combobox", name=select).click()
        with suppress(NotInTime):
            chosen.click(timeout=10_000)
            return
    raise AssertionError(f"{select!r} does not stay open")


def test_times_are_those_of_the_day(page: Page, tmp_path: Path) -> None:
    with sandbox(tmp_path) as address:
        page.goto(address)
        day = datetime.now(UTC).strftime("%B %-d, %Y")
        expect(page.locator("#channel-timeline")).to_contain_text(day, timeout=WAIT_MS)
