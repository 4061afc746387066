"""Kinds of fields that several configurations have, and how a rule gets its name."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from tocsin.model import Interval, parse_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Duration",
    "Instant",
    "IntervalField",
    "MonitorName",
    "RuleName",
    "Tags",
    "TimeZone",
    "enabled_rules",
    "one_or_many",
]

_DURATION_SCHEMA = {
    "description": "a length of time: 30s, 10min, 1h, 1d, 1w, or seconds",
    "anyOf": [{"type": "string"}, {"type": "number"}],
}


def _parse_instant(value: Any) -> datetime:
    """Read an instant; one without a zone is UTC."""
    message = f"{value!r} is not a date or time: write 2024-01-31 or 2024-01-31 12:00:00"
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day, tzinfo=UTC)
        if isinstance(value, datetime):
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(message) from None
    raise ValueError(message)


def _check_timezone(name: Any) -> str:
    try:
        ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"{name!r} is not a time zone: write an IANA name such as Europe/Berlin"
        raise ValueError(message) from error
    return str(name)


def _check_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    for tag in tags:
        if not tag or any(character in tag for character in ", \t\n"):
            message = f"the tag {tag!r} must be one word without commas, so that it can be selected"
            raise ValueError(message)
    return tags


Duration = Annotated[timedelta, BeforeValidator(parse_duration), WithJsonSchema(_DURATION_SCHEMA)]
Instant = Annotated[
    datetime,
    BeforeValidator(_parse_instant),
    PlainSerializer(datetime.isoformat),
    WithJsonSchema({"type": "string", "description": "a date or an ISO time; UTC unless it has an offset"}),
]
IntervalField = Annotated[
    Interval,
    BeforeValidator(lambda value: value if isinstance(value, Interval) else Interval.parse(value)),
    PlainSerializer(str),
    WithJsonSchema(_DURATION_SCHEMA),
]
TimeZone = Annotated[str, BeforeValidator(_check_timezone)]
# A monitor's name becomes part of series names, file names and messages; { } = are used by dimensions.
MonitorName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}$")]
RuleName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
Tags = Annotated[tuple[str, ...], AfterValidator(_check_tags)]


def one_or_many(written: Any) -> BeforeValidator:
    """Take a mapping for a list of it alone; `written` is the type of both, for the schema."""
    return BeforeValidator(
        lambda value: [value] if isinstance(value, dict) else value, json_schema_input_type=written
    )


class _Rule(Protocol):
    """What every alerting rule has."""

    @property
    def name(self) -> str | None: ...

    @property
    def enabled(self) -> bool: ...


_R = TypeVar("_R", bound=_Rule)


def enabled_rules(rules: Sequence[_R]) -> tuple[tuple[str, _R], ...]:
    """Give the enabled alerting rules, each with its name, or one made of its place."""
    return tuple(
        (rule.name or ("default" if index == 0 else f"rule-{index + 1}"), rule)
        for index, rule in enumerate(rules)
        if rule.enabled
    )
