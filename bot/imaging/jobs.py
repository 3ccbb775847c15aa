"""
Define the jobs of a child process, and the messages between bot and child: a line of JSON, then bytes.

    asked     {"work": "plain_copy", "given": {...}, "sizes": [n, ...], "memory": bytes, "seconds": s}
    answered  {"made": kind, ...}, or {"refused": kind, "reason": ..., "parameters": {...}};
              both with "grown": whether the child should be replaced, and "sizes": [n, ...]

Every answer of a child is validated, because a hostile file may have taken control of the child that decodes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import IO, Any, Final

from bot.errors import BadReference, Reason
from bot.imaging.conversion import as_png
from bot.imaging.cost import SentLimit
from bot.imaging.fitting import Fitted, fit
from bot.imaging.formats import CONTENT_TYPES, EXTENSIONS
from bot.imaging.header import MAX_EDGE
from bot.imaging.inspection import look_at_result
from bot.imaging.mask import PlainMask, inverted_mask, plain_mask
from bot.imaging.picture_info import PictureInfo, PlainCopy, Unreadable
from bot.imaging.plain import plain_copy
from bot.imaging.preview import mask_preview
from bot.imaging.thumbnails import strip, thumbnail

LONGEST_LINE: Final = 16 * 1024
SENT_TYPES: Final = frozenset({"image/jpeg", "image/png"})
MOST_ANSWERED: Final = 256 * 1024 * 1024
"""Most bytes of files in one message."""

Made = PictureInfo | PlainCopy | PlainMask | Fitted | bytes


@dataclass(frozen=True, slots=True)
class Job:
    """A call of a function of `WORK`, by its name, on one or several files."""

    work: str
    files: Sequence[bytes]
    given: Mapping[str, Any] = field(default_factory=dict)

    def do(self) -> Made:
        """Run the job in this process. Raises BadReference and Unreadable."""
        return WORK[self.work](self.files, self.given)


WORK: Final[Mapping[str, Callable[[Sequence[bytes], Mapping[str, Any]], Made]]] = {
    "plain_copy": lambda files, given: plain_copy(files[0], given["filename"], _limit(given.get("limit"))),
    "plain_mask": lambda files, given: plain_mask(files[0], given["filename"], _size(given["size"])),
    "inverted_mask": lambda files, given: inverted_mask(files[0]),
    "mask_preview": lambda files, given: mask_preview(files[0], files[1]),
    "look_at_result": lambda files, given: look_at_result(files[0]),
    "as_png": lambda files, given: as_png(files[0]),
    "thumbnail": lambda files, given: thumbnail(files[0]),
    "strip": lambda files, given: strip(files),
    "fit": lambda files, given: fit(files[0], given["limit"]),
}


_MADE: Final[Mapping[str, type[Made]]] = {
    "plain_copy": PlainCopy,
    "plain_mask": PlainMask,
    "look_at_result": PictureInfo,
    "fit": Fitted,
}
"""What the kinds of work make that do not make bytes."""


class ProtocolError(Exception):
    """The other process has ended or sent an invalid message."""


def answer_of(job: Job) -> tuple[dict[str, Any], Sequence[bytes]]:
    """Run the job and return its result, BadReference, Unreadable or MemoryError as a message: JSON values and files.
    Any other exception passes, and ends the child."""
    try:
        made = job.do()
    except (BadReference, Unreadable) as error:
        kind = "reference" if isinstance(error, BadReference) else "unreadable"
        return {"refused": kind, "reason": error.reason.value, "parameters": dict(error.parameters)}, ()
    except MemoryError:
        return {"refused": "unreadable", "reason": Reason.REFERENCE_TOO_COMPLEX.value, "parameters": {}}, ()
    if isinstance(made, bytes):
        return {"made": "bytes"}, [made]
    if isinstance(made, PictureInfo):
        return {"made": "look", **asdict(made)}, ()
    if isinstance(made, PlainCopy):
        return {"made": "plain", **asdict(made), "data": None}, [made.data]
    if isinstance(made, PlainMask):
        return {"made": "mask", "change_share": made.change_share}, [made.data]
    return {"made": "fitted", "content_type": made.content_type, "changed": made.changed}, [made.data]


def result_of(job: Job, words: Mapping[str, Any], files: Sequence[bytes]) -> Made:
    """Return the result from the answer to the job. Raises what `made_of` raises; ProtocolError also if the
    job's work makes results of another type."""
    made = made_of(words, files)
    if not isinstance(made, _MADE.get(job.work, bytes)):
        raise ProtocolError
    return made


