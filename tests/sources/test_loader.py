"""The metric loader, case by case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tocsin.errors import ConfigError, LoadError
from tocsin.model import Interval
from tocsin.sources import LoadSpec, MetricLoader

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.abc import ColumnSource
    from tocsin.sources import LoadResult

    Sources = Callable[..., ColumnSource]

HOUR = Interval.parse("1h")


def at(hour: float) -> datetime:
    return datetime(2026, 11, 30, tzinfo=UTC) + timedelta(hours=hour)


def spec(**keys: Any) -> LoadSpec:
    return LoadSpec(**{"name": "m", "query": "SELECT …", "interval": HOUR, **keys})


def hours(result: LoadResult, place: int = 0) -> list[float]:
    first = np.datetime64("2026-11-30", "ms")
    found: list[float] = ((result.series[place].data["timestamp"] - first) / np.timedelta64(1, "h")).tolist()
    return found


def values(result: LoadResult, place: int = 0) -> list[float | None]:
    column = result.series[place].data["value"]
    return [None if np.isnan(value) else float(value) for value in column]


def test_missing_slots_are_there_and_null(source_of: Sources) -> None:
    source = source_of(timestamp=[at(1), at(4)], value=[1, 4])

    data = MetricLoader(source, spec()).load(at(0), at(6))

    assert str(data["timestamp"].dtype) == "datetime64[ms]"
    np.testing.assert_array_equal(data["value"], [np.nan, 1, np.nan, np.nan, 4, np.nan])
    assert data["seasonality_data"].tolist() == ["{}"] * 6
    assert data["seasonality_columns"] == []


def test_with_a_fill_slots_without_a_row_have_its_value(source_of: Sources) -> None:
    source = source_of(timestamp=[at(1), at(2), at(4)], value=[1, None, 4])

    data = MetricLoader(source, spec(fill=0.0)).load(at(0), at(6))

    np.testing.assert_array_equal(data["value"], [0, 1, np.nan, 0, 4, 0])


def test_with_a_fill_a_known_series_without_rows_goes_on_with_it(source_of: Sources) -> None:
    source = source_of(timestamp=[at(1)], value=[5], host=["b"])
    loader = MetricLoader(source, spec(fill=0.0, dimension="host"))

    result = loader.read(at(0), at(3), {"m{host=a}": at(0)})

    by_name = {one.name: one.data["value"].tolist() for one in result.series}
    assert by_name == {"m{host=a}": [0, 0, 0], "m{host=b}": [5, 0]}


def test_without_gaps_only_slots_with_rows_are_there(source_of: Sources) -> None:
    source = source_of(timestamp=[at(1), at(2), at(4)], value=[1, None, 4])

    data = MetricLoader(source, spec()).load(at(0), at(6), fill_gaps=False)

    assert [str(time)[11:13] for time in data["timestamp"]] == ["01", "02", "04"]
    np.testing.assert_array_equal(data["value"], [1, np.nan, 4])
    assert len(data["seasonality_data"]) == 3


def test_a_query_that_returns_nothing_gives_slots_all_the_same(source_of: Sources) -> None:
    source = source_of(timestamp=[], value=[])
    loader = MetricLoader(source, spec(seasonality_columns=("hour",)))

    data = loader.load(at(0), at(2))

    assert np.isnan(data["value"]).tolist() == [True, True]
    assert data["seasonality_data"].tolist() == ['{"hour": 0}', '{"hour": 1}']


def test_only_complete_intervals_count(source_of: Sources) -> None:
    source = source_of(timestamp=[at(0.5), at(1), at(2), at(3)], value=[0, 1, 2, 3])

    result = MetricLoader(source, spec()).read(at(0.25), at(2.75))

    assert (hours(result), values(result)) == ([1], [1])
    assert (result.rows_read, result.rows_ignored, result.end) == (4, 3, at(2))


def test_the_end_is_open_by_default_and_ends_with_the_data(source_of: Sources) -> None:
    source = source_of(timestamp=[at(1), at(3.7)], value=[1, 3])

    result = MetricLoader(source, spec()).read(at(0), None)

    assert hours(result) == [0, 1, 2, 3]
    assert (result.last_timestamp, result.end) == (at(3.7), at(4))


def test_with_an_open_end_no_rows_are_no_slots(source_of: Sources) -> None:
    source = source_of(timestamp=[], value=[])

    result = MetricLoader(source, spec()).read(at(0), None, {"m": at(0)})

    assert (hours(result), result.last_timestamp, result.end) == ([], None, None)


def test_stop_at_data_takes_the_earlier_end(source_of: Sources) -> None:
    loader = MetricLoader(source_of(timestamp=[at(1), at(2)], value=[1, 2]), spec())

    assert hours(loader.read(at(0), at(9), stop_at_data=True)) == [0, 1, 2]
    assert hours(loader.read(at(0), at(2), stop_at_data=True)) == [0, 1]
    assert loader.read(at(5), at(9), stop_at_data=True).series[0].rows.tolist() == []


def test_an_open_start_is_the_first_row(source_of: Sources) -> None:
    source = source_of(timestamp=[at(2.5), at(1.5)], value=[2, 1])

    assert hours(MetricLoader(source, spec()).read(None, at(4))) == [1, 2, 3]


def test_the_query_is_asked_for_the_window_of_rows(source_of: Sources) -> None:
    source: Any = source_of(timestamp=[], value=[])
    query = "{{ tocsin_start_time }} {{ tocsin_end_time }} {{ interval_seconds }} {{ limit }}"

    MetricLoader(source, spec(query=query, variables={"limit": 3})).read(at(1.5), at(3.5))
    MetricLoader(source, spec(query=query, variables={"limit": 3}, align="nearest")).read(at(2), at(3))

    assert source.queries == [
        "2026-11-30 02:00:00 2026-11-30 03:00:00 3600 3",
        "2026-11-30 01:30:00 2026-11-30 02:30:00 3600 3",
    ]


def test_the_anchor_moves_the_grid(source_of: Sources) -> None:
    source = source_of(timestamp=[at(1), at(1.3), at(2.2)], value=[1, 2, 3])
    anchored = spec(anchor=datetime(2030, 1, 1, 0, 15, tzinfo=UTC))

    result = MetricLoader(source, anchored).read(None, None)

    assert (hours(result), values(result)) == ([0.25, 1.25], [1, 3])
    assert result.rows_merged == 1


def test_the_grid_goes_back_before_the_anchor_and_the_epoch(source_of: Sources) -> None:
    early = datetime(1969, 12, 31, 23, 59, tzinfo=UTC)
    source = source_of(timestamp=[early], value=[1])

    result = MetricLoader(source, spec()).read(None, None)

    assert result.series[0].data["timestamp"].tolist() == [datetime(1969, 12, 31, 23)]  # noqa: DTZ001


@pytest.mark.parametrize(("align", "slots"), [("floor", [1, 2, 2, 3]), ("nearest", [2, 2, 3, 3])])
def test_rows_off_the_grid_are_aligned(source_of: Sources, align: str, slots: list[int]) -> None:
    source = source_of(timestamp=[at(1.5), at(2.499), at(2.5), at(3)], value=[1, 2, 3, 4])

    result = MetricLoader(source, spec(align=align, aggregate="count")).read(None, None)

    assert dict(zip(hours(result), values(result), strict=True)) == {s: slots.count(s) for s in slots}


def test_align_error_names_the_first_row_off_the_grid(source_of: Sources) -> None:
    source = source_of(timestamp=[at(9.5), at(1), at(2.25), at(2.5)], value=[0, 1, 2, 3])

    with pytest.raises(LoadError, match=r"row 3 of m is off .*2026-11-30 02:15:00.*2 such rows.*anchor"):
        MetricLoader(source, spec(align="error")).read(at(0), at(5))


@pytest.mark.parametrize(
    ("aggregate", "expected"),
    [("last", 2), ("mean", 3), ("sum", 12), ("min", 1), ("max", 6), ("count", 4)],
)
def test_rows_in_a_slot_become_one_value(source_of: Sources, aggregate: str, expected: float) -> None:
    source = source_of(timestamp=[at(1.9), at(1), at(1.5), at(1.2), at(1.9)], value=[6, 1, None, 3, 2])

    result = MetricLoader(source, spec(aggregate=aggregate)).read(None, None)

    assert values(result) == [expected]
    assert (result.rows_stored, result.rows_merged) == (1, 4)


@pytest.mark.parametrize(
    ("aggregate", "expected"),
    [("last", None), ("mean", None), ("sum", None), ("min", None), ("max", None), ("count", 0)],
)
def test_null_rows_are_stored_as_missing(source_of: Sources, aggregate: str, expected: float | None) -> None:
    source = source_of(timestamp=[at(1), at(1.5)], value=[None, float("inf")])

    result = MetricLoader(source, spec(aggregate=aggregate)).read(None, None)

    assert values(result) == [expected]
    assert (result.rows_stored, result.rows_merged, result.rows_rejected) == (1, 1, 0)


def test_a_sum_that_overflows_is_null(source_of: Sources) -> None:
    source = source_of(timestamp=[at(1), at(1.5)], value=[1e308, 1e308])

    assert values(MetricLoader(source, spec(aggregate="sum")).read(None, None)) == [None]


def test_rejected_rows_are_shown_with_their_place(source_of: Sources) -> None:
    source = source_of(
        timestamp=[at(2), None, "soon", at(1), at(1)],
        value=["x", "1", "2", "3", "y" * 500],
    )

    result = MetricLoader(source, spec()).read(None, None)

    assert (result.rows_read, result.rows_rejected, result.unplaced) == (5, 4, 2)
    assert [(row.number, row.timestamp, row.reason) for row in result.rejected] == [
        (1, at(2), "not a number"),
        (2, None, "no timestamp"),
        (3, None, "no timestamp"),
        (5, at(1), "not a number"),
    ]
    assert [row.value[:14] for row in result.rejected] == ["x", "NULL, value 1", "soon", "yyyyyyyyyyyyyy"]
    assert len(result.rejected[3].value) == 80
    assert (hours(result), values(result)) == ([1, 2], [3, None])
    (series,) = result.series
    assert (series.rows.tolist(), series.rejected.tolist()) == ([1, 0], [1, 1])


def test_of_many_rejected_rows_the_first_are_kept_and_all_are_counted(source_of: Sources) -> None:
    source = source_of(timestamp=[at(1)] * 1000, value=["x"] * 1000)

    result = MetricLoader(source, spec()).read(None, None)

    assert (result.rows_rejected, [row.number for row in result.rejected]) == (1000, list(range(1, 101)))


def test_each_dimension_value_is_a_series_of_its_own(source_of: Sources) -> None:
    source = source_of(
        timestamp=[at(1), at(1), at(2), at(3), at(3)],
        value=[1, 10, 2, None, "x"],
        host=["b", "a", "b", "a", None],
    )

    result = MetricLoader(source, spec(dimension="host")).read(None, None)

    assert [one.name for one in result.series] == ["m{host=a}", "m{host=b}", "m{host=}"]
    assert [hours(result, place) for place in range(3)] == [[1, 2, 3], [1, 2, 3], [3]]
    assert [values(result, place) for place in range(3)] == [[10, None, None], [1, 2, None], [None]]
    assert result.rejected[0].series == "m{host=}"


@pytest.mark.parametrize("name", ["a=b", "}", "{{ x }}", "new\nline", "é", "'; DROP TABLE x", " "])
def test_a_dimension_value_is_kept_as_it_is(source_of: Sources, name: str) -> None:
    source = source_of(timestamp=[at(1)], value=[1], host=[name])

    (series,) = MetricLoader(source, spec(dimension="host")).read(None, None).series

    assert series.name == f"m{{host={name}}}"


def test_known_series_have_slots_even_without_rows(source_of: Sources) -> None:
    source = source_of(timestamp=[at(4), at(3)], value=[4, 3], host=["new", "old"])
    known = {"m{host=old}": at(2), "m{host=gone}": at(1)}

    result = MetricLoader(source, spec(dimension="host")).read(at(2), None, known)

    assert [one.name for one in result.series] == ["m{host=gone}", "m{host=new}", "m{host=old}"]
    assert [hours(result, place) for place in range(3)] == [[2, 3, 4], [4], [2, 3, 4]]


def test_rows_before_a_known_series_is_wanted_are_ignored(source_of: Sources) -> None:
    source = source_of(timestamp=[at(1), at(1), at(2), at(2)], value=[1, 2, 3, 4], host=["a", "b", "a", "b"])

    result = MetricLoader(source, spec(dimension="host")).read(at(0), at(3), {"m{host=a}": at(2)})

    assert [hours(result, place) for place in range(2)] == [[2], [1, 2]]
    assert (result.rows_stored, result.rows_ignored) == (3, 1)


def test_columns_of_the_query_become_seasonality(source_of: Sources) -> None:
    source = source_of(
        timestamp=[at(1), at(1.5), at(3)], value=[1, 2, 3], promo=["a", "b", None], level=[1.0, 2.0, np.nan]
    )
    loader = MetricLoader(
        source, spec(seasonality_columns=("hour",), seasonality_source_columns=("promo", "level"))
    )

    data = loader.load(None, None)

    assert data["seasonality_data"].tolist() == [
        '{"hour": 1, "level": 2, "promo": "b"}',
        '{"hour": 2, "level": null, "promo": null}',
        '{"hour": 3, "level": null, "promo": null}',
    ]
    assert data["seasonality_columns"] == ["hour", "promo", "level"]


def test_other_column_names_are_possible(source_of: Sources) -> None:
    source = source_of(t=[at(1)], v=[1])

    result = MetricLoader(source, spec(timestamp_column="t", metric_column="v")).read(None, None)

    assert values(result) == [1]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"time": [], "value": []}, r"no column 'timestamp', only time, value: did you mean 'time'"),
        ({"timestamp": [], "VALUE": []}, r"no column 'value', only timestamp, VALUE: did you mean 'VALUE'"),
        ({"a": [], "b": []}, r"no column 'timestamp', only a, b: set query_columns"),
        ({}, "gave no columns"),
    ],
)
def test_a_missing_column_is_named(source_of: Sources, columns: dict[str, Any], message: str) -> None:
    with pytest.raises(LoadError, match=message):
        MetricLoader(source_of(**columns), spec()).read(None, None)


def test_a_stray_timestamp_does_not_make_millions_of_gaps(source_of: Sources) -> None:
    source = source_of(timestamp=["1026-11-30", at(1)], value=[1, 2])

    with pytest.raises(LoadError, match=r"m would have .* slots of 1s from 1026-11-30 to 2026-11-30"):
        MetricLoader(source, spec(interval=Interval(1))).read(None, None)


def test_a_row_on_the_last_day_of_the_calendar_is_no_problem(source_of: Sources) -> None:
    source = source_of(timestamp=["9999-12-31 23:59:59"], value=[1])

    result = MetricLoader(source, spec()).read(None, None)

    assert result.rows_stored == 1


def test_load_is_for_metrics_without_dimension(source_of: Sources) -> None:
    with pytest.raises(LoadError, match="dimension"):
        MetricLoader(source_of(), spec(dimension="host")).load(None, None)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"align": "flor"}, "align cannot be 'flor': did you mean floor"),
        ({"aggregate": "avg"}, "aggregate cannot be 'avg'"),
        ({"seasonality_columns": ("hours",)}, "did you mean hour"),
        ({"seasonality_columns": ("hour",), "seasonality_source_columns": ("hour",)}, "named twice"),
        ({"seasonality_columns": ("is_holiday",)}, "whose holidays"),
    ],
)
def test_a_spec_that_cannot_be_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        spec(**keys)
