"""Tests that every sentence of docs/privacy.md is linked to a test, and that each linked test exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
PAGE: Final = "docs/privacy.md"

NOT_OURS: Final = (
    "For people who use the bot",
    "| what | why",
    "It says that it keeps results",
    "**Backups** of the database",
    "**What others write**",
    "Keep backups no longer",
    "A person who cannot use Discord",
)
"""Beginnings of sentences that make no claim about the bot: who the page is for, and what others do or should do."""

LIFE: Final = "ui/test_privacy_life.py::test_nothing_of_a_person_is_left_in_any_table_file_or_message"
AGAIN: Final = (
    "ui/test_privacy_life.py::test_what_somebody_else_attached_is_used_without_name_and_place_and_never_handed_out"
)
GONE: Final = "ui/test_privacy_life.py::test_after_its_owner_was_erased_a_request_keeps_its_words_and_says_that_the_picture_is_gone"  # fmt: skip  # noqa: E501
EXPORT: Final = "ui/test_privacy.py::test_everything_of_theirs_is_in_it"
ROWS: Final = "storage/test_erasures.py::test_after_an_erasure_no_row_names_the_person_and_others_keep_theirs"
SPENT: Final = "storage/test_erasures.py::test_it_counts_what_went_and_the_pictures_of_the_day_count_on"
FILES: Final = "ui/test_erasure.py::test_rows_and_files_go_and_a_receipt_says_so"
LINE: Final = "ui/test_erasure.py::test_what_is_in_line_is_taken_back_and_what_is_being_made_is_not_posted"
ARRIVES: Final = "engine/test_orphans.py::test_what_arrives_after_its_request_was_erased_is_not_kept"
DIES: Final = "engine/test_orphans.py::test_nor_where_the_process_dies_before_it_can_look_whether_the_row_is_there"

TESTS: Final[dict[str, tuple[str, ...]]] = {
    "`/privacy show` says in numbers": (
        "ui/test_privacy.py::test_people_see_how_much_is_stored_about_them_alone_even_after_a_restart",
        "ui/test_privacy.py::test_the_file_holds_their_own_words_and_pictures_and_no_token",
        "storage/test_erasures.py::test_whatever_is_kept_of_a_person_is_shown_and_exported",
        FILES,
    ),
    "| each request": ("storage/test_erasures.py::test_every_column_that_may_name_a_person_is_known", ROWS),
    "| the token of the command": (
        "ui/test_privacy.py::test_the_file_holds_their_own_words_and_pictures_and_no_token",
    ),
    "| the bot's own copies": (
        "engine/test_engine.py::test_old_copies_are_swept_and_the_rows_stay",
        "imaging/test_thumbnails.py::test_the_preview_of_a_mask_is_made_once_and_goes_with_the_picture",
        "ui/test_mask_preview.py::test_it_goes_with_everything_of_its_asker",
    ),
    "| the owner of a picture": (AGAIN, GONE),
    "| your named sets": ("ui/test_reference_sets.py::test_what_is_removed_is_gone_with_its_copies", FILES),
    "| your own defaults": (
        "ui/test_preferences.py::test_they_are_shown_exported_and_erased_at_once",
        "ui/test_preferences.py::test_all_defaults_are_reset_with_one_press",
        "ui/test_preferences.py::test_each_person_has_their_own",
    ),
    "| an open form": (
        "storage/test_drafts.py::test_nobody_elses_and_none_too_old",
        "storage/test_drafts.py::test_old_ones_go_when_another_begins",
    ),
    "| batches": (
        ROWS,
        "storage/test_erasures.py::test_questions_and_batches_are_counted_apart_and_all_go",
    ),
    "| a question that waits": (
        "engine/test_batches_begun.py::test_proposals_that_nobody_took_up_are_forgotten_and_begun_ones_are_not",
        "ui/test_privacy.py::test_questions_that_were_not_answered_are_no_batches",
    ),
    "| results that were posted again": (EXPORT, LIFE),
    "| reports": (EXPORT, LIFE),
    "| who changed a server's": ("ui/test_erasure.py::test_a_servers_record_stays_and_names_nobody",),
    "| after an erasure": (SPENT,),
    "| the id of a server that the bot has joined": (
        "ui/test_greeting.py::test_it_is_greeted_once_over_restarts_and_later_joins",
    ),
    "Small talk": (
        "ui/test_small_talk.py::test_who_greets_or_asks_gets_a_guide_with_examples",
        "ui/test_small_talk.py::test_thanks_get_a_smile_and_no_message",
        "ui/test_mentions.py::test_talk_is_left_alone",
    ),
    "| an erasure itself": (
        "storage/test_erasures.py::test_one_is_under_way_at_a_time_and_one_process_works_on_it",
        "ui/test_erasure.py::test_who_never_looks_is_forgotten_after_a_month",
    ),
    "Other people do not see any of it": (
        "ui/test_privacy.py::test_the_file_is_for_them_alone",
        "ui/test_reports.py::test_a_report_reaches_the_moderators_with_the_picture_as_a_spoiler",
    ),
    "A private request is not visible": ("ui/test_private.py::test_others_learn_nothing_of_it_by_its_buttons",),
    "People who can see your result": (AGAIN,),
    "A result that others could see": (
        "ui/test_privacy_life.py::test_a_published_result_that_others_began_with_stays_theirs",
    ),
    "Pictures that you attached, your sets": (
        AGAIN,
        "ui/test_privacy_life.py::test_a_picture_in_somebodys_message_is_theirs",
        "ui/test_privacy_life.py::test_whoever_has_asked_for_nothing_may_have_copies_of_their_avatar_erased",
        "ui/test_privacy_life.py::test_a_private_result_that_a_public_one_began_with_is_its_askers",
        "imaging/test_inspect.py::test_a_thumbnail_keeps_its_shape_within_its_edge",
    ),
    "The copy for another person's request": (
        AGAIN,
        "imaging/test_metadata.py::test_the_same_picture_is_left_and_nothing_that_was_said_of_it",
    ),
    "It is erased with your data": (GONE, LIFE),
    "The request keeps its prompt": (
        GONE,
        "ui/test_privacy_life.py::test_a_request_that_waits_with_an_erased_picture_ends_before_it_is_paid",
    ),
    "The number of such copies": (AGAIN,),
    "A style belongs to its server": (
        "ui/test_privacy_life.py::test_a_servers_style_is_used_without_its_picture_being_handed_out",
        LIFE,
    ),
    "`/privacy erase` shows": ("ui/test_erasure.py::test_it_is_asked_first_with_what_would_go", FILES),
    "It erases what existed": ("ui/test_erasure.py::test_what_was_asked_for_afterwards_is_made_and_stays",),
    "Your own defaults are erased at the press": (
        "storage/test_erasures.py::test_a_persons_defaults_go_in_the_transaction_that_stores_the_erasure",
        "ui/test_preferences.py::test_a_default_chosen_while_an_erasure_is_carried_out_stays_alone",
    ),
    "Waiting requests": (LINE,),
    "A picture that is being made": (LINE,),
    "Files are deleted before rows": (
        "engine/test_erasure_deaths.py::test_whatever_it_dies_at_all_of_it_goes_and_is_told",
    ),
    "If your messages are to be removed": (
        "ui/test_erasure.py::test_messages_go_first_as_long_as_discord_may_still_take_it",
        "storage/test_erasures.py::test_messages_are_waited_for_and_nothing_is_when_that_takes_too_long",
    ),
    "These messages are removed": (LIFE,),
    "Messages about other people are edited": (LIFE,),
    "Pictures that others made from your results": (
        "ui/test_erasure.py::test_others_keep_theirs_also_what_came_of_it",
    ),
    "Where a server's own record": ("ui/test_erasure.py::test_a_servers_record_stays_and_names_nobody", ROWS),
    "Messages that stay": (
        "ui/test_erasure.py::test_a_button_of_a_message_that_stays_says_that_it_is_known_no_longer",
        "ui/test_erasure.py::test_a_batchs_shared_message_stays_unless_it_is_to_go_too",
    ),
    "You get a receipt": (
        FILES,
        "ui/test_erasure.py::test_after_a_quarter_of_an_hour_it_comes_as_a_direct_message",
    ),
    "If neither can be delivered": ("ui/test_erasure.py::test_who_cannot_be_told_finds_it_with_show_once",),
    "The limits per day": ("ui/test_erasure.py::test_the_limits_of_the_day_still_count_what_was_erased",),
    "An erasure continues after a restart": (
        "ui/test_erasure.py::test_it_goes_on_after_a_restart",
        "ui/test_erasure.py::test_two_quick_clicks_are_one_erasure",
    ),
    "A photo that arrives": (
        ARRIVES,
        DIES,
        "engine/test_orphans.py::test_what_no_row_names_goes_once_it_is_an_hour_old",
        "engine/test_orphans.py::test_a_file_that_was_never_written_to_its_end_goes",
    ),
    "**Discord** keeps": (LIFE,),
    "**The image service** (KIE)": (AGAIN,),
    "Only the bot's user can read": (
        "process/test_private_files.py::test_a_database_and_what_lies_beside_it_are_its_users_alone_whatever_the_process_allows",
        "wire/test_private_files.py::test_nothing_that_a_running_bot_writes_can_be_read_by_others",
        "wire/test_private_files.py::test_what_an_older_version_left_open_is_closed_at_the_start",
    ),
    "Logs have ids": (
        "process/test_secrets.py::test_no_secret_gets_out_of_the_running_bot",
        "engine/test_engine.py::test_an_error_of_the_database_holds_no_prompt_and_no_token",
        "process/test_metrics.py::test_a_request_shows_all_the_way_and_nothing_of_it_is_given_away",
    ),
    "After you restore a backup": ("ui/test_erasure.py::test_the_log_has_the_number_of_a_receipt",),
    "Erase their rows by hand": ("engine/test_orphans.py::test_files_of_rows_that_were_deleted_by_hand_go",),
}
"""The tests that prove a sentence or table row, by its beginning."""


def sentences() -> list[str]:
    """Return the sentences and the table rows of the page."""
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    found: list[str] = []
    for lines in re.split(r"\n\s*\n|\n(?=- |\|)", page):
        block = " ".join(lines.split())
        if block.startswith("|") and set(block) - set("|- "):
            found.append(block)
        elif block and not block.startswith(("#", "|")):
            found += re.split(r"(?<=[.!?])\s+(?=[A-Z`*])", block.removeprefix("- "))
    return found


def test_every_sentence_has_its_test() -> None:
    known = (*TESTS, *NOT_OURS)
    assert not [sentence for sentence in sentences() if not sentence.startswith(known)], "a sentence without a test"


def test_no_test_is_named_for_a_sentence_that_is_not_there() -> None:
    said = sentences()
    counted = {beginning: sum(sentence.startswith(beginning) for sentence in said) for beginning in (*TESTS, *NOT_OURS)}
    assert {beginning: count for beginning, count in counted.items() if count != 1} == {}


def test_every_test_that_is_named_exists() -> None:
    for named in sorted({test for tests in TESTS.values() for test in tests}):
        file, _, name = named.partition("::")
        assert re.search(rf"^(?:async )?def {name}\b", (ROOT / "tests" / file).read_text(encoding="utf-8"), re.M), named
