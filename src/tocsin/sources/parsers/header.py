"""What stands in front of a message: time, host, level and whatever else a log writes there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.errors import ParseError
from tocsin.sources.parsers.patterns import compile_header

if TYPE_CHECKING:
    import re
    from datetime import datetime

    from tocsin.sources.parsers.times import TimeReader

__all__ = ["Header"]

_LONGEST_HEADER = 4096
_WHOLE_TIME = frozenset({"timestamp", "datetime", "date_time"})
_PART_OF_TIME = frozenset({"year", "month", "date", "day", "time"})


class Header:
    """Takes a line apart into named values, content and time.

    The time is the group `timestamp`, or those of `year`, `month`, `date`, `day` and `time` that are there,
    in their order, or `time` alone: the first that can be read. The content is the group `content` or
    `message`, or what follows the match. Names of groups count in any case; all other groups are named
    values.

    Args:
        pattern: See `compile_header`.
        times: Reads the times.

    Raises:
        ValueError: The pattern is none.
    """

    def __init__(self, pattern: str, times: TimeReader) -> None:
        compiled = compile_header(pattern)
        self._match = compiled.match
        self._times = times
        names = list(compiled.groupindex)
        content = [name for name in names if name.lower() in {"content", "message"}]
        self._content = content[0] if content else None
        self._time_groups = _time_groups(names)
        of_time = {name for group in self._time_groups for name in group}
        self._named = [name for name in names if name != self._content and name not in of_time]

    @property
    def has_content(self) -> bool:
        """Whether the pattern has a group for the content."""
        return self._content is not None

    @property
    def has_time(self) -> bool:
        """Whether the pattern has groups for the time."""
        return bool(self._time_groups)

    @property
    def named(self) -> tuple[str, ...]:
        """The groups that are named values: neither content nor time."""
        return tuple(self._named)

    def read(self, text: str, reference: datetime | None) -> tuple[dict[str, Any], str, float | None]:
        """Give the named values of a line, its content and its time.

        Raises:
            ParseError: The line has another header.
        """
        # An expression of a user may go back and forth: not over a line of a mebibyte.
        match = self._match(text if len(text) <= _LONGEST_HEADER else text[:_LONGEST_HEADER])
        if match is None:
            raise ParseError("the line does not begin as the header says")
        groups = match.groupdict()
        named = {name: groups[name] for name in self._named if groups[name] is not None}
        return named, self._content_of(match, text), self._time_of(groups, reference)

    def _time_of(self, groups: dict[str, str | Any], reference: datetime | None) -> float | None:
        for names in self._time_groups:
            words = [groups[name] for name in names if groups[name] is not None]
            time = self._times.read(" ".join(words), reference) if words else None
            if time is not None:
                return time
        return None

    def _content_of(self, match: re.Match[str], text: str) -> str:
        if self._content is None:
            return text[match.end() :].lstrip()
        begin, end = match.span(self._content)
        if begin < 0:
            return ""
        return text[begin:] if end == _LONGEST_HEADER else text[begin:end]


def _time_groups(names: list[str]) -> list[list[str]]:
    """Give the groups of which the time may be made, the best first."""
    whole = [[name] for name in names if name.lower() in _WHOLE_TIME]
    parts = [name for name in names if name.lower() in _PART_OF_TIME]
    alone = [[name] for name in parts if name.lower() == "time" and len(parts) > 1]
    return [*whole, *([parts] if parts else []), *alone]
