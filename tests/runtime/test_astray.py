"""A row that a typing error puts far ahead of the clock does not end a series there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.runtime.conftest import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SteppingClock

_STEP = timedelta(minutes=10)
_NOTE = "rows at 2226-03-01 12:00:00 UTC and later lie far ahead of the clock, and are left out until then"
_FAR = (datetime(2226, 3, 1, 12, tzinfo=UTC), 1.0)


def _rows(end: datetime, count: int) -> list[tuple[datetime, float]]:
    """Give rows every ten minutes, the last one at `end`."""
    return [(end - _STEP * n, float(n % 7)) for n in reversed(range(count))]


def _project(folder: Path, clock: SteppingClock, rows: list[tuple[datetime, float]]) -> Workspace:
    workspace = Workspace(folder, clock)
    _write(workspace, rows)
    workspace.metric("cpu")
    return workspace


def _write(workspace: Workspace, rows: list[tuple[datetime, float]]) -> None:
    workspace.csv("cpu", [(f"{time:%Y-%m-%d %H:%M:%S}", value) for time, value in rows])


@pytest.mark.parametrize("loaded_before", [True, False], ids=["in a later run", "in the first run"])
def test_a_row_of_another_century_is_left_out_and_said_and_the_series_goes_on(
    tmp_path: Path, clock: SteppingClock, *, loaded_before: bool
) -> None:
    rows = _rows(clock.now() - _STEP, 50)
    workspace = _project(tmp_path, clock, rows if loaded_before else [*rows, _FAR])
    first = workspace.run_one()
    assert (first.points_loaded, first.notes) == (50, [] if loaded_before else [_NOTE])

    clock.advance(_STEP)
    rows.append((clock.now() - _STEP, 3.0))
    _write(workspace, [*rows, _FAR])
    second = workspace.run_one()

    assert (second.points_loaded, second.notes) == (1, [_NOTE])
    assert len(workspace.slots()) == 51


def test_rows_ahead_of_the_clock_that_follow_each_other_are_loaded_whole(
    tmp_path: Path, clock: SteppingClock
) -> None:
    rows = _rows(clock.now() + timedelta(days=3), 600)
    workspace = _project(tmp_path, clock, rows)

    assert workspace.run_one().points_loaded == 600
    _write(workspace, [*rows, (rows[-1][0] + timedelta(hours=20), 1.0)])
    report = workspace.run_one()

    assert (report.points_loaded, report.notes) == (120, [])


def test_a_series_that_begins_ahead_of_the_clock_may_have_pauses(
    tmp_path: Path, clock: SteppingClock
) -> None:
    rows = _rows(clock.now() + timedelta(days=400), 20)
    workspace = _project(tmp_path, clock, rows)
    workspace.run_one()
    _write(workspace, [*rows, (rows[-1][0] + timedelta(days=2), 1.0)])

    report = workspace.run_one()

    assert (report.points_loaded, report.notes) == (288, [])


def test_one_astray_series_of_a_dimension_does_not_take_the_others_along(
    tmp_path: Path, clock: SteppingClock
) -> None:
    workspace = Workspace(tmp_path, clock)
    workspace.metric("cpu", query="SELECT * FROM read_csv('cpu.csv')", dimension="host")
    rows = [(f"{time:%Y-%m-%d %H:%M:%S}", value, "a") for time, value in _rows(clock.now(), 30)]
    workspace.csv("cpu", [*rows, ("2226-03-01 12:00:00", 1, "b")], "timestamp,value,host")

    report = workspace.run_one()

    assert (report.points_loaded, report.notes) == (29, [_NOTE])
    assert {name for name, *_ in workspace.slots()} == {"cpu{host=a}"}
