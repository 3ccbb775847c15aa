"""Submit requests to the engine and follow a task to its end. The test controls the clock."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from sqlalchemy.exc import IntegrityError
from structlog.testing import capture_logs

from bot.engine import due_tasks
from bot.engine.housekeeping import retention
from bot.engine.housekeeping.retention import Retention
from bot.engine.lifecycle import preparation
from bot.engine.ports import Card, CardPhase, Record, RecordStatus
from bot.errors import (
    AccountRefused,
    Reason,
    Refused,
    Unavailable,
)
from storage.catalogue import MODELS, ReferenceFacts
from storage.models import NewReference, Picture, Reference, ReferenceKind, Route, Task, TaskState
from storage.pictures import MASK_PREVIEW, MissingCopy
from tests.worlds.engine_world import Deaths, EngineWorld, Meanwhile, open_engine_world, png
from tests.worlds.waiting import eventually

DAY = 24 * 3600.0


async def test_words_become_pictures_that_are_told_once(world: EngineWorld) -> None:
    task = await world.ask("a red door", variants=4)
    await world.work(60)
    assert (await world.now(task)).state is TaskState.CLOSED
    assert [(message.task_id, message.pictures) for message in world.discord.sent] == [(task.id, (0, 1, 2, 3))]
    assert world.discord.removed == [task.id]
    assert [picture.key is not None for picture in await world.stores.pictures.of_task(task.id)] == [True] * 4


async def test_the_audit_trail_tells_the_whole_life(world: EngineWorld) -> None:
    task = await world.ask()
    await world.work(60)
    states = [event.after for event in await world.stores.tasks.events(task.id)]
    assert states == ["queued", "submitting", "generating", "settled", "closed"]


async def test_references_go_as_links_in_their_order(world: EngineWorld) -> None:
    await world.ask(references=(world.attach("a.png", png()), world.attach("b.png", png())))
    await world.work(3)
    assert [url.rsplit("/")[-1] for url in world.api.taken[0].files] == ["a.png", "b.png"]
    assert world.api.uploads == []


@pytest.mark.parametrize("url", ["https://cdn.discordapp.com/a/a.png?ex=soon", "", "http://[::1/a.png"])
async def test_references_whose_expiry_cannot_be_read_go_by_upload(world: EngineWorld, url: str) -> None:
    attached = replace(world.attach("a.png", png()), url=url, stored_key=None if url else "references/none/0")
    await world.ask(references=(attached,))
    await world.work(5)
    assert [request.files[0].split("/")[2] for request in world.api.taken] == ["uploads.test"]


async def test_references_that_may_have_expired_go_by_upload(world: EngineWorld) -> None:
    attached = replace(world.attach("a.png", png()), url="https://cdn.discordapp.com/a/a.png?ex=5")
    await world.ask(references=(attached,))
    await world.work(5)
    assert [request.files[0].split("/")[2] for request in world.api.taken] == ["uploads.test"]


async def test_a_link_that_the_api_cannot_fetch_is_tried_once_more_by_upload(world: EngineWorld) -> None:
    failed = Record(status=RecordStatus.FAILED, reason=Reason.API_REFERENCE_UNFETCHABLE, message="451")
    world.api.next_record = [failed]
    task = await world.ask(references=(world.attach("a.png", png()),))
    await world.work(90)
    assert [request.files[0].split("/")[2] for request in world.api.taken] == ["cdn.discordapp.com", "uploads.test"]
    assert (await world.now(task)).reason is None
    assert len(world.discord.sent) == 1


async def test_words_alone_are_never_created_again_for_a_picture_that_cannot_be_fetched(world: EngineWorld) -> None:
    world.api.next_record = [Record(status=RecordStatus.FAILED, reason=Reason.API_REFERENCE_UNFETCHABLE)] * 3
    task = await world.ask("words only")
    await world.work(120)
    assert (await world.now(task)).reason == Reason.API_REFERENCE_UNFETCHABLE
    assert len(world.api.taken) == 1


async def test_an_upload_that_is_refused_for_good_is_told_at_once(tmp_path: Path) -> None:
    async with open_engine_world(tmp_path, always_upload=True) as world:
        world.api.next_upload = [Refused(433, "quota", Reason.ACCOUNT_QUOTA)]
        task = await world.ask(references=(world.attach("a.png", png()),))
        await world.work(3)
        assert (await world.now(task)).reason == Reason.ACCOUNT_QUOTA


async def test_words_do_not_wait_behind_slow_attachments(world: EngineWorld) -> None:
    never = asyncio.Event()
    for number in range(10):
        await world.ask(f"slow {number}", references=(world.attach("a.png", never),))
    words = await world.ask("words")
    running = asyncio.create_task(world.engine.run())
    await eventually(lambda: _is_prepared(world, words))
    never.set()
    world.engine.stop()
    await running


async def test_an_upload_that_cannot_be_fetched_either_is_told(world: EngineWorld) -> None:
    failed = Record(status=RecordStatus.FAILED, reason=Reason.API_REFERENCE_UNFETCHABLE)
    world.api.next_record = [failed, failed]
    task = await world.ask(references=(world.attach("a.png", png()),))
    await world.work(90)
    assert (await world.now(task)).reason == Reason.API_REFERENCE_UNFETCHABLE
    assert len(world.api.taken) == 2


async def test_a_mask_of_another_format_goes_with_its_picture_as_png(world: EngineWorld) -> None:
    photo, mask = _photo_and_mask()
    await world.ask(references=(world.attach("a.jpg", photo), world.attach("m.png", mask, ReferenceKind.MASK)))
    await world.work(15)
    assert [line.split()[1] for line in world.api.uploads] == ["image/png", "image/png"]
    request = world.api.taken[0]
    assert request.mask is not None
    assert len(request.files) == 1


async def test_a_picture_that_is_too_large_as_png_is_refused_with_its_mask(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "sent_bytes", lambda limit: 50)
    photo, mask = _photo_and_mask()
    task = await world.ask(references=(world.attach("a.jpg", photo), world.attach("m.png", mask, ReferenceKind.MASK)))
    await world.work(30)
    refused = await world.now(task)
    assert refused.reason == Reason.REFERENCE_TOO_LARGE
    assert refused.reason_parameters["filename"] == "a.jpg"
    assert world.api.taken == []


async def test_a_copy_that_was_spoilt_on_disk_is_refused_when_it_is_converted_for_a_mask(world: EngineWorld) -> None:
    photo, mask = _photo_and_mask()
    world.api.next_upload = [Unavailable("503")]
    task = await world.ask(references=(world.attach("a.jpg", photo), world.attach("m.png", mask, ReferenceKind.MASK)))
    await world.engine.step()
    await world.picture_store.put(f"references/{task.id}/0", photo[: len(photo) // 2])
    await world.work(60)
    assert (await world.now(task)).reason == Reason.REFERENCE_BROKEN
    assert world.api.taken == []


async def test_a_picture_whose_owner_is_erased_while_it_is_fetched_leaves_no_copy(world: EngineWorld) -> None:
    arrives = asyncio.Event()
    theirs = replace(world.attach("a.png", arrives), owner_id=8)
    task = await world.ask(references=(theirs,))
    step = asyncio.create_task(world.engine.step())
    await world.fetching.wait()
    await world.engine.erasures.ask(8, removes=False, locale="en-US", token="t")
    await world.engine.erasures.outbox.step()
    arrives.set()
    await step
    with pytest.raises(MissingCopy):
        await world.picture_store.get(f"references/{task.id}/0")
    await world.work(60)
    assert (await world.now(task)).reason == Reason.REFERENCE_ERASED
    assert world.api.taken == []


async def test_the_plain_mask_is_what_is_stored_and_sent(world: EngineWorld) -> None:
    task = await world.ask(references=_with_a_transparent_hole(world))
    await world.work(15)
    mask = (await world.stores.references.of_task(task.id))[1]
    assert (mask.content_type, mask.width, mask.height, mask.change_share) == ("image/png", 64, 64, 1 / 4)
    sent = Image.open(io.BytesIO(await world.picture_store.get(f"references/{task.id}/1")))
    assert (sent.mode, sent.getpixel((32, 32)), sent.getpixel((2, 2))) == ("RGB", (0, 0, 0), (255, 255, 255))
    assert world.api.taken[0].mask == f"https://uploads.test/atelier-{task.id}-1.png"


async def test_a_model_for_which_white_changes_gets_the_mask_inverted_and_the_stored_one_stays(
    world: EngineWorld,
) -> None:
    of_4o = await world.ask(references=_with_a_transparent_hole(world))
    await world.work(15)
    of_qwen = await world.ask(model="qwen", references=_with_a_transparent_hole(world))
    await world.work(15)
    black_changes, white_changes = (
        [opened.getpixel((32, 32)), opened.getpixel((2, 2))]
        for opened in (Image.open(io.BytesIO(world.api.uploaded[position])) for position in (1, 3))
    )
    assert black_changes == [(0, 0, 0), (255, 255, 255)]
    assert white_changes == [(255, 255, 255), (0, 0, 0)]
    kept = [await world.picture_store.get(f"references/{task.id}/1") for task in (of_4o, of_qwen)]
    assert kept[0] == kept[1]
    assert (await world.stores.references.of_task(of_qwen.id))[1].change_share == 1 / 4
    assert world.api.taken[1].mask == f"https://uploads.test/atelier-{of_qwen.id}-1.png"


async def test_a_picture_of_more_bytes_than_the_model_takes_is_made_smaller_and_uploaded(tmp_path: Path) -> None:
    small = replace(MODELS["flux-2"], references=ReferenceFacts(field="input_urls", most=8, most_megabytes=1))
    noise = Image.effect_noise((800, 800), 90).convert("RGB")
    data = io.BytesIO()
    noise.save(data, "PNG", compress_level=0)
    async with open_engine_world(tmp_path, models={**MODELS, "flux-2": small}) as world:
        attached = world.attach("a.png", data.getvalue())
        tasks = [await world.ask(model=key, references=(attached,)) for key in ("4o", "flux-2")]
        await world.work(20)
        as_it_is, smaller = [(await world.stores.references.of_task(task.id))[0] for task in tasks]
        assert (as_it_is.is_converted, as_it_is.bytes) == (False, len(data.getvalue()))
        assert smaller.is_converted
        assert (smaller.bytes or 0) <= 1_000_000 < len(data.getvalue())
        uploaded = {taken.request.model for taken in world.api.taken if "uploads.test" in taken.files[0]}
        assert uploaded == {"flux-2"}


async def test_a_picture_with_a_mask_that_is_too_large_as_png_for_the_model_is_refused_with_its_megabytes(
    tmp_path: Path,
) -> None:
    small = replace(MODELS["qwen"], references=ReferenceFacts(field="image_urls", most=1, most_megabytes=1))
    photo, mask = io.BytesIO(), io.BytesIO()
    Image.effect_noise((1200, 1200), 90).convert("RGB").save(photo, "JPEG", quality=50)
    Image.new("L", (1200, 1200), 0).save(mask, "PNG")
    async with open_engine_world(tmp_path, models={**MODELS, "qwen": small}) as world:
        attached = world.attach("a.jpg", photo.getvalue()), world.attach("m.png", mask.getvalue(), ReferenceKind.MASK)
        task = await world.ask(model="qwen", references=attached)
        await world.work(30)
        refused = await world.now(task)
        assert (refused.reason, refused.reason_parameters["megabytes"]) == (Reason.REFERENCE_TOO_LARGE, 1)
        assert world.api.taken == []


async def test_what_changes_is_on_the_card_before_anything_is_sent(world: EngineWorld) -> None:
    shown: list[Card] = []

    async def upload(filename: str, content_type: str, data: bytes) -> str:
        shown.append(world.discord.shown[-1])
        raise Unavailable("503")

    world.api.upload = upload  # type: ignore[method-assign]  # looks at the card when the upload begins
    task = await world.ask(references=_with_a_transparent_hole(world))
    await world.engine.step()
    await eventually(lambda: _fails(world, task))
    (card,) = shown
    assert (card.phase, card.references[1].change_share) == (CardPhase.PREPARING, 1 / 4)
    assert await world.picture_store.small(f"references/{task.id}/0", MASK_PREVIEW) is not None
    assert (world.api.uploads, world.api.taken) == ([], [])
    assert (await world.engine.requests.cancel(task.id, task.asker_id)).state is TaskState.CANCELLED


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        (png("white", (64, 64)), Reason.MASK_CHANGES_NOTHING),
        (png("red", (64, 64)), Reason.MASK_NOT_BLACK_AND_WHITE),
        (png("black", (64, 40)), Reason.MASK_SIZE),
    ],
    ids=["all-white", "red", "another-shape"],
)
async def test_a_mask_that_says_nothing_clear_costs_nothing(world: EngineWorld, mask: bytes, reason: Reason) -> None:
    photo, _ = _photo_and_mask()
    both = (world.attach("a.jpg", photo), world.attach("m.png", mask, ReferenceKind.MASK))
    task = await world.ask(references=both)
    await world.work(5)
    ended = await world.now(task)
    assert (ended.reason, ended.charged) == (reason, False)
    assert (world.api.uploads, world.api.taken) == ([], [])


async def test_a_mask_that_an_older_version_stored_is_made_plain(world: EngineWorld) -> None:
    world.api.next_upload = [Unavailable("503")]
    task = await world.ask(references=_with_a_transparent_hole(world))
    await world.engine.step()
    await eventually(lambda: _fails(world, task))
    mask = (await world.stores.references.of_task(task.id))[1]
    old = replace(mask, change_share=None, uploaded_url="https://uploads.test/old.png", uploaded_at=world.clock())
    await world.stores.references.save(old)
    await world.picture_store.put(f"references/{task.id}/1", world.attachments["m.png"])  # type: ignore[arg-type]
    world.attachments["m.png"] = Unavailable("Discord has it no longer")
    await world.work(90)
    assert (await world.stores.references.of_task(task.id))[1].change_share == 1 / 4
    assert world.api.taken[0].mask == f"https://uploads.test/atelier-{task.id}-1.png"


async def test_a_kept_reference_that_is_gone_is_fetched_again(world: EngineWorld) -> None:
    world.api.next_upload = [Unavailable("503")]
    attached = replace(world.attach("a.png", png()), url="https://cdn.discordapp.com/a/a.png?ex=5")
    task = await world.ask(references=(attached,))
    await world.work(3)
    await world.picture_store.delete(f"references/{task.id}/0")
    await world.work(90)
    assert (await world.now(task)).reason is None


async def test_a_bad_reference_is_told_and_nothing_is_paid(world: EngineWorld) -> None:
    task = await world.ask(references=(world.attach("notes.png", b"not a picture"),))
    await world.work(3)
    ended = await world.now(task)
    assert (ended.state, ended.reason, ended.charged) == (TaskState.CLOSED, Reason.REFERENCE_NOT_A_PICTURE, False)
    assert ended.reason_parameters["filename"] == "notes.png"
    assert world.api.taken == []
    assert len(world.discord.sent) == 1


async def test_a_reference_that_discord_does_not_give_for_a_while_is_asked_for_again(world: EngineWorld) -> None:
    attached = world.attach("a.png", Unavailable("503"))
    task = await world.ask(references=(attached,))
    await world.work(3)
    assert (await world.now(task)).state is TaskState.QUEUED
    world.attachments["a.png"] = png()
    await world.work(60)
    assert (await world.now(task)).state is TaskState.CLOSED


async def test_a_reference_that_discord_never_gives_is_told(world: EngineWorld) -> None:
    task = await world.ask(references=(world.attach("a.png", Unavailable("503")),))
    await world.work(120)
    assert (await world.now(task)).reason == Reason.REFERENCE_UNFETCHABLE


async def test_a_post_that_arrived_before_its_channel_closed_is_not_told_by_another_route(world: EngineWorld) -> None:
    world.discord.lose_answers = 1
    await world.ask()
    while not world.discord.sent:
        await world.work(2)
    world.discord.closed_routes = {Route.CHANNEL}
    await world.work(60)
    assert [message.route for message in world.discord.sent] == [Route.CHANNEL]


async def test_a_post_that_arrived_stays_in_doubt_whatever_way_is_tried_meanwhile(world: EngineWorld) -> None:
    world.discord.lose_answers = 1
    task = await world.ask()
    while not world.discord.sent:
        await world.work(2)
    world.discord.closed_routes, world.discord.blind = set(Route), True
    await world.work(60)
    assert (await world.now(task)).state is TaskState.SETTLED
    world.discord.closed_routes, world.discord.blind = set(), False
    await world.work(4 * 3600)
    assert (await world.now(task)).state is TaskState.CLOSED
    assert [message.route for message in world.discord.sent] == [Route.CHANNEL]


async def test_nobody_waits_behind_somebody_elses_pile(tmp_path: Path) -> None:
    async with open_engine_world(tmp_path, max_in_flight=2) as world:
        for number in range(6):
            await world.ask(f"pile {number}", asker_id=1)
            world.clock.turn(0.01)
        await world.ask("single", asker_id=2)
        await world.work(5)
        assert {request.request.prompt for request in world.api.taken} == {"pile 0", "single"}


async def test_at_most_twenty_creates_in_eleven_seconds(world: EngineWorld) -> None:
    for number in range(50):
        await world.ask(str(number), asker_id=number)
    sent: list[int] = []
    for _ in range(35):
        before = len(world.api.taken)
        await world.engine.step()
        sent += [world.clock()] * (len(world.api.taken) - before)
        world.clock.turn(1)
    assert len(sent) == 50
    assert all(later - earlier >= 11_000 for earlier, later in zip(sent, sent[20:], strict=False))


async def test_a_hiccup_before_the_first_byte_is_not_told_as_unconfirmed(world: EngineWorld) -> None:
    deaths = Deaths()
    world.wrap = deaths.wrap
    await world.restart()
    task = await world.ask()
    begun, failures = world.engine._cards.begun, [OSError("the disk is busy")]

    async def failing(task: Task) -> tuple[Reference, ...]:
        if failures:
            raise failures.pop()
        return await begun(task)

    world.engine._cards.begun = failing  # type: ignore[method-assign]  # work that fails once
    await world.work(90)
    assert failures == []
    assert (await world.now(task)).reason is None


async def test_an_error_of_the_database_holds_no_prompt_and_no_token(world: EngineWorld) -> None:
    with pytest.raises(IntegrityError) as failed:
        await world.ask("a quiet wish", interaction_token="secret", upload_limit=None)
    assert "secret" not in str(failed.value)
    assert "quiet" not in str(failed.value)


async def test_a_create_that_was_under_way_when_the_process_died_is_unconfirmed(world: EngineWorld) -> None:
    task = await world.ask()
    prepared = await world.stores.creates.begin("dead", world.policy.creates, now=world.clock(), lease_ms=30_000)
    assert prepared is not None
    await world.restart()
    await world.work(30)
    assert (await world.now(task)).reason == Reason.UNCONFIRMED
    assert world.api.taken == []


async def test_run_does_the_same_by_itself_and_stops_when_told(world: EngineWorld) -> None:
    world.api.seconds = 0
    running = asyncio.create_task(world.engine.run())
    task = await world.ask()
    while world.discord.removed != [task.id]:
        await asyncio.sleep(0)
        world.clock.turn(0.1)
    world.engine.stop()
    await running
    assert len(world.discord.sent) == 1


@pytest.mark.parametrize(
    ("store", "call", "line"),
    [
        ("claims", "claim", "claiming due tasks failed"),
        ("due_work", "look", "claiming due tasks failed"),
        ("claims", "uncount_attempts", "uncounting attempts failed"),
        ("erasures", "sweep", "periodic job failed"),
    ],
)
async def test_run_goes_on_after_an_error_of_the_database(world: EngineWorld, store: str, call: str, line: str) -> None:
    async def fails() -> None:
        raise OSError("the disk is busy")

    failing = Meanwhile(getattr(world.stores, store), call, fails)
    await world.restart_with(failing)
    world.api.seconds = 0
    with capture_logs() as logged:
        running = asyncio.create_task(world.engine.run())
        task = await world.ask()
        while world.discord.removed != [task.id] and not running.done():
            await asyncio.sleep(0)
            world.clock.turn(0.1)
            world.engine._tasks.wake()
        world.engine.stop()
        await running
    assert len(world.discord.sent) == 1
    assert failing.times == 0
    assert [entry["log_level"] for entry in logged if entry["event"].startswith(line)] == ["error"]


async def test_the_address_of_an_original_is_asked_of_the_image_api(world: EngineWorld) -> None:
    task = await world.ask()
    (picture_less, link) = await world.now(task), world.engine.original_link
    assert await link(picture_less, Picture(task_id=task.id, position=0, url="https://results.test/1.png")) is None
    await world.work(60)
    made, (picture,) = await world.now(task), await world.stores.pictures.of_task(task.id)
    assert await link(made, picture) == f"{picture.url}?link-of={made.job_id}"
    world.api.next_link = [Refused(422, "gone"), AccountRefused(401, "key", Reason.ACCOUNT_KEY), Unavailable("503")]
    assert await link(made, picture) is None
    for error in (AccountRefused, Unavailable):
        with pytest.raises(error):
            await link(made, picture)


async def test_a_stop_right_before_a_look_does_not_wait_for_the_next_one(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stops() -> None:
        world.engine.stop()

    monkeypatch.setattr(due_tasks, "IDLE_SECONDS", 600.0)
    monkeypatch.setattr(world.engine.requests, "quiet", stops)
    async with asyncio.timeout(30):
        await world.engine.run()


async def test_stopping_lets_a_create_and_the_write_behind_it_finish(world: EngineWorld) -> None:
    begun, answer = asyncio.Event(), asyncio.Event()
    create = world.api.create

    async def slow(request: object) -> str:
        begun.set()
        await answer.wait()
        return await create(request)  # type: ignore[arg-type]  # the argument is passed on unchanged

    world.api.create = slow  # type: ignore[method-assign]  # a slow create
    running = asyncio.create_task(world.engine.run())
    task = await world.ask()
    await begun.wait()
    world.engine.stop()
    await asyncio.sleep(0)
    assert not running.done()
    answer.set()
    await running
    assert (await world.now(task)).state is TaskState.GENERATING


async def test_a_copy_that_cannot_be_removed_keeps_no_other(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await world.ask(references=(world.attach("a.png", png()),))
    await world.work(60)
    delete = world.picture_store.delete

    async def deleted(key: str) -> None:
        if key.startswith("references/"):
            raise PermissionError(key)
        await delete(key)

    monkeypatch.setattr(world.picture_store, "delete", deleted)
    sweep = Retention(stores=world.stores, picture_store=world.picture_store, keep=timedelta(days=1), clock=world.clock)
    world.clock.turn(2 * DAY)
    assert await sweep.sweep() == 1
    assert (await world.stores.references.of_task(first.id))[0].key is not None


async def test_copies_that_cannot_be_removed_are_tried_once_in_a_sweep_and_keep_no_younger_ones(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        await world.ask()
        await world.work(60)
    oldest = [task.id for task in await world.stores.tasks.of_user(7)][-2:]
    delete, tried = world.picture_store.delete, list[str]()

    async def deleted(key: str) -> None:
        tried.append(key)
        if any(task_id in key for task_id in oldest):
            raise PermissionError(key)
        await delete(key)

    monkeypatch.setattr(world.picture_store, "delete", deleted)
    monkeypatch.setattr(retention, "AT_ONCE", 1)
    sweep = Retention(stores=world.stores, picture_store=world.picture_store, keep=timedelta(days=1), clock=world.clock)
    world.clock.turn(2 * DAY)
    with capture_logs() as logged:
        assert await sweep.sweep() == 1
    assert len(tried) == 3
    assert [entry["copies"] for entry in logged if entry["log_level"] == "error"] == [2]


async def test_old_copies_are_swept_and_the_rows_stay(tmp_path: Path) -> None:
    async with open_engine_world(tmp_path) as world:
        task = await world.ask(references=(world.attach("a.png", png()),))
        await world.work(60)
        sweep = Retention(
            stores=world.stores, picture_store=world.picture_store, keep=timedelta(days=90), clock=world.clock
        )
        assert await sweep.sweep() == 0
        assert await world.picture_store.used_bytes() > 0
        world.clock.turn(91 * DAY)
        assert await sweep.sweep() == 2
        assert await world.picture_store.used_bytes() == 0
        assert (await world.now(task)).state is TaskState.CLOSED


async def _fails(world: EngineWorld, task: Task) -> bool:
    return (await world.now(task)).failures > 0


async def _is_prepared(world: EngineWorld, task: Task) -> bool:
    return (await world.now(task)).prepared_at is not None


def _with_a_transparent_hole(world: EngineWorld) -> tuple[NewReference, NewReference]:
    photo, _ = _photo_and_mask()
    mask, hole = Image.new("RGBA", (64, 64), "black"), io.BytesIO()
    mask.paste((255, 0, 0, 0), (16, 16, 48, 48))
    mask.save(hole, "PNG")
    return world.attach("a.jpg", photo), world.attach("m.png", hole.getvalue(), ReferenceKind.MASK)


def _photo_and_mask() -> tuple[bytes, bytes]:
    photo, mask = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (64, 64), "navy").save(photo, "JPEG")
    drawn = Image.new("L", (64, 64), 255)
    ImageDraw.Draw(drawn).rectangle((16, 16, 48, 48), fill=0)
    drawn.save(mask, "PNG")
    return photo.getvalue(), mask.getvalue()


async def test_work_begins_only_once_the_responses_that_are_being_made_are_sent(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.engine.intake.requests.QUIET_SECONDS", 1000.0)
    async with running(world):
        with world.engine.requests.answering(), world.engine.requests.answering():
            task = await world.ask()
            for _ in range(3):
                await world.stores.claims.renew("nobody", [task.id], until=0)
            assert ((await world.now(task)).owner, world.api.created) == (None, [])
        await eventually(lambda: _is_created(world))


async def test_work_begins_also_while_responses_are_being_made_all_the_time(world: EngineWorld) -> None:
    async with running(world):
        with world.engine.requests.answering():
            await world.ask()
            await eventually(lambda: _is_created(world))


@asynccontextmanager
async def running(world: EngineWorld) -> AsyncIterator[None]:
    work = asyncio.create_task(world.engine.run())
    try:
        yield
    finally:
        world.engine.stop()
        await work


async def _is_created(world: EngineWorld) -> bool:
    return bool(world.api.created)


async def test_tasks_that_a_claim_had_no_room_for_are_claimed_although_steps_end_during_the_next_claim(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four tasks are due, and two may be advanced at once. The first step ends before the second claim, and the second
    step during it."""
    world.api.seconds = 3600
    tasks = [await world.ask() for _ in range(4)]
    while [(await world.now(task)).state for task in tasks] != [TaskState.GENERATING] * 4:
        await world.work(1)
    world.clock.turn(600)
    before = len(world.api.asked)
    answers = [asyncio.Event() for _ in tasks]
    for constant, value in (("PUSHES_AT_ONCE", 2), ("IDLE_SECONDS", 600.0), ("BUSY_SECONDS", 600.0)):
        monkeypatch.setattr(due_tasks, constant, value)
    record, claims = world.api.record, 0

    async def slow(job_id: str, form: str = "") -> Record:
        said = await record(job_id, form)
        await answers[len(world.api.asked) - before - 1].wait()
        return said

    async def claimed() -> None:
        nonlocal claims
        claims += 1
        if claims == 1:
            answers[0].set()
        if claims == 2:
            for answer in answers:
                answer.set()
            await eventually(no_step_runs)

    async def no_step_runs() -> bool:
        return not world.engine._tasks._busy

    async def all_are_polled() -> bool:
        return len(world.api.asked) - before == 4

    world.api.record = slow  # type: ignore[method-assign]  # slow answers
    await world.restart_with(Meanwhile(world.stores.claims, "claim", claimed, times=9))
    running = asyncio.create_task(world.engine.run())
    await eventually(all_are_polled)
    world.engine.stop()
    await running


