"""A little of tools/kill_runs.py."""

import kill_runs
import pytest


@pytest.mark.slow
def test_killed_trainings_lose_nothing(tmp_path):
    assert kill_runs.check_training(tmp_path, 3, seed=0, epochs=2).kills


@pytest.mark.slow
def test_killed_exports_leave_nothing(tmp_path):
    assert kill_runs.check_exports(tmp_path, 3, seed=0).kills
