"""The loader against a model in plain Python, one row at a time."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tocsin.model import Interval
from tocsin.sources import LoadSpec, MetricLoader

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.abc import ColumnSource
    from tocsin.sources import LoadResult

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEP = 10_000
_CELLS: list[Any] = [None, "", "x", "inf", "-3", "7", 2, 5.0, float("nan"), True]

Row = tuple[int | None, Any, str]
rows_of_source = st.lists(
    st.tuples(
        st.integers(-8 * _STEP, 8 * _STEP) | st.integers(-8, 8).map(lambda k: k * _STEP // 2) | st.none(),
        st.sampled_from(_CELLS),
        st.sampled_from(["a", "b", "c"]),
    ),
    max_size=40,
)
aligns = st.sampled_from(["floor", "nearest"])
aggregates = st.sampled_from(["last", "mean", "sum", "min", "max", "count"])
anchors = st.integers(-3 * _STEP, 3 * _STEP)


def instant(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def read_all(
    source_of: Callable[..., ColumnSource],
    rows: list[Row],
    *,
    start: int | None,
    end: int | None,
    **keys: Any,
) -> LoadResult:
    source = source_of(
        timestamp=[None if time is None else instant(time) for time, _, _ in rows],
        value=[cell for _, cell, _ in rows],
        key=[key for _, _, key in rows],
    )
    spec = LoadSpec("m", "", Interval(_STEP // 1000), **{**keys, "anchor": instant(keys["anchor"])})
    return MetricLoader(source, spec).read(
        None if start is None else instant(start), None if end is None else instant(end)
    )


@dataclass
class Slot:
    """What the model knows of a slot."""

    accepted: list[tuple[int, float | None]] = field(default_factory=list)
    rejected: int = 0

    def value(self, aggregate: str) -> float | None:
        known = [value for _, value in self.accepted if value is not None]
        if aggregate == "count":
            return float(len(known)) if self.accepted else None
        if aggregate == "last":
            return (
                max(enumerate(self.accepted), key=lambda one: (one[1][0], one[0]))[1][1]
                if self.accepted
                else None
            )
        if not known:
            return None
        return {"mean": sum(known) / len(known), "sum": sum(known), "min": min(known), "max": max(known)}[
            aggregate
        ]


def number(cell: Any) -> float | None:
    value = float(cell) if cell not in (None, "") else math.nan
    return value if math.isfinite(value) else None


def model(
    rows: list[Row], *, start: int | None, end: int | None, anchor: int, align: str
) -> dict[str, dict[int, Slot]]:
    found: dict[str, dict[int, Slot]] = defaultdict(lambda: defaultdict(Slot))
    for time, cell, key in rows:
        if time is None:
            continue
        shift = _STEP // 2 if align == "nearest" else 0
        slot = anchor + math.floor((time + shift - anchor) / _STEP) * _STEP
        if (start is not None and slot < start) or (end is not None and slot + _STEP > end):
            continue
        if cell == "x":
            found[key][slot].rejected += 1
        else:
            found[key][slot].accepted.append((time, number(cell)))
    return found


@given(
    rows=rows_of_source,
    start=st.none() | st.integers(-60_000, 60_000),
    end=st.none() | st.integers(-60_000, 90_000),
    anchor=anchors,
    align=aligns,
    aggregate=aggregates,
)
def test_every_slot_is_what_the_model_says(
    source_of: Callable[..., ColumnSource],
    rows: list[Row],
    start: int | None,
    end: int | None,
    anchor: int,
    align: str,
    aggregate: str,
) -> None:
    result = read_all(
        source_of,
        rows,
        start=start,
        end=end,
        anchor=anchor,
        align=align,
        aggregate=aggregate,
        dimension="key",
    )

    expected = model(rows, start=start, end=end, anchor=anchor, align=align)
    assert [one.name for one in result.series] == [f"m{{key={key}}}" for key in sorted(expected)]
    last = max((slot for slots in expected.values() for slot in slots), default=None)
    for one in result.series:
        slots = expected[one.name[len("m{key=") : -1]]
        times = one.data["timestamp"].astype(np.int64).tolist()
        upper = end if end is not None else (last or 0) + _STEP
        assert times == [slot for slot in range(min(slots), upper, _STEP) if slot + _STEP <= upper]
        for place, time in enumerate(times):
            slot = slots.get(time, Slot())
            value = float(one.data["value"][place])
            assert (None if math.isnan(value) else value) == slot.value(aggregate)
            assert one.rows[place] == len(slot.accepted)
            assert one.merged[place] == max(len(slot.accepted) - 1, 0)
            assert one.rejected[place] == slot.rejected
    assert result.unplaced == sum(time is None for time, _, _ in rows)


@given(rows=rows_of_source, anchor=anchors, align=aligns, start=st.none() | st.integers(-60_000, 60_000))
def test_every_row_is_stored_merged_rejected_or_outside(
    source_of: Callable[..., ColumnSource], rows: list[Row], anchor: int, align: str, start: int | None
) -> None:
    result = read_all(source_of, rows, start=start, end=None, anchor=anchor, align=align)

    counted = result.rows_stored + result.rows_merged + result.rows_rejected
    assert result.rows_read == len(rows) == counted + result.rows_ignored
    if start is None:
        assert result.rows_ignored == 0
    assert len(result.rejected) == result.rows_rejected


@given(
    rows=rows_of_source,
    anchor=anchors,
    align=aligns,
    aggregate=aggregates,
    cuts=st.lists(st.integers(-9, 9), max_size=5),
)
def test_windows_give_what_one_reading_gives(
    source_of: Callable[..., ColumnSource],
    rows: list[Row],
    anchor: int,
    align: str,
    aggregate: str,
    cuts: list[int],
) -> None:
    phase = anchor % _STEP
    edges = [phase + cut * _STEP for cut in sorted({-10, 10, *cuts})]
    keys = {"anchor": anchor, "align": align, "aggregate": aggregate}

    whole = read_all(source_of, rows, start=edges[0], end=edges[-1], **keys).series[0]
    parts = [
        read_all(source_of, rows, start=begin, end=end, **keys).series[0] for begin, end in pairwise(edges)
    ]

    for column in ("timestamp", "value", "seasonality_data"):
        np.testing.assert_array_equal(
            whole.data[column], np.concatenate([part.data[column] for part in parts])
        )
    for count in ("rows", "merged", "rejected"):
        np.testing.assert_array_equal(
            getattr(whole, count), np.concatenate([getattr(part, count) for part in parts])
        )


@given(rows=rows_of_source.filter(bool), data=st.data())
def test_the_order_of_rows_matters_only_within_one_instant(
    source_of: Callable[..., ColumnSource], rows: list[Row], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(rows))))
    # Rows of one instant keep their order; everything else may be shuffled.
    stable = sorted(range(len(rows)), key=lambda place: rows[place][0] or 0)
    by_time: dict[int | None, list[Row]] = defaultdict(list)
    for place in stable:
        by_time[rows[place][0]].append(rows[place])
    shuffled = [by_time[rows[place][0]].pop(0) for place in order]
    keys: dict[str, Any] = {"start": None, "end": None, "anchor": 0, "dimension": "key"}

    one, other = read_all(source_of, rows, **keys), read_all(source_of, shuffled, **keys)

    assert [series.name for series in one.series] == [series.name for series in other.series]
    for left, right in zip(one.series, other.series, strict=True):
        np.testing.assert_array_equal(left.data["value"], right.data["value"])
        np.testing.assert_array_equal(left.rows, right.rows)
