"""Columns of times in every form."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.sources.timestamps import NO_TIME, milliseconds_of_column

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read(*values: Any) -> list[str | None]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    found = milliseconds_of_column(column)
    return [None if ms == NO_TIME else str(np.datetime64(int(ms), "ms")) for ms in found]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-30", "2026-11-30T00:00:00.000"),
        ("2026-11-30 13", "2026-11-30T13:00:00.000"),
        ("2026-11-30T13:05", "2026-11-30T13:05:00.000"),
        (" 2026-11-30 13:05:09 ", "2026-11-30T13:05:09.000"),
        ("2026-11-30 13:05:09.123999Z", "2026-11-30T13:05:09.123"),
        ("2026-11-30 13:05:09,1+01:00", "2026-11-30T12:05:09.100"),
        ("2026-11-30 13:05:09-0130", "2026-11-30T14:35:09.000"),
        ("2026-11-30 13:05:09+02", "2026-11-30T11:05:09.000"),
        ("2026-11-30 13:05:09 UTC", "2026-11-30T13:05:09.000"),
        ("2024-02-29", "2024-02-29T00:00:00.000"),
        ("1969-12-31 23:59:59.999", "1969-12-31T23:59:59.999"),
        ("1700000000", "2023-11-14T22:13:20.000"),
        ("1700000000123", "2023-11-14T22:13:20.123"),
        ("1700000000.123", "2023-11-14T22:13:20.123"),
        (1_700_000_000, "2023-11-14T22:13:20.000"),
        (1_700_000_000_123, "2023-11-14T22:13:20.123"),
        (1_700_000_000_123_999, "2023-11-14T22:13:20.123"),
        (1_700_000_000_123_999_999, "2023-11-14T22:13:20.123"),
        (1_700_000_000.5, "2023-11-14T22:13:20.500"),
        (-1.5, "1969-12-31T23:59:58.500"),
        (Decimal("1700000000.25"), "2023-11-14T22:13:20.250"),
        (date(2026, 11, 30), "2026-11-30T00:00:00.000"),
        (datetime(2026, 11, 30, 1), "2026-11-30T01:00:00.000"),  # noqa: DTZ001 (naive is UTC)
        (datetime(2026, 11, 30, 1, tzinfo=timezone(timedelta(hours=1))), "2026-11-30T00:00:00.000"),
        (np.datetime64("2026-11-30T01:00:00.000001"), "2026-11-30T01:00:00.000"),
    ],
)
def test_a_time_is_understood(value: Any, expected: str) -> None:
    assert read(value) == [expected]


@pytest.mark.parametrize(
    "value",
    [
        None, "", "bad", "2026", "20261130", "2026-02-29", "2026-13-01", "2026-11-31", "2026-11-30 24:00",
        "2026-11-30 13:60", "2026-11-30 13:05:", "2026-11-30 13:05:09.", "2026-11-30 13:05:09.1x",
        "2026-11-30Z", "2026-11-30x13:05", "0000-01-01", "٢٠٢٦-11-30", "2026-11-30 13:05 Europe/Berlin",
        True, float("nan"), float("inf"), 1e300, 10**30, Decimal("NaN"), b"2026-11-30", [], {},
        "1." + "7" * 300, "x" * 10_000, np.datetime64("NaT", "ms"),
    ],
)  # fmt: skip
def test_what_is_no_time_is_none_and_disturbs_nobody(value: Any) -> None:
    good = "2026-11-30T00:00:00.000"

    assert read("2026-11-30", value, "2026-11-30") == [good, None, good]


@given(
    st.lists(
        st.tuples(
            st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)),  # noqa: DTZ001
            st.sampled_from(["T", " "]),
            st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
            | st.none(),
        ),
        max_size=20,
    )
)
def test_what_python_writes_is_read_back(cases: list[tuple[datetime, str, timezone | None]]) -> None:
    times = [time.replace(tzinfo=zone) for time, _, zone in cases]
    texts = [time.isoformat(sep=separator) for time, (_, separator, _) in zip(times, cases, strict=True)]
    aware = [time if time.tzinfo else time.replace(tzinfo=UTC) for time in times]

    found = milliseconds_of_column(np.array(texts, dtype=object))

    assert found.tolist() == [(time - _EPOCH) // timedelta(milliseconds=1) for time in aware]


@given(st.lists(st.text(max_size=45) | st.from_regex(r"\d{4}-\d\d-\d\d[T ]\S{0,20}", fullmatch=True)))
def test_no_text_raises(texts: list[str]) -> None:
    assert len(milliseconds_of_column(np.array(texts, dtype=object))) == len(texts)


@pytest.mark.parametrize("unit", ["D", "h", "s", "ms", "us", "ns"])
def test_every_unit_of_datetime64_is_read(unit: str) -> None:
    column = np.array(["2026-11-30", "NaT"], dtype=f"datetime64[{unit}]")

    assert milliseconds_of_column(column).tolist() == [1_795_996_800_000, NO_TIME]


def test_times_outside_the_calendar_are_none() -> None:
    column = np.array([-70_000_000_000_000, 0, 260_000_000_000_000], dtype="datetime64[ms]")

    assert milliseconds_of_column(column).tolist() == [NO_TIME, 0, NO_TIME]
