"""The process that `benchmarks.hostile` measures: one user's hostile files, and another user's photo."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import structlog

from bot.engine.work.picture_work import PictureWork, Requester, WorkPriority
from bot.engine.work.thumbnails import StoredCopy, Thumbnails
from bot.errors import BadReference
from bot.imaging.processes import WorkerProcesses
from bot.process.malloc import give_back_what_is_freed
from storage.pictures import PictureStore
from tests.imaging.picture_files import file_of, painted

FILES: Final = 2
PHOTO_EVERY: Final = 0.1
ATTACKER, OTHER = 1, 2


async def main(file: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    give_back_what_is_freed()
    photo, answer, waits = file_of(painted(96, 64)), "", [0.0]
    with tempfile.TemporaryDirectory() as folder:
        async with WorkerProcesses.open() as children:
            work = PictureWork(children)
            thumbnails = Thumbnails(PictureStore.open(folder), work)
            print("idle", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
            attack = asyncio.create_task(_attack(work, thumbnails, PictureStore.open(folder), file))
            while not attack.done():
                began = time.perf_counter()
                await work.plain_copy(photo, "photo.png", Requester(OTHER, WorkPriority.REQUEST))
                await work.thumbnail(photo, Requester(OTHER, WorkPriority.BROWSING))
                waits.append(time.perf_counter() - began)
                await asyncio.wait({attack}, timeout=PHOTO_EVERY)
            answer = await attack
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(each.ru_utime + each.ru_stime for each in spent)
    print(json.dumps({"cpu": cpu, "photo": max(waits), "answer": answer}), flush=True)
    sys.stdin.read()


async def _attack(work: PictureWork, thumbnails: Thumbnails, picture_store: PictureStore, file: str) -> str:
    """Copy and store the file several times at once, then make thumbnails of the accepted copies."""
    answers = await asyncio.gather(*[_saved(work, picture_store, file, f"sets/1/{number}") for number in range(FILES)])
    kept = [StoredCopy(f"sets/1/{number}", None) for number, answer in enumerate(answers) if answer == "accepted"]
    await thumbnails.strip(kept, Requester(ATTACKER, WorkPriority.BROWSING))
    return answers[0]


async def _saved(work: PictureWork, picture_store: PictureStore, file: str, key: str) -> str:
    requester = Requester(ATTACKER, WorkPriority.REQUEST)
    async with work.holding(await asyncio.to_thread(os.path.getsize, file), requester):
        data = await asyncio.to_thread(Path(file).read_bytes)
        try:
            made = await work.plain_copy(data, "picture", requester)
        except BadReference as refused:
            return refused.reason.value
        await picture_store.put(key, made.data)
        return "accepted"


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
