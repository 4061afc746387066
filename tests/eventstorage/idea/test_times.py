"""Times of messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.eventstorage.idea.times import EPOCH, format_time, microseconds, parse_time

SECOND = 1_000_000


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00z", 0),
        ("1970-01-01 00:00:00+00:00", 0),
        ("1970-01-01T00:00:00", 0),
        ("1970-01-01T00:00:00-00:00", 0),
        ("1970-01-01T00:00:00-03:30", 12_600),
        ("1970-01-01T00:00:00+03:30", -12_600),
        ("1970-01-01T00:00:00-00:30", 1_800),
        ("1970-01-01T00:00:00+23:59", -86_340),
        ("2016-12-31T23:59:60Z", 1_483_228_800),
        ("1970-01-01T00:00:00.5Z", 0.5),
        ("1970-01-01T00:00:00.1234567899Z", 0.123456),
        ("1969-12-31T23:59:59.25Z", -0.75),
        ("1642213952", 1_642_213_952),
        ("1642213952.25", 1_642_213_952.25),
        (1_642_213_952, 1_642_213_952),
        (1_642_213_952.25, 1_642_213_952.25),
        (0, 0),
        (-1, -1),
    ],
)
def test_a_time_is_read(written: Any, seconds: float) -> None:
    assert parse_time(written) == round(seconds * SECOND)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "now",
        "1970-01-01",
        "1970-01-01T00:00Z",
        "1970-01-01T00:00:00 Z",
        "1970-01-01T00:00:00Z\n",
        "1970-13-01T00:00:00Z",
        "1970-02-29T00:00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:61Z",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00+01:60",
        "1970-01-01T00:00:00+0100",
        "1970-01-01T00:00:00.Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:60Z",
        "१९७०-01-01T00:00:00Z",
        "20260101",
        "1" * 10_000_000,
        "0xbc71f4f5.0xef449129",
        True,
        None,
        float("nan"),
        float("inf"),
        -float("inf"),
        1e300,
        10**400,
        -(10**12),
        [],
        {},
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_no_time_is_none(written: Any) -> None:
    assert parse_time(written) is None


@pytest.mark.parametrize(
    ("written", "year"), [("0xbc71f4f5.0xef449129", 2000), ("0x00000001.0x00000000", 2036)]
)
def test_ntp_timestamps_know_their_era(written: str, year: int) -> None:
    micros = parse_time(written, ntp=True)

    assert micros is not None
    assert format_time(micros).startswith(str(year))


@given(
    local=st.datetimes().filter(lambda local: 1 < local.year < 9999),
    minutes=st.integers(-1439, 1439),
    fraction=st.sampled_from(["seconds", "milliseconds", "microseconds"]),
)
def test_any_offset_is_counted_the_right_way(local: datetime, minutes: int, fraction: str) -> None:
    instant = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    written = instant.isoformat(timespec=fraction)

    assert parse_time(written) == microseconds(datetime.fromisoformat(written))


@given(instant=st.datetimes(timezones=st.just(UTC)))
def test_what_is_written_is_read_again(instant: datetime) -> None:
    micros = microseconds(instant)

    assert parse_time(format_time(micros)) == micros
    assert EPOCH + timedelta(microseconds=micros) == instant
    assert microseconds(instant.replace(tzinfo=None)) == micros


@given(
    written=st.text(max_size=30)
    | st.from_regex(r"\d{4}-\d\d-\d\d[tT ]\d\d:\d\d:\d\d(\.\d+)?([zZ]|[+-]\d\d:\d\d)")
)
def test_no_text_does_harm(written: str) -> None:
    micros = parse_time(written, ntp=True)

    assert micros is None or parse_time(format_time(micros)) == micros
