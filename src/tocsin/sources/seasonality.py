"""What a slot's time says about it: hour, weekday, holiday, …, as one JSON object a slot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.sources.holiday import holiday_days
from tocsin.sources.local_time import local_milliseconds, read_zone
from tocsin.sources.values import text_of_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

__all__ = ["seasonality_json", "seasonality_of"]

_MINUTE = 60_000
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_DAYS_OF_WEEK = 7
_THURSDAY = 3  # the weekday of 1970-01-01 when Monday is 0
_SATURDAY = 5
_MOST_KEYS = 2**62


def seasonality_of(
    times: NDArray[np.int64], columns: tuple[str, ...], *, timezone: str, holidays: str | None
) -> dict[str, NDArray[Any]]:
    """Compute seasonality columns.

    `minute` 0-59, `hour` 0-23, `day_of_week` 0 (Monday) to 6, `day_of_month` 1-31, `week_of_month` 1-5
    (days 1-7 are week 1), `month` 1-12, `is_weekend` (Saturday, Sunday), `is_holiday`; all by the clocks
    of the zone.

    Args:
        times: int64 milliseconds since the epoch, rising.
        columns: Which of them.
        timezone: The IANA zone.
        holidays: Country or subdivision for `is_holiday`.

    Raises:
        ConfigError: There is no such zone or country.
    """
    if not columns:
        return {}
    local = local_milliseconds(times, read_zone(timezone))
    days = local // _DAY
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    day_of_month = (dates - months.astype("datetime64[D]")).astype(np.int64) + 1
    weekday = (days + _THURSDAY) % _DAYS_OF_WEEK
    compute: dict[str, Callable[[], NDArray[Any]]] = {
        "minute": lambda: local // _MINUTE % 60,
        "hour": lambda: local // _HOUR % 24,
        "day_of_week": lambda: weekday,
        "day_of_month": lambda: day_of_month,
        "week_of_month": lambda: (day_of_month - 1) // _DAYS_OF_WEEK + 1,
        "month": lambda: months.astype(np.int64) % 12 + 1,
        "is_weekend": lambda: weekday >= _SATURDAY,
        "is_holiday": lambda: np.isin(days, holiday_days(holidays or "", days)),
    }
    return {column: compute[column]() for column in columns}


def seasonality_json(columns: Mapping[str, NDArray[Any]], count: int) -> NDArray[np.object_]:
    """Write columns as JSON objects with sorted keys, one a slot.

    Each distinct combination is written once and shared by all the slots that have it.

    Args:
        columns: Name → array of length `count`.
        count: How many slots.

    Returns:
        Object array of `count` texts; `{}` without columns.
    """
    key = np.zeros(count, dtype=np.int64)
    size = 1
    coded: list[tuple[NDArray[np.int64], NDArray[np.object_]]] = []
    for name in sorted(columns):
        codes, texts = _coded_json(columns[name])
        coded.append((codes, np.array([f"{json.dumps(name)}: {text}" for text in texts], dtype=object)))
        if size * len(texts) > _MOST_KEYS:
            distinct, key = np.unique(key, return_inverse=True)
            size = len(distinct)
        key = key * len(texts) + codes
        size *= len(texts)
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    parts = [fragments[codes[first]] for codes, fragments in coded]
    objects = np.array(["{" + ", ".join(row) + "}" for row in zip(*parts, strict=True)], dtype=object)
    if not parts:
        objects = np.full(len(first), "{}", dtype=object)
    result: NDArray[np.object_] = objects[place]
    return result


def _coded_json(column: NDArray[Any]) -> tuple[NDArray[np.int64], list[str]]:
    if column.dtype.kind == "O":
        texts = np.array([_json_of_value(value) for value in column], dtype=object)
        places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        codes = np.fromiter(map(places.__getitem__, texts), dtype=np.int64, count=len(texts))
        return codes, list(places)
    distinct, inverse = np.unique(column, return_inverse=True)
    return inverse.astype(np.int64), [_json_of_value(value) for value in distinct]


def _json_of_value(value: Any) -> str:
    """Write a value as JSON, the same whether or not other rows of its column are NULL."""
    if isinstance(value, np.generic) and value.dtype.kind != "M":
        value = value.item()
    text = text_of_value(value)
    if not text and not isinstance(value, str):
        return "null"
    if isinstance(value, (bool, int)):
        return text
    if isinstance(value, float):
        return text if np.isfinite(value) else "null"
    return json.dumps(text)
