"""The stage that says by which channels a group is told, of how much, and when.

What a group is not told at all is known before the book of thresholds is asked, so that what nobody heard of
silences nothing. When the rest may leave is asked when a message is made of it.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.model import AlertCandidate, Group, Schedule, Severity

__all__ = ["channels_for", "is_open", "may_leave", "next_open", "next_turn", "refusal"]

_DAY = timedelta(days=1)
_SOON = timedelta(minutes=1)  # within it somebody comes who sends
_LONGEST_WAIT = 9  # days: a schedule has one of seven, and a change of the clock may cut that one short


def channels_for(candidate: AlertCandidate, group: Group) -> tuple[str, ...]:
    """Give the channels by which a group is told: those of the rule, otherwise its own; each once."""
    return tuple(dict.fromkeys(candidate.channels or group.channels))


def refusal(candidate: AlertCandidate, group: Group, channel: str) -> str | None:
    """Say why a group is never told of a candidate by a channel, or `None` when it is.

    An empty channel stands for: there is none.
    """
    if not channel:
        return f"nobody is told: neither the rule nor the group {group.name} names channels"
    if candidate.severity.rank < group.min_severity.rank:
        return f"{group.name} is told from {group.min_severity} on, and this is {candidate.severity}"
    return None


def may_leave(group: Group, severity: Severity, now: datetime) -> bool:
    """Say whether a group wants to hear of something that bad now."""
    schedule = group.schedule
    if schedule is None or (schedule.always is not None and severity.rank >= schedule.always.rank):
        return True
    return is_open(schedule, now)


def is_open(schedule: Schedule, now: datetime) -> bool:
    """Say whether an instant is within the hours, by the clock on the wall of the schedule's zone.

    Hours that go over midnight belong to the day on which they begin.
    """
    local = now.astimezone(ZoneInfo(schedule.timezone))
    at, today, yesterday = local.time(), local.weekday(), (local.weekday() - 1) % 7
    start, end = schedule.start or time.min, schedule.end or time.min
    if start < end:
        return today in schedule.days and start <= at < end
    return (today in schedule.days and at >= start) or (yesterday in schedule.days and at < end)


def next_turn(group: Group, left: datetime) -> datetime:
    """Give from when on a batch may leave after one of its kind that left then, in UTC.

    For who has hours, whole days are those of their calendar: so many days later at the same time of day, and
    where that is not within the hours, or near their end, with these. So each day has its batch, also one on
    which the clock is changed.
    """
    schedule, interval = group.schedule, group.group_interval
    if schedule is None or not interval or interval % _DAY:
        return left + interval
    local = left.astimezone(ZoneInfo(schedule.timezone))
    day = local.date() + interval
    then = datetime.combine(day, local.time(), local.tzinfo).astimezone(UTC)
    if is_open(schedule, then) and is_open(schedule, then + _SOON):
        return then
    return datetime.combine(day, time.min, local.tzinfo).astimezone(UTC)


@lru_cache(maxsize=1024)
def next_open(schedule: Schedule, now: datetime) -> datetime | None:
    """Give the first instant from now on that is within the hours, in UTC; `None`: there is none."""
    if is_open(schedule, now):
        return now.astimezone(UTC)
    later = sorted(moment for moment in _changes(schedule, now) if moment > now)
    return next((moment for moment in later if is_open(schedule, moment)), None)


def _changes(schedule: Schedule, now: datetime) -> Iterator[datetime]:
    """Give the instants at which hours may begin: their time of day, midnight, and a change of the clock."""
    zone = ZoneInfo(schedule.timezone)
    today = now.astimezone(zone).date()
    for days in range(-1, _LONGEST_WAIT + 1):
        day = today + days * _DAY
        for at in {schedule.start or time.min, time.min}:
            for fold in (0, 1):
                yield datetime.combine(day, at, zone).replace(fold=fold).astimezone(UTC)
        noon = now.astimezone(UTC) + days * _DAY
        if noon.astimezone(zone).utcoffset() != (noon + _DAY).astimezone(zone).utcoffset():
            yield _clock_change(zone, noon, noon + _DAY)


def _clock_change(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """Give the first second at which the zone's offset is another one than at `low`."""
    before = low.astimezone(zone).utcoffset()
    low = low.replace(microsecond=0)
    high = high.replace(microsecond=0)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high
