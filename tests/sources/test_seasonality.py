"""Seasonality: local clocks, weekends, holidays."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.errors import ConfigError
from tocsin.sources.holiday import check_holidays
from tocsin.sources.local_time import local_milliseconds, read_zone
from tocsin.sources.seasonality import seasonality_json, seasonality_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = ("minute", "hour", "day_of_week", "day_of_month", "week_of_month", "month", "is_weekend")
ZONES = [
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca",
    "Pacific/Apia", "America/St_Johns", "UTC",
]  # fmt: skip


def milliseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def seasonality(
    times: np.ndarray[Any, np.dtype[np.int64]], zone: str, country: str | None = None
) -> list[Any]:
    names = _COLUMNS if country is None else (*_COLUMNS, "is_holiday")
    columns = seasonality_of(times, names, timezone=zone, holidays=country)
    return [json.loads(text) for text in seasonality_json(columns, len(times))]


def by_hand(time: int, zone: str) -> dict[str, Any]:
    local = (_EPOCH + timedelta(milliseconds=time)).astimezone(ZoneInfo(zone))
    return {
        "minute": local.minute,
        "hour": local.hour,
        "day_of_week": local.weekday(),
        "day_of_month": local.day,
        "week_of_month": (local.day + 6) // 7,
        "month": local.month,
        "is_weekend": local.weekday() >= 5,
    }


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("year", [2011, 2026])
def test_a_year_of_half_hours_agrees_with_the_clocks(zone: str, year: int) -> None:
    times = np.arange(
        milliseconds(datetime(year, 1, 1, tzinfo=UTC)),
        milliseconds(datetime(year + 1, 1, 1, tzinfo=UTC)),
        1_800_000,
    )

    assert seasonality(times, zone) == [by_hand(int(time), zone) for time in times]


@settings(max_examples=60)
@given(
    first=st.datetimes(min_value=datetime(1850, 1, 1), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001
    step=st.sampled_from([1000, 60_000, 900_000, 3_600_000, 86_400_000, 30 * 86_400_000]),
    zone=st.sampled_from(ZONES),
)
def test_any_stretch_agrees_with_the_clocks(first: datetime, step: int, zone: str) -> None:
    times = milliseconds(first.replace(tzinfo=UTC)) + step * np.arange(100)

    assert seasonality(times, zone) == [by_hand(int(time), zone) for time in times]


@pytest.mark.parametrize(
    ("zone", "instant", "hours"),
    [
        ("Europe/Berlin", "2026-03-28T23:30", [0, 1, 1, 3, 3]),
        ("Europe/Berlin", "2026-10-24T23:30", [1, 2, 2, 2, 2]),
        ("America/New_York", "2026-03-08T06:00", [1, 1, 3, 3, 4]),
        ("America/New_York", "2026-11-01T05:00", [1, 1, 1, 1, 2]),
        ("Australia/Lord_Howe", "2026-10-03T15:00", [1, 2, 3, 3, 4]),
        ("Australia/Lord_Howe", "2026-04-04T14:00", [1, 1, 1, 2, 2]),
    ],
)
def test_the_nights_when_clocks_change(zone: str, instant: str, hours: list[int]) -> None:
    times = np.datetime64(instant, "ms").astype(np.int64) + 1_800_000 * np.arange(5)

    assert [slot["hour"] for slot in seasonality(times, zone)] == hours


def test_the_ends_of_the_calendar_are_no_problem() -> None:
    times = np.array(["0001-01-01", "9999-12-31T23:59"], dtype="datetime64[ms]").astype(np.int64)

    assert len(local_milliseconds(times, ZoneInfo("America/New_York"))) == 2


def test_holidays_are_those_of_the_local_day_and_the_place() -> None:
    times = np.array(["2025-12-24T22:59", "2025-12-24T23:00", "2026-01-06T12:00"], dtype="datetime64[ms]")
    times_ms = times.astype(np.int64)

    def holidays(place: str) -> list[bool]:
        return [slot["is_holiday"] for slot in seasonality(times_ms, "Europe/Berlin", place)]

    assert holidays("DE") == [False, True, False]
    assert holidays("DE-BY") == [False, True, True]
    assert holidays("de-by") == [False, True, True]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("DEU-BX", "no subdivision 'BX'"),
        ("DE-BX", "did you mean DE-"),
        ("XQ", "'XQ' are not known"),
        ("", "not known"),
    ],
)
def test_an_unknown_place_is_refused(place: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_holidays(place)


@pytest.mark.parametrize(
    ("zone", "hint"),
    [
        ("Europe/Berln", "did you mean Europe/Berlin"),
        ("../etc/passwd", "IANA"),
        ("", "IANA"),
        ("Q\0", "IANA"),
    ],
)
def test_an_unknown_zone_is_refused(zone: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        read_zone(zone)


def test_no_columns_are_empty_objects() -> None:
    assert seasonality_json({}, 3).tolist() == ["{}"] * 3
    assert seasonality_json({}, 0).tolist() == []


def test_values_are_written_as_json_with_sorted_keys() -> None:
    columns: dict[str, Any] = {
        "z": np.array([1.0, np.nan]),
        'q"': np.array(['é"', None], dtype=object),
        "b": np.array([True, False]),
        "t": np.array(["2026-11-30", "NaT"], dtype="datetime64[D]"),
    }

    assert seasonality_json(columns, 2).tolist() == [
        '{"b": true, "q\\"": "\\u00e9\\"", "t": "2026-11-30", "z": 1}',
        '{"b": false, "q\\"": null, "t": null, "z": null}',
    ]


@given(st.integers(1, 12), st.integers(1, 60))
def test_many_columns_of_many_values_keep_their_rows_apart(width: int, count: int) -> None:
    rng = np.random.default_rng(width * 1000 + count)
    columns = {f"c{place:02d}": rng.integers(0, 2**62, count) for place in range(width)}

    found = [json.loads(text) for text in seasonality_json(columns, count)]

    assert found == [{name: int(column[row]) for name, column in columns.items()} for row in range(count)]
