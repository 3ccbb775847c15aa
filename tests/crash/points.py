"""Where the process is struck: at a moment of one of its requests, as the servers see it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from storage.catalogue import MODELS, WireForm
from tests.wire.traps import Moment


class Server(StrEnum):
    DISCORD = "discord"
    IMAGE_API = "image api"


class Blow(StrEnum):
    KILL = "kill -9"
    TERMINATE = "SIGTERM"
    GATEWAY = "gateway"
    """The connection is dropped, or Discord sends op 7 (reconnect) or op 9 (invalid session)."""
    BREAK = "no answer"
    """The request takes effect, but the response is a broken connection, or a 502 from Discord."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    name: str
    server: Server
    route: str
    moment: Moment
    first: int = 0
    """How many of these requests pass first."""
    succeeded: bool | None = None
    """For polls: strike only polls of a task that has succeeded (True) or still runs (False)."""
    upload: bool = False
    """References go through the image API's upload."""
    parts: bool = False
    """The outcome is so large that it needs two messages."""
    seconds: float = 1.0
    """Seconds that the image API takes."""
    blind: bool = False
    """
    From this request on the bot may not read the channel's history, so only the nonce can tell whether a message was
    posted.
    """
    late: float = 0.0
    """Seconds between the moment and the blow; until the blow the response is stored."""
    called_back: bool = False
    """The image API sends callbacks, which resolve an unconfirmed create."""
    several: bool = False
    """The task wants four pictures of a model that makes one per create."""


Request: TypeAlias = dict[str, object]

POLLED_BEFORE = 25.0
"""Seconds; a bot without history polls for the first time after about 18."""
CALLED_BACK_AFTER = 8.0
"""
Seconds; a killed bot has restarted before this. Without callbacks an unconfirmed create would stay so for 10 minutes.
"""

ASKED: Request = {"server": Server.DISCORD, "route": "POST */interactions/*/callback"}
ATTACHED: Request = {"server": Server.DISCORD, "route": "GET /ephemeral-attachments/*"}
UPLOADED: Request = {"server": Server.IMAGE_API, "route": "POST */file-stream-upload", "upload": True}
EDITED: Request = {"server": Server.DISCORD, "route": "PATCH */channels/*/messages/*"}
CREATED: Request = {"server": Server.IMAGE_API, "route": "POST */gpt4o-image/generate"}
POLLED: Request = {"server": Server.IMAGE_API, "route": "GET */gpt4o-image/record-info"}
RESULTS: Final = ("/s/", "/r/", "/na2/", "/images/")
"""Folders of the results of 4o, Flux Kontext and GPT Image."""
FETCHED: Request = {"server": Server.IMAGE_API, "route": "GET /[srni]*/*"}
POSTED: Request = {"server": Server.DISCORD, "route": "POST */channels/*/messages"}
DELETED: Request = {"server": Server.DISCORD, "route": "DELETE */channels/*/messages/*"}
BEFORE_CREATE = [request["route"] for request in (ASKED, ATTACHED, UPLOADED)]
AFTER_CREATE = [request["route"] for request in (POLLED, FETCHED, POSTED, DELETED)]
ROUTES: dict[WireForm, dict[object, str]] = {
    WireForm.FOUR_O: {},
    WireForm.FLUX: {
        CREATED["route"]: "POST */flux/kontext/generate",
        POLLED["route"]: "GET */flux/kontext/record-info",
    },
    WireForm.JOBS: {CREATED["route"]: "POST */jobs/createTask", POLLED["route"]: "GET */jobs/recordInfo"},
}
"""The routes of the other forms, by that of 4o's own."""


def _at(name: str, moment: Moment, request: Request, **more: object) -> Point:
    return Point(name=name, moment=moment, **(request | more))  # type: ignore[arg-type]  # the values come from the constants above


