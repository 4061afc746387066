"""Windows events as JSON, as NXLog, Winlogbeat, EvtxECmd and others write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.errors import ParseError
from tocsin.sources.parsers.base import BaseParser, Reading
from tocsin.sources.parsers.flatten import read_object
from tocsin.sources.parsers.json_lines import event_id_of_keys, take_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tocsin.sources.parsers.times import TimeReader

__all__ = ["WindowsJsonParser"]

_EVENT_KEYS = (
    "EventID",
    "EventId",
    "Event.System.EventID",
    "Event.System.EventID.#text",
    "Event.System.EventID.Value",
    "winlog.event_id",
    "event_id",
    "event.code",
)
_CHANNEL_KEYS = ("Channel", "Event.System.Channel", "winlog.channel", "channel", "log_name")
_PROVIDER_KEYS = (
    "SourceName",
    "ProviderName",
    "Provider",
    "Event.System.Provider.Name",
    "Event.System.Provider.#attributes.Name",
    "winlog.provider_name",
    "provider_name",
)
_TIME_KEYS = (
    "TimeCreated",
    "@timestamp",
    "EventTime",
    "Event.System.TimeCreated.SystemTime",
    "Event.System.TimeCreated.#attributes.SystemTime",
    "winlog.time_created",
    "UtcTime",
)


class WindowsJsonParser(BaseParser):
    """Reads Windows events: the EventID is that of the data, a number or text as it is there.

    All fields are named variables, but the one that gives the time. The template is channel, provider and
    EventID. Channels use the same numbers for different events (1 of Sysmon is a new process): when a file
    holds several channels, `event_id=("Channel", "EventID")` keeps them apart as `Security:4624`.

    Args:
        event_id: The fields of which the EventID is made; none: the event's number, wherever the program
            that wrote the line has put it.
        times: Reads the times.
    """

    def __init__(self, event_id: Sequence[str], times: TimeReader) -> None:
        self._event_id = tuple(event_id)
        self._times = times

    def read_text(self, text: str, reference: datetime | None) -> Reading:
        """Make an event of a line."""
        named = read_object(text)
        number = _first(named, _EVENT_KEYS)
        if self._event_id:
            event_id = event_id_of_keys(named, self._event_id)
        elif type(number) is int or type(number) is str:
            event_id = number
        else:
            raise ParseError(
                "the event has no EventID" if number is None else f"the EventID is {number!r:.80}"
            )
        words = (
            _first(named, _CHANNEL_KEYS),
            _first(named, _PROVIDER_KEYS),
            event_id if number is None else number,
        )
        template = " ".join(str(word) for word in words if word is not None)
        return event_id, template, [], named, take_time(named, _TIME_KEYS, self._times, reference)


def _first(named: dict[str, Any], keys: Sequence[str]) -> Any:
    for key in keys:
        value = named.get(key)
        if value is not None:
            return value
    return None
