"""Log failures of the image API that the bot does not know. A message may repeat the prompt, which is cut out of it,
apart from short passages."""

from __future__ import annotations

import re
from typing import Final

import structlog

from bot.process import counters
from storage.models import Task

TOLD_BYTES: Final = 8
"""UTF-8 bytes from which a passage of the message that is also in the prompt counts as a repetition: eight Latin
letters, three Chinese ones."""
CUT: Final = "…"
_QUOTED: Final = re.compile(
    r"\"[^\"]*(\"|$)|“[^”]*(”|$)|「[^」]*(」|$)|『[^』]*(』|$)|«[^»]*(»|$)|`[^`]*(`|$)|(?<!\w)['‘][^'’]*(['’](?!\w)|$)"
)
_NAMED: Final = re.compile(r"((?:prompt|提示词|提示詞)\s*[:：=]).*", re.IGNORECASE | re.DOTALL)

log = structlog.get_logger(__name__)


def unknown_failure(task: Task, message: str) -> None:
    """Log and count a failure whose message gives no reason that the bot knows."""
    counters.UNKNOWN_FAILURES.inc()
    words = without_prompt(message, task.prompt)
    log.warning("failure of the image API not recognised: the asker gets a general message", task=task.id, words=words)


def without_prompt(message: str, prompt: str) -> str:
    """Return the message in one line, with these parts cut out: quotations, whatever follows "prompt:", and passages
    of at least `TOLD_BYTES` that are also in the prompt, or the whole prompt if it has three letters or more."""
    line = " ".join(message.split())
    line = _without_passages(line, " ".join(prompt.split()))
    return _NAMED.sub(rf"\1 {CUT}", _QUOTED.sub(CUT, line))


def _without_passages(line: str, prompt: str) -> str:
    kept, at, haystack = list[str](), 0, prompt.lower()
    lowered = line.lower()
    if not haystack or len(lowered) != len(line):  # a letter whose lower case is longer: compare as typed
        haystack, lowered = prompt, line
    while at < len(line):
        end = _end_of_passage(lowered, at, haystack)
        if end > at:
            kept.append(CUT)
            at = end
        else:
            kept.append(line[at])
            at += 1
    return "".join(kept)


def _end_of_passage(line: str, start: int, prompt: str) -> int:
    """Return the end of the longest passage that begins at `start` and is in the prompt, or `start` if that passage is
    shorter than `TOLD_BYTES` and is not the whole prompt."""
    end = start
    while end < len(line) and line[start : end + 1] in prompt:
        end += 1
    passage = line[start:end]
    is_told = len(passage.encode()) >= TOLD_BYTES or (passage == prompt and len(passage) > 2)
    return end if is_told else start
