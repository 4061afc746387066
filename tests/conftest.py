"""What all tests share."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

settings.register_profile(
    "tocsin", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("tocsin")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Give the folder of the public data; CI always has it."""
    folder = Path(os.environ.get("TOCSIN_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        message = f"the public data is not at {folder}: set TOCSIN_DATA to where it is"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


class SteppingClock:
    """Tells a time that a test sets."""

    def __init__(self, now: datetime) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def advance(self, step: timedelta) -> None:
        self.time += step


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock(datetime(2026, 3, 1, 12, 0, tzinfo=UTC))
