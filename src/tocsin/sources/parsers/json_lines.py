"""Logs with a JSON object a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.errors import ParseError
from tocsin.sources.parsers.base import BaseParser, Reading
from tocsin.sources.parsers.drain.tree import event_id_of
from tocsin.sources.parsers.flatten import read_object
from tocsin.sources.parsers.times import since_1970

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tocsin.sources.parsers.drain import TemplateMiner
    from tocsin.sources.parsers.times import TimeReader

__all__ = [
    "EVENT_KEYS",
    "MESSAGE_KEYS",
    "TIME_KEYS",
    "JsonParser",
    "event_id_of_keys",
    "names_a_kind",
    "take_time",
]

TIME_KEYS = [
    "@timestamp",
    "timestamp",
    "time",
    "ts",
    "datetime",
    "date",
    "eventTime",
    "event_time",
    "EventTime",
    "TimeCreated",
    "UtcTime",
    "@t",
    "t",
    "asctime",
    "created",
    "created_at",
    "__REALTIME_TIMESTAMP",
    "Timestamp",
    "time_iso8601",
]
"""Where the time of a line is looked for, in this order."""

_EARLIEST = 10**8  # a smaller number is how long something took, as in text of fewer digits

EVENT_KEYS = [
    "EventID",
    "EventId",
    "event_id",
    "eventId",
    "event.id",
    "event.code",
    "event_name",
    "eventName",
    "event.action",
    "event",
    "event_type",
    "eventType",
    "type",
    "kind",
    "action",
    "msg_id",
    "messageId",
]
"""Where the EventID of a line is looked for, in this order."""

MESSAGE_KEYS = ["message", "msg", "short_message", "@m", "MESSAGE", "log", "text"]
"""Where the message is looked for, whose template is learned when there is no EventID."""

_LONGEST_ID = 128
_LIKE_AN_ID = 16  # characters: hexadecimal digits of that length name one event, not a kind of event


class JsonParser(BaseParser):
    """Reads JSON lines: every key is a named variable, but the one that gives the time.

    Args:
        event_id: The keys whose values are the EventID; none: the first of `EVENT_KEYS` with a number or
            a short text that looks like no random id, else the learned template of the message, else the
            set of keys.
        time: The key of the time, or `None` for the first of `TIME_KEYS` that is one.
        message: The key of the message, or `None` for the first of `MESSAGE_KEYS` that is text.
        miner: Learns the templates of messages.
        times: Reads the times.
    """

    def __init__(
        self,
        event_id: Sequence[str],
        time: str | None,
        message: str | None,
        miner: TemplateMiner,
        times: TimeReader,
    ) -> None:
        self._event_keys = tuple(event_id)
        self._time_keys = TIME_KEYS if time is None else [time]
        self._message_keys = MESSAGE_KEYS if message is None else [message]
        self._mines_first = message is not None and not event_id
        self._miner = self.learner = miner
        self._times = times

    def read_text(self, text: str, reference: datetime | None) -> Reading:
        """Make an event of a line."""
        named = read_object(text)
        time = take_time(named, self._time_keys, self._times, reference)
        if self._event_keys:
            event_id = event_id_of_keys(named, self._event_keys)
            return event_id, " ".join(f"{key}={named[key]}" for key in self._event_keys), [], named, time
        for key in () if self._mines_first else EVENT_KEYS:
            value = named.get(key)
            if value is not None and names_a_kind(value):
                return value, f"{key}={value}", [], named, time
        for key in self._message_keys:
            value = named.get(key)
            if type(value) is str:
                return *self._miner.read("", value), named, time
        keys = sorted(named)
        return event_id_of("keys", *keys), "keys: " + " ".join(keys), [], named, time


def take_time(
    named: dict[str, Any], keys: Sequence[str], times: TimeReader, reference: datetime | None
) -> float | None:
    """Take the first time that is one out of the named values."""
    for key in keys:
        value = named.get(key)
        if value is None:
            continue
        kind = type(value)
        if kind is str:
            seconds = times.read(value, reference)
        elif (kind is int or kind is float) and value >= _EARLIEST:
            seconds = since_1970(value)
        else:
            seconds = None
        if seconds is not None:
            del named[key]
            return seconds
    return None


def event_id_of_keys(named: dict[str, Any], keys: Sequence[str]) -> int | str:
    """Make the EventID of given keys: one keeps its type, several become text joined by colons.

    Raises:
        ParseError: A key is missing, or has a value that cannot be an EventID.
    """
    values = []
    for key in keys:
        value = named.get(key)
        if type(value) is not str and type(value) is not int:
            what = f"is {value!r:.80}" if key in named else "is missing"
            raise ParseError(f"{key}, of which the EventID is made, {what}")
        values.append(value)
    return values[0] if len(values) == 1 else ":".join(map(str, values))


def names_a_kind(value: Any) -> bool:
    """Say whether a value can be the name of a kind of event."""
    if type(value) is int:
        return True
    if type(value) is not str or not 0 < len(value) <= _LONGEST_ID:
        return False
    digits = value.replace("-", "")
    return len(digits) < _LIKE_AN_ID or not all(one in "0123456789abcdefABCDEF" for one in digits)
