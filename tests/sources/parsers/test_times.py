"""Times in the ways that logs write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import ConfigError
from tocsin.sources.parsers.times import TimeReader, since_1970

READ_AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
INSTANT = datetime(2026, 11, 22, 10, 15, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T10:15:00Z",
        "2026-11-22 10:15:00",
        "2026-11-22T11:15:00+01:00",
        "2026-11-22T11:15:00+0100",
        "2026-11-22 11:15:00 +01",
        "2026/11/22 10:15:00",
        "2026.11.22 10:15:00",
        "2026-11-22 10:15",
        "2026-11-22-10.15.00",
        "2026-11-22_10:15:00",
        "2026-11-22\t10:15:00",
        "2026-11-22  10:15:00",
        "20261122T101500Z",
        "20261122101500",
        "20261122 10:15:00",
        "Nov 22 10:15:00",
        "Nov 22 2026 10:15:00",
        "Sun Nov 22 10:15:00 2026",
        "Sun Nov 22 10:15:00 UTC 2026",
        "22/Nov/2026:10:15:00 +0000",
        "22/Nov/2026:11:15:00 +0100",
        "Sun, 22 Nov 2026 10:15:00 GMT",
        "22-Nov-2026 10:15:00",
        "22.11.2026 10:15:00",
        "11/22/2026 10:15:00 AM",
        "261122 101500",
        "26/11/22 10:15:00",
        "1795342500",
        "1795342500000",
        "1795342500000000",
        "1795342500000000000",
        "2026-11-22 10:15:00 UTC",
        "2026-11-22T10:15:00-00:00",
    ],
)
def test_a_form_is_recognised(text: str) -> None:
    assert TimeReader().read(text, READ_AT) == INSTANT


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T10:15:00.250Z", "2026-11-22 10:15:00,250", "2026-11-22-10.15.00.250000", "1795342500.25",
        "Sun Nov 22 10:15:00.250000 2026", "Nov 22 10:15:00.250", "20261122-10:15:00:250", "1795342500250",
        "2026-11-22T11:15:00.250+01:00",
    ],
)  # fmt: skip
def test_fractions_are_kept(text: str) -> None:
    reader = TimeReader()

    assert reader.read(text, READ_AT) == INSTANT + 0.25
    assert reader.read(text, READ_AT) == INSTANT + 0.25


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "yesterday",
        "10:15:00",
        "2026-13-01 00:00:00",
        "2026-11-22T10:15:00+99:99",
        "22/Nov/2026:10:15:00 -9000",
        "Nov 22 10:15:00 +2400",
        "2026-02-30",
        "0000-01-01 00:00:00",
        "1969-12-31",
        "Foo 22 10:15:00",
        "Nov 31 10:15:00",
        "2026-11-22 25:00:00",
        "2026-11-22 10:15:61",
        "9" * 30,
        "12345",
        "9999-12-31T23:59:59-12:00",
        "x" * 100_000,
        "2026-11-22 10:15:00 CET",
        "1" * 20,
    ],
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert TimeReader().read(text, READ_AT) is None


def test_an_afternoon_of_twelve_hours() -> None:
    reader = TimeReader()

    assert reader.read("11/22/2026 10:15:00 PM") == INSTANT + 12 * 3600
    assert reader.read("11/22/2026 12:15:00 AM") == INSTANT - 10 * 3600
    assert reader.read("2026-11-22 10:15:00 PM") == INSTANT + 12 * 3600
    assert reader.read("2026/11/22 10:15:00.250pm") == INSTANT + 12 * 3600 + 0.25
    assert reader.read("2026-11-22 22:15 PM") == INSTANT + 12 * 3600
    assert reader.read("2026-11-22 12:15:00 AM") == INSTANT - 10 * 3600


def test_a_leap_second_is_the_one_before() -> None:
    assert TimeReader().read("2016-12-31T23:59:60Z") == TimeReader().read("2016-12-31T23:59:59Z")


@pytest.mark.parametrize(
    ("text", "reference", "year"),
    [
        ("Nov 23 11:59:59", READ_AT, 2026),  # less than a day ahead: a clock or a zone that is off
        ("Nov 23 12:00:01", READ_AT, 2025),
        ("Dec 31 23:59:59", datetime(2027, 1, 1, tzinfo=UTC), 2026),
        ("Jan  1 00:00:01", datetime(2026, 12, 31, 23, 59, tzinfo=UTC), 2027),
        ("Feb 29 10:00:00", datetime(2027, 6, 1, tzinfo=UTC), 2024),
    ],
)
def test_a_time_without_a_year_is_the_latest_that_is_past(text: str, reference: datetime, year: int) -> None:
    seconds = TimeReader().read(text, reference)

    assert seconds is not None
    assert datetime.fromtimestamp(seconds, UTC).year == year


def test_a_time_without_a_year_and_without_a_reference_is_unknown() -> None:
    assert TimeReader().read("Nov 22 10:15:00") is None


def test_the_year_follows_the_reference_of_each_batch() -> None:
    reader = TimeReader()
    first = reader.read("Nov 22 10:15:00", READ_AT)
    second = reader.read("Nov 22 10:15:00", READ_AT.replace(year=2027))

    assert first is not None
    assert second == first + 365 * 86_400


def test_times_without_a_zone_are_those_of_the_zone_given() -> None:
    reader = TimeReader(timezone="Europe/Berlin")

    assert reader.read("2026-11-22 11:15:00") == INSTANT
    assert reader.read("2026-11-22T10:15:00Z") == INSTANT
    assert reader.read("2026-07-22 12:15:00") == TimeReader().read("2026-07-22 10:15:00")


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ConfigError, match="time zone"):
        TimeReader(timezone="Mars/Olympus")


@pytest.mark.parametrize(
    ("time_format", "text"),
    [
        ("%d/%m/%Y %H:%M:%S", "22/11/2026 10:15:00"),
        ("%m-%d %H:%M:%S.%f", "11-22 10:15:00.000"),
        ("%Y%j %H%M", "2026326 1015"),
        ("%d.%m.%y %H:%M:%S %z", "22.11.26 11:15:00 +0100"),
    ],
)
def test_a_format_of_the_users(time_format: str, text: str) -> None:
    reader = TimeReader(time_format)

    assert reader.read(text, READ_AT) == INSTANT
    assert reader.read("2026-11-22T10:15:00Z", READ_AT) is None


@pytest.mark.parametrize(
    ("time_format", "said"),
    [("%d.%Q", "'Q' is a bad directive"), ("%H:%M %H", "a part stands in it twice"), ("%Y-%", "stray %")],
)
def test_a_format_that_is_none_is_refused_before_anything_is_read(time_format: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"time_format '{time_format}' is none: {said}"):
        TimeReader(time_format)


def test_numbers_since_1970_are_told_apart_by_their_size() -> None:
    assert [since_1970(INSTANT * unit) for unit in (1, 1_000, 10**6, 10**9)] == [INSTANT] * 4
    assert since_1970(-1) is None
    assert since_1970(float("nan")) is None
    assert since_1970(10**25) is None


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001 - the strategy wants naive ones
    st.integers(-14 * 60, 14 * 60),
)
def test_iso_times_are_read_as_python_reads_them(naive: datetime, minutes: int) -> None:
    instant = naive.replace(tzinfo=UTC)
    sign, size = ("-" if minutes < 0 else "+"), abs(minutes)
    local = (instant + timedelta(minutes=minutes)).replace(tzinfo=None)
    text = f"{local.isoformat()}{sign}{size // 60:02}:{size % 60:02}"
    reader = TimeReader()

    seconds = reader.read(text)

    assert seconds == pytest.approx(instant.timestamp(), abs=1e-4)
    assert reader.read(text) == seconds
