"""Between them, `make test` and `make sweep` run every case of every test."""

from __future__ import annotations

import subprocess
import sys

import pytest


def _collected(*options: str, seed: int) -> list[str]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0", *options]
    command += ["-p", "no:cacheprovider", f"--randomly-seed={seed}", "tests/ui/test_hostile_values.py"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 -- our own command
    return [line for line in output.splitlines() if "::" in line]


@pytest.mark.sweep
def test_a_case_that_is_left_out_of_make_test_runs_with_make_sweep_in_whatever_order() -> None:
    quick, long = _collected("-m", "not sweep", seed=1), _collected("-m", "sweep", seed=2)
    assert len(quick) > 5
    assert sorted(quick + long) == sorted(_collected(seed=3))
