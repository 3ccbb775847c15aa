"""DBOS Transact with all polls of a task in one step."""

from __future__ import annotations

from functools import partial

from benchmarks.engines import dbos_engine

prepare = dbos_engine.prepare
carrier = partial(dbos_engine.carrier, polls_in_one_step=True)
