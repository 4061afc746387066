"""By which channels a group is told, of how much, and when."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.alerting.stages.builders import event, incident, worse
from tocsin.alerting.route import channels_for, is_open, may_leave, next_open, next_turn, refusal
from tocsin.model import AlertCandidate, Group, Schedule, Severity

WEEK = frozenset(range(5))
OFFICE = Schedule(timezone="Europe/Prague", days=WEEK, start=time(8), end=time(18))
NIGHT = Schedule(timezone="Europe/Prague", days=frozenset({4}), start=time(22), end=time(6))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("candidate", "group", "channels"),
    [
        (incident(channels=("a", "b", "a")), Group("g", channels=("c",)), ("a", "b")),
        (incident(channels=()), Group("g", channels=("c", "d", "c")), ("c", "d")),
        (incident(channels=()), Group("g"), ()),
    ],
)
def test_the_channels_of_the_rule_come_before_those_of_the_group(
    candidate: AlertCandidate, group: Group, channels: tuple[str, ...]
) -> None:
    assert channels_for(candidate, group) == channels


def test_what_is_less_bad_than_a_group_wants_is_not_told() -> None:
    group = Group("soc", min_severity=Severity.HIGH)
    assert refusal(worse(event(), Severity.HIGH), group, "mail") is None
    assert refusal(event(), group, "mail") == "soc is told from high on, and this is medium"


def test_without_channels_nobody_is_told() -> None:
    assert (refusal(event(), Group("soc"), "") or "").startswith("nobody is told")


@pytest.mark.parametrize(
    ("schedule", "now", "is_in"),
    [
        (OFFICE, "2026-03-02T06:59:59", False),
        (OFFICE, "2026-03-02T07:00", True),
        (OFFICE, "2026-03-02T16:59:59", True),
        (OFFICE, "2026-03-02T17:00", False),
        (OFFICE, "2026-03-07T09:00", False),
        # In summer the same hours are an hour earlier in UTC.
        (OFFICE, "2026-07-06T06:00", True),
        (OFFICE, "2026-07-06T16:00", False),
        # Friday's night goes on until Saturday morning; Thursday's is not wanted.
        (NIGHT, "2026-03-06T20:59", False),
        (NIGHT, "2026-03-06T21:00", True),
        (NIGHT, "2026-03-07T04:59", True),
        (NIGHT, "2026-03-07T05:00", False),
        (NIGHT, "2026-03-06T04:00", False),
        (NIGHT, "2026-03-07T21:30", False),
        # Days without hours are whole days, of the zone.
        (Schedule(timezone="Asia/Tokyo", days=frozenset({5})), "2026-03-06T15:00", True),
        (Schedule(timezone="Asia/Tokyo", days=frozenset({5})), "2026-03-07T14:59:59", True),
        (Schedule(timezone="Asia/Tokyo", days=frozenset({5})), "2026-03-07T15:00", False),
        # As long as a day: from one end to the next.
        (Schedule(days=frozenset({0}), start=time(8), end=time(8)), "2026-03-03T07:59", True),
        (Schedule(days=frozenset({0}), start=time(8), end=time(8)), "2026-03-03T08:00", False),
    ],
)
def test_hours_are_those_on_the_wall_of_the_zone(schedule: Schedule, now: str, *, is_in: bool) -> None:
    assert is_open(schedule, utc(now)) is is_in


@pytest.mark.parametrize(
    ("schedule", "now", "then"),
    [
        (OFFICE, "2026-03-02T09:00", "2026-03-02T09:00"),
        (OFFICE, "2026-03-02T17:00", "2026-03-03T07:00"),
        (OFFICE, "2026-03-06T17:00", "2026-03-09T07:00"),
        # The clock goes forward on Sunday the 29th.
        (OFFICE, "2026-03-27T17:00", "2026-03-30T06:00"),
        (NIGHT, "2026-03-07T05:00", "2026-03-13T21:00"),
        # 02:30 is not on the clock that night: the hours begin with 03:00, at the change.
        (
            Schedule("Europe/Prague", frozenset({6}), time(2, 30), time(5)),
            "2026-03-28T12:00",
            "2026-03-29T01:00",
        ),
        # It comes twice half a year later: the hours begin with the first, and again with the second.
        (
            Schedule("Europe/Prague", frozenset({6}), time(2, 30), time(5)),
            "2026-10-24T12:00",
            "2026-10-25T00:30",
        ),
        (
            Schedule("Europe/Prague", frozenset({6}), time(2, 30), time(5)),
            "2026-10-25T01:10",
            "2026-10-25T01:30",
        ),
    ],
)
def test_the_next_hours_begin_on_the_wall_of_the_zone(schedule: Schedule, now: str, then: str) -> None:
    assert next_open(schedule, utc(now)) == utc(then)


SCHEDULES = st.builds(
    Schedule,
    timezone=st.sampled_from(["UTC", "Europe/Prague", "America/Santiago", "Australia/Lord_Howe"]),
    days=st.frozensets(st.integers(0, 6), min_size=1),
    start=st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30])),
    end=st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30])),
)


@settings(max_examples=60)
@given(SCHEDULES, st.integers(0, 365 * 24 * 4))
def test_the_next_hours_are_the_first_ones(schedule: Schedule, quarter: int) -> None:
    now = utc("2026-01-01T00:00") + quarter * timedelta(minutes=15)
    then = next_open(schedule, now)
    assert then is not None
    assert is_open(schedule, then)
    steps = range(0, int((then - now).total_seconds() / 60), 15)
    assert not any(is_open(schedule, now + timedelta(minutes=minutes)) for minutes in steps)


@pytest.mark.parametrize(
    ("values", "severity", "leaves"),
    [
        ({}, Severity.MEDIUM, False),
        ({}, Severity.CRITICAL, True),
        ({"always": Severity.HIGH}, Severity.HIGH, True),
        ({"always": Severity.HIGH}, Severity.MEDIUM, False),
        ({"always": None}, Severity.CRITICAL, False),
    ],
)
def test_what_is_bad_enough_leaves_at_any_time(
    values: dict[str, Any], severity: Severity, *, leaves: bool
) -> None:
    group = Group("soc", schedule=Schedule(days=WEEK, start=time(8), end=time(18), **values))
    assert may_leave(group, severity, utc("2026-03-02T20:00")) is leaves
    assert may_leave(group, severity, utc("2026-03-02T12:00"))
    assert may_leave(Group("soc"), severity, utc("2026-03-02T20:00"))


MORNING = Schedule("Europe/Prague", start=time(8), end=time(8, 15))
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("schedule", "interval", "left", "then"),
    [
        # The clock goes forward on the 29th of March, and back on the 25th of October.
        (MORNING, DAY, "2026-03-28T07:00", "2026-03-29T06:00"),
        (MORNING, DAY, "2026-10-24T06:00", "2026-10-25T07:00"),
        (MORNING, 7 * DAY, "2026-03-27T07:05", "2026-04-03T06:05"),
        # What left outside of the hours, or at their end, is followed within those of the next day.
        (MORNING, DAY, "2026-03-02T20:00", "2026-03-02T23:00"),
        (MORNING, DAY, "2026-03-02T07:14:30", "2026-03-02T23:00"),
        # 02:30 is not on the clock that night.
        (Schedule("Europe/Prague", start=time(2, 15), end=time(3, 15)), DAY, "2026-03-28T01:30",
         "2026-03-28T23:00"),
        # Other lengths are lengths, and who has no hours has no clock on the wall.
        (MORNING, timedelta(hours=25), "2026-03-28T07:00", "2026-03-29T08:00"),
        (MORNING, timedelta(0), "2026-03-28T07:00", "2026-03-28T07:00"),
        (None, DAY, "2026-03-28T07:00", "2026-03-29T07:00"),
    ],
)  # fmt: skip
def test_whole_days_between_batches_are_those_of_the_calendar(
    schedule: Schedule | None, interval: timedelta, left: str, then: str
) -> None:
    assert next_turn(Group("g", group_interval=interval, schedule=schedule), utc(left)) == utc(then)


ZONES = [
    "UTC", "Europe/Prague", "America/New_York", "America/Sao_Paulo", "America/Santiago", "Africa/Cairo",
    "Asia/Beirut", "Australia/Lord_Howe", "Pacific/Apia",
]  # fmt: skip


@settings(max_examples=100)
@given(
    zone=st.sampled_from(ZONES),
    year=st.integers(2008, 2030),
    start=st.integers(0, 24 * 60 - 1),
    minutes=st.integers(2, 120),
    first=st.integers(0, 24 * 60 - 1),
    late=st.lists(st.integers(0, 40), min_size=1, max_size=7),
)
def test_each_day_has_its_batch_and_never_two(
    zone: str, year: int, start: int, minutes: int, first: int, late: list[int]
) -> None:
    clock = ZoneInfo(zone)
    start = min(start, 24 * 60 - 1 - minutes)
    begin, end = (time(*divmod(minute, 60)) for minute in (start, start + minutes))
    schedule = Schedule(zone, start=begin, end=end)
    group = Group("g", group_interval=DAY, schedule=schedule)
    now = next_open(schedule, datetime(year, 1, 1, tzinfo=UTC) + first * timedelta(minutes=1))
    days = []
    while now is not None and now < datetime(year + 1, 1, 8, tzinfo=UTC):
        days.append(now.astimezone(clock).date())
        # Who sends comes a little after it is due.
        late_by = timedelta(seconds=late[len(days) % len(late)])
        now = next_open(schedule, next_turn(group, now))
        now = now if now is None or not is_open(schedule, now + late_by) else now + late_by
    assert len(set(days)) == len(days)
    for number in range((days[-1] - days[0]).days):
        day = days[0] + number * DAY
        since = datetime.combine(day, time.min, clock).astimezone(UTC)
        opens = next_open(schedule, since)
        assert opens is not None
        assert (opens.astimezone(clock).date() == day) is (day in days), day