POINTS = (
    _at("command stored, not acknowledged", Moment.RECEIVED, ASKED),
    _at("command acknowledged, no answer yet", Moment.DONE, ASKED),
    _at("command acknowledged", Moment.ANSWERED, ASKED),
    _at("attachment half fetched", Moment.HALF, ATTACHED),
    _at("attachment fetched", Moment.ANSWERED, ATTACHED),
    _at("reference being uploaded", Moment.RECEIVED, UPLOADED),
    _at("reference uploaded, no answer yet", Moment.DONE, UPLOADED),
    _at("card being edited", Moment.RECEIVED, EDITED),
    _at("card edited, no answer yet", Moment.DONE, EDITED),
    _at("card edited", Moment.ANSWERED, EDITED),
    _at("create in flight", Moment.RECEIVED, CREATED),
    _at("create taken, no answer yet", Moment.DONE, CREATED),
    _at("create answered", Moment.ANSWERED, CREATED),
    _at("create answered a second ago", Moment.ANSWERED, CREATED, late=1.0, seconds=CALLED_BACK_AFTER),
    _at("create taken, called back later", Moment.DONE, CREATED, called_back=True, seconds=CALLED_BACK_AFTER),
    _at("second create in flight", Moment.RECEIVED, CREATED, several=True, first=1),
    _at("second create taken, no answer yet", Moment.DONE, CREATED, several=True, first=1),
    _at("second create answered", Moment.ANSWERED, CREATED, several=True, first=1),
    _at("third create taken, no answer yet", Moment.DONE, CREATED, several=True, first=2),
    _at("third create answered", Moment.ANSWERED, CREATED, several=True, first=2),
    _at("last create in flight", Moment.RECEIVED, CREATED, several=True, first=3),
    _at("last create answered", Moment.ANSWERED, CREATED, several=True, first=3),
    _at(
        "third create taken, called back later",
        Moment.DONE,
        CREATED,
        several=True,
        first=2,
        called_back=True,
        seconds=CALLED_BACK_AFTER,
    ),
    _at("poll in flight", Moment.RECEIVED, POLLED, succeeded=False, seconds=POLLED_BEFORE),
    _at("poll answered: running", Moment.ANSWERED, POLLED, succeeded=False, seconds=POLLED_BEFORE),
    _at("success not yet answered", Moment.DONE, POLLED, succeeded=True),
    _at("success known", Moment.ANSWERED, POLLED, succeeded=True),
    _at("picture being fetched", Moment.RECEIVED, FETCHED),
    _at("picture half fetched", Moment.HALF, FETCHED),
    _at("picture fetched", Moment.ANSWERED, FETCHED),
    _at("message in flight", Moment.RECEIVED, POSTED),
    _at("message received, no answer yet", Moment.DONE, POSTED),
    _at("message received, history hidden", Moment.DONE, POSTED, blind=True),
    _at("message answered", Moment.ANSWERED, POSTED),
    _at("first part answered", Moment.ANSWERED, POSTED, parts=True),
    _at("second part in flight", Moment.RECEIVED, POSTED, parts=True, first=1),
    _at("second part received, no answer yet", Moment.DONE, POSTED, parts=True, first=1),
    _at("card being deleted", Moment.RECEIVED, DELETED),
    _at("card deleted, no answer yet", Moment.DONE, DELETED),
    _at("card deleted", Moment.ANSWERED, DELETED),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    point: Point
    blow: Blow
    tasks: int
    seed: int
    model: str = "4o"
    """Key of the model that the tasks ask for."""

    @property
    def route(self) -> str:
        """The route of the point, in the form of the model."""
        return ROUTES[MODELS[self.model].form].get(self.point.route, self.point.route)

    @property
    def again(self) -> bool:
        """
        Whether to strike a second time during recovery: every other seed, unless a process must be running for the
        callback.
        """
        return self.blow is Blow.KILL and self.seed % 2 == 1 and not self.point.called_back

    @property
    def seconds(self) -> float:
        """How long the image API takes."""
        windows_apart = self.callbacks and self.tasks > 1
        return max(self.point.seconds, CALLED_BACK_AFTER) if windows_apart else self.point.seconds

    @property
    def discord_is_down(self) -> bool:
        """Whether Discord is down when the next process starts."""
        return self.blow is Blow.KILL and self.seed % 5 == 4

    @property
    def callbacks(self) -> bool:
        """
        Whether the image API sends callbacks. Some seeds also use callbacks where no create can be unconfirmed (which
        would wait for ten minutes), so that outcomes are also noticed in this way.
        """
        return self.point.called_back or (self.seed % 4 == 2 and self._undoubted)

    @property
    def _undoubted(self) -> bool:
        """Whether every create was answered, or, with a single task, none can have begun."""
        point = self.point
        if point.route in AFTER_CREATE:
            return self.tasks == 1 or point.succeeded is not False
        begun = point.route not in BEFORE_CREATE or point.moment in (Moment.DONE, Moment.ANSWERED)
        return self.tasks == 1 and not begun


def fits(point: Point, blow: Blow, tasks: int, model: str) -> bool:
    """Return whether a blow applies: large outcomes, several creates, and blows that do not kill, are tried with one
    task only; several creates only with a model that makes one picture per create."""
    if point.several and (tasks > 1 or MODELS[model].variants_field):
        return False
    if tasks > 1:
        return blow is Blow.KILL and not (point.parts or point.blind or point.called_back)
    return blow is not Blow.BREAK or point.moment is Moment.DONE