def made_of(words: Mapping[str, Any], files: Sequence[bytes]) -> Made:
    """Return the result from an answer, or raise its error: BadReference or Unreadable. Raises ProtocolError if the
    answer is invalid."""
    try:
        if "refused" in words:
            raise _refusal(words)
        match words["made"]:
            case "bytes":
                return files[0]
            case "look":
                return _look(words)
            case "plain":
                return _plain(words, files[0])
            case "mask":
                return _mask(words, files[0])
            case "fitted":
                content_type = str(words["content_type"])
                extension, changed = EXTENSIONS[content_type], words["changed"] is True
                return Fitted(data=files[0], content_type=content_type, extension=extension, changed=changed)
        raise ProtocolError
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ProtocolError from error


def _look(words: Mapping[str, Any]) -> PictureInfo:
    content_type, width, height = words["content_type"], words["width"], words["height"]
    if content_type not in CONTENT_TYPES.values() or not _is_edge(width) or not _is_edge(height):
        raise ProtocolError
    return PictureInfo(content_type=content_type, width=width, height=height)


def _is_edge(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_EDGE


def _plain(words: Mapping[str, Any], data: bytes) -> PlainCopy:
    look = _look(words)
    if look.content_type not in SENT_TYPES:
        raise ProtocolError
    return PlainCopy(
        data=data,
        content_type=look.content_type,
        width=look.width,
        height=look.height,
        is_converted=words["is_converted"] is True,
        is_first_frame=words["is_first_frame"] is True,
        is_reduced=words["is_reduced"] is True,
        is_cut=words["is_cut"] is True,
    )


def _mask(words: Mapping[str, Any], data: bytes) -> PlainMask:
    share = words["change_share"]
    if not isinstance(share, int | float) or not 0 < share <= 1:
        raise ProtocolError
    return PlainMask(data=data, change_share=share)


def _limit(given: Sequence[int | None] | None) -> SentLimit | None:
    return None if given is None else SentLimit(given[0] or 0, given[1])


def _size(given: Sequence[int] | None) -> tuple[int, int] | None:
    return None if given is None else (given[0], given[1])


def _refusal(words: Mapping[str, Any]) -> BadReference | Unreadable:
    try:
        reason = Reason(words["reason"])
    except ValueError as error:
        raise ProtocolError from error
    parameters = {str(name): value for name, value in words["parameters"].items() if isinstance(value, str | int)}
    if words["refused"] == "reference":
        return BadReference(reason, **parameters)
    return Unreadable(reason, **parameters)


def send(pipe: IO[bytes], words: Mapping[str, Any], files: Sequence[bytes]) -> None:
    """Write a message. Raises OSError if the other process has closed the pipe."""
    pipe.write(json.dumps({**words, "sizes": [len(file) for file in files]}).encode() + b"\n")
    for file in files:
        pipe.write(file)
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Read a message. Raises ProtocolError for an invalid message, for one whose line or files exceed `LONGEST_LINE` or
    `MOST_ANSWERED`, and at the end of the pipe."""
    line = pipe.readline(LONGEST_LINE)
    try:
        words = json.loads(line)
        sizes = words["sizes"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:  # the last for deeply nested values
        raise ProtocolError from error
    if not isinstance(sizes, list) or not all(isinstance(size, int) and size >= 0 for size in sizes):
        raise ProtocolError
    if sum(sizes) > MOST_ANSWERED:
        raise ProtocolError
    files = [pipe.read(size) for size in sizes]
    if [len(file) for file in files] != sizes:
        raise ProtocolError
    return words, files
