"""
The sandbox's web page, which is simcord's: kept up to date, with the time of day, and with clicks that are not lost.

simcord's own page refuses a click that was made before its latest refresh, counts the memory of all pictures against
128 MiB, has a clock that does not move, closes a select that it has just opened (opening draws all messages again, and
the page scrolls until their pictures have their height), ignores the choice of the option that was chosen before,
and offers no choices for an option in which nothing is typed.
`docs/sandbox.md` says what cannot be changed from here.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

import structlog
from aiohttp import web
from simcord import Env, HttpLogEntry, SetupError
from simcord.preview import Preview, _actions
from simcord.preview._media import MediaInfo, MediaWorker
from simcord.preview._server import PreviewServer

from sandbox.world import Place

LOOK_SECONDS: Final = 0.25
GATHER_SECONDS: Final = 2.0
"""Card changes are collected for this long, because each refresh draws the whole page."""
OUTCOME_SECONDS: Final = 0.2
"""Delay between a result and the refresh, so that the same refresh shows the removal of its card."""
PICTURE_BYTES: Final = 2**30
"""Bytes of pictures that the page holds; simcord's own 128 MiB are used up by 45 pictures."""

MENDED: Final = {
    'if (!state.ready && state.scrollIntent?.policy === "target") return;': "if (!state.ready) return;",
    "cancelDropdown(wrap.dataset.controlKey);\n        continue;": "continue;",
    "!state.modalDrafts.has(key) && changed": "!state.modalDrafts.has(key) && (changed || !dropdown.multi)",
    'const current = String(field.value || "");': (
        'const current = String(field.value || "");\n            queryAutocomplete(option, current);'
    ),
}
"""Statements of simcord's scripts, and what replaces each: while messages are drawn, the place to scroll to is not
changed; a select that is out of view for a moment stays open; the same option can be chosen again; an option without a
value is offered choices too."""

log = structlog.get_logger(__name__)

_served, _validate = PreviewServer._static, MediaWorker.validate
_validated: dict[tuple[bytes, float | None], MediaInfo] = {}


def open_page(env: Env, place: Place, *, port: int) -> AbstractAsyncContextManager[Preview]:
    """Open the page on `place`. Clicks count although the page was refreshed in between."""
    specs = {kind: replace(spec, revision_bound=False) for kind, spec in _actions.ACTION_SPECS.items()}
    _actions.ACTION_SPECS = MappingProxyType(specs)
    Preview._MAX_MEDIA_BYTES = PICTURE_BYTES
    MediaWorker.validate = validate_once  # type: ignore[assignment, method-assign]
    PreviewServer._static = _mended  # type: ignore[assignment, method-assign]  # simcord offers no setting for it
    return env.preview(place.channel, viewers=place.viewers, layout="channel", port=port)


async def validate_once(worker: MediaWorker, key: str, blob: bytes, *, media_time: float | None = None) -> MediaInfo:
    """Return what is known of the same bytes: simcord starts a process for each picture each time a page is opened."""
    same = (hashlib.sha256(blob).digest(), media_time)
    if same not in _validated:
        _validated[same] = await _validate(worker, key, blob, media_time=media_time)
    return _validated[same]


async def _mended(server: PreviewServer, request: web.Request) -> web.Response:
    response: web.Response = await _served(server, request)
    if request.path.endswith(".js") and response.text is not None:
        for statement, mended in MENDED.items():
            response.text = response.text.replace(statement, mended)
    return response


def set_clock(env: Env) -> None:
    """Turn simcord's clock to the time of day: messages, timestamps and tokens then have the age that people see."""
    env.backend.advance_clock(max(0.0, (datetime.now(UTC) - env.now()).total_seconds()))


async def keep_fresh(env: Env, preview: Preview) -> None:
    """Refresh the page after the engine's background changes: soon for results, less often for cards."""
    seen = looked_at = len(env.http_requests)
    refreshed_at = 0.0
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        set_clock(env)
        if any(entry.path.endswith("/callback") for entry in env.http_requests[looked_at:]):
            refreshed_at = time.monotonic()  # a person is clicking: delay the next card refresh
        looked_at = len(env.http_requests)
        news = [entry for entry in env.http_requests[seen:] if _changes_messages(entry)]
        if any(_is_outcome(entry) for entry in news):
            await asyncio.sleep(OUTCOME_SECONDS)
        elif not news or time.monotonic() - refreshed_at < GATHER_SECONDS:
            continue
        counted = len(env.http_requests)
        if await _refresh(preview):
            seen, refreshed_at = counted, time.monotonic()


def _changes_messages(entry: HttpLogEntry) -> bool:
    """
    Return whether a request changed messages. An interaction response needs no refresh: the page shows it by itself.
    """
    return entry.method != "GET" and ("/messages" in entry.path)


def _is_outcome(entry: HttpLogEntry) -> bool:
    return entry.method in {"POST", "DELETE"}


async def _refresh(preview: Preview) -> bool:
    try:
        await preview.refresh()
    except (SetupError, TimeoutError) as error:
        log.debug("page refresh skipped: page is busy, will retry", error=str(error))
        return False
    return True
