"""Wall-clock time of a zone for whole columns of instants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from tocsin.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["local_milliseconds", "read_zone"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400
_FIRST = -62_135_510_400  # a day after the first and before the last that a datetime can be, so that
_LAST = 253_402_214_400  # local time is one too


def read_zone(name: str) -> ZoneInfo:
    """Find a time zone by its IANA name.

    Raises:
        ConfigError: There is none.
    """
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        message = f"there is no time zone {name!r}"
        raise ConfigError(message, hint=_suggest_zone(name)) from error


def _suggest_zone(name: str) -> str:
    from difflib import get_close_matches
    from zoneinfo import available_timezones

    lowered = {zone.lower(): zone for zone in sorted(available_timezones())}
    near = get_close_matches(name.lower(), lowered, n=1)
    return f"did you mean {lowered[near[0]]}?" if near else "write an IANA name such as Europe/Berlin"


def local_milliseconds(times: NDArray[np.int64], zone: ZoneInfo) -> NDArray[np.int64]:
    """Give what the clocks of a zone show, as if their milliseconds counted from 1970 there.

    The zone is asked once a day of the range, and in between only where its offset changes; or once for
    each time, when there are fewer than days.

    Args:
        times: int64 milliseconds since the epoch, rising.
        zone: The zone.
    """
    if not len(times) or zone.key == "UTC":
        return times
    first, last = int(times[0]) // 1000, int(times[-1]) // 1000
    if len(times) <= (last - first) // _DAY:
        each = [time + _offset(time // 1000, zone) * 1000 for time in times.tolist()]
        return np.array(each, dtype=np.int64)
    begins, offsets = [], []
    for begin, offset in _offsets(first, last, zone):
        begins.append(begin * 1000)
        offsets.append(offset * 1000)
    # The first stretch also holds what the calendar's clamping left before it.
    stretch = np.maximum(np.searchsorted(np.array(begins), times, side="right") - 1, 0)
    return times + np.array(offsets, dtype=np.int64)[stretch]


def _offsets(first: int, last: int, zone: ZoneInfo) -> Iterator[tuple[int, int]]:
    """Give the stretches of one offset: where each begins (seconds since the epoch), and the offset."""
    before, at = _offset(first, zone), first
    yield first, before
    while at < last:
        upper = min(at + _DAY, last)
        if (after := _offset(upper, zone)) != before:
            lower, change = at, upper
            while change - lower > 1:
                middle = (lower + change) // 2
                if _offset(middle, zone) == before:
                    lower = middle
                else:
                    change = middle
            before = _offset(change, zone)
            yield change, before
            upper = change if before != after else upper
        at = upper


def _offset(second: int, zone: ZoneInfo) -> int:
    clamped = min(max(second, _FIRST), _LAST)
    offset = (_EPOCH + timedelta(seconds=clamped)).astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
