"""However rows arrive, each is counted once, and the result is that of one run over all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.runtime.conftest import Workspace, at

if TYPE_CHECKING:
    import pytest

    from tests.conftest import SteppingClock

Row = tuple[str, str, str]
_QUERY = "SELECT * FROM read_csv('cpu.csv', all_varchar=true)"
_FAST = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _row(slot: float, value: str, host: str) -> Row:
    return ("never" if slot < 0 else at(slot), value, host)


def rows_in(first: float, last: float) -> st.SearchStrategy[list[Row]]:
    slots = st.one_of(st.integers(int(first * 4), int(last * 4)).map(lambda n: n / 4), st.just(-1.0))
    values = st.sampled_from(["1", "2.5", "", "x", "nan", "inf", "1e308", "-0.0"])
    return st.lists(st.builds(_row, slots, values, st.sampled_from(["a", "b", "c"])), max_size=8)


@st.composite
def appends(draw: st.DrawFn, lookback: int) -> list[list[Row]]:
    """Draw batches of rows; none lies before what the next run reads again."""
    batches, newest = [], 0.0
    for _ in range(draw(st.integers(1, 5))):
        batch = draw(rows_in(max(0, int(newest) - lookback), newest + 6))
        newest = max([newest, *(_slot_of(row) for row in batch)])
        batches.append(batch)
    return batches


def _slot_of(row: Row) -> float:
    return 0.0 if row[0] == "never" else next(n / 4 for n in range(400) if at(n / 4) == row[0])


@_FAST
@given(
    data=st.data(),
    lookback=st.sampled_from([0, 3]),
    dimension=st.booleans(),
    how=st.sampled_from(["last", "sum"]),
)
def test_every_row_is_counted_once_and_the_way_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory,
    clock: SteppingClock,
    data: st.DataObject,
    lookback: int,
    dimension: bool,  # noqa: FBT001
    how: str,
) -> None:
    batches = data.draw(appends(lookback))
    keys = {"query": _QUERY, "aggregate": how, "lookback": lookback * 600}
    if dimension:
        keys["dimension"] = "host"
    keys["detectors"] = [{"type": "zscore", "params": {"window_size": 5, "min_samples": 2}}]
    often, once = (Workspace(tmp_path_factory.mktemp(name), clock) for name in ("often", "once"))
    for workspace in (often, once):
        workspace.metric("cpu", **keys)

    there: list[Row] = []
    merged = rejected = 0
    for batch in batches:
        there += batch
        often.csv("cpu", there, "timestamp,value,host")
        report = often.run_one()
        assert report.error is None
        merged, rejected = merged + report.rows_merged, rejected + report.rows_rejected
        assert sum(often.run().totals.values()) == 0
    once.csv("cpu", there, "timestamp,value,host")
    whole = once.run_one()

    assert often.slots() == once.slots()
    assert often.verdicts() == once.verdicts()
    assert (merged, rejected) == (whole.rows_merged, whole.rows_rejected)
    good = {(row[0], row[2] if dimension else "") for row in there if row[0] != "never" and row[1] != "x"}
    slots = {((_slot_of((time, "", "")) // 1), host) for time, host in good}
    assert len(slots) + merged + rejected == len(there)