async def test_a_task_that_becomes_due_when_a_create_took_the_last_room_is_claimed_when_a_step_ends(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two tasks may be advanced at once: one is polled, and one is created. The third is due a second later."""
    world.api.seconds = 3600
    polled, later = [await world.ask() for _ in range(2)]
    while [(await world.now(task)).state for task in (polled, later)] != [TaskState.GENERATING] * 2:
        await world.work(1)
    world.clock.turn(600)
    await world.stores.tasks.change(await world.now(later), due_at=world.clock() + 1000)
    created = await world.ask()
    await world.stores.tasks.change(created, prepared_at=world.clock())
    for constant, value in (("PUSHES_AT_ONCE", 2), ("IDLE_SECONDS", 600.0), ("BUSY_SECONDS", 600.0)):
        monkeypatch.setattr(due_tasks, constant, value)
    before, answers = len(world.api.asked), asyncio.Event()
    for name in ("record", "create"):
        monkeypatch.setattr(world.api, name, _after(answers, getattr(world.api, name)))
    tasks = world.engine._tasks
    await tasks.start_due()
    assert len(tasks.steps) == 2
    world.clock.turn(2)
    await tasks.start_due()
    answers.set()
    await asyncio.gather(*tasks.steps)
    assert tasks._woken.is_set()
    await tasks.start_due()
    await asyncio.gather(*tasks.steps)
    assert len(world.api.asked) - before == 2


def _after(event: asyncio.Event, call: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    async def after(*args: object, **kwargs: object) -> object:
        await event.wait()
        return await call(*args, **kwargs)

    return after
