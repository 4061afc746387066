"""The stage that holds back what people asked not to be told of for a while.

A silence has matchers, all of which must hold. A matcher is `KEY=PATTERN`, which holds when one of the
values of the key fits, or `KEY!=PATTERN`, which holds when none does (so also when there are none):

- `monitor`, `series`, `rule`, `tag`, `class`, `category`, `group`, `channel`: `*` stands for anything, `?`
  for one character;
- `severity`: the same over `info`, `low`, `medium`, `high` and `critical`;
- `source`, `target`, and `host` for both: an address, a network or a range, which fits what overlaps it; or
  a host name with `*` and `?`, or `.example.org` for that name and everything below it.
"""

from __future__ import annotations

import logging
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from tocsin.alerting.event_facts import event_categories, event_class
from tocsin.alerting.patterns import address_range, glob, host_name
from tocsin.errors import ConfigError
from tocsin.model import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from tocsin.model import AlertCandidate, Silence

__all__ = ["MATCHER_KEYS", "Matcher", "Silences", "parse_matcher", "parse_matchers"]

_LOG = logging.getLogger(__name__)
_FORM = re.compile(r"\s*([A-Za-z_]+)\s*(!?=)\s*(.*?)\s*", re.DOTALL)
_VALUES: dict[str, Callable[[AlertCandidate], Iterable[str]]] = {
    "monitor": lambda candidate: (candidate.monitor,),
    "series": lambda candidate: (candidate.series,),
    "rule": lambda candidate: (candidate.rule,),
    "severity": lambda candidate: (candidate.severity.value,),
    "tag": lambda candidate: candidate.tags,
    "class": lambda candidate: filter(None, (event_class(candidate.event),)),
    "category": lambda candidate: event_categories(candidate.event),
    "source": lambda candidate: candidate.sources,
    "target": lambda candidate: candidate.targets,
    "host": lambda candidate: (*candidate.sources, *candidate.targets),
}
_ENTITIES = frozenset({"source", "target", "host"})
_LIKE_AN_ADDRESS = re.compile(r"[0-9]+\.[0-9.]*")  # 192.0.2.300: nothing ever fits it
_OF_EVENTS = _ENTITIES | {"class", "category"}  # what differs from one candidate of a rule to the next
_MOST_REMEMBERED = 1_000
MATCHER_KEYS = (*_VALUES, "group", "channel")
"""What a matcher can be about."""


class Matcher(NamedTuple):
    """One condition of a silence.

    Attributes:
        key: One of `MATCHER_KEYS`.
        negated: Whether it holds when no value fits.
        fits: Says whether a value fits.
    """

    key: str
    negated: bool
    fits: Callable[[str], object]

    def holds(self, candidate: AlertCandidate, group: str, channel: str) -> bool:
        """Say whether it holds for a candidate that would be told to a group by a channel."""
        values: Iterable[str]
        if self.key == "group":
            values = (group,)
        elif self.key == "channel":
            values = (channel,)
        else:
            values = _VALUES[self.key](candidate)
        return any(map(self.fits, values)) is not self.negated


def parse_matchers(texts: Sequence[str]) -> tuple[Matcher, ...]:
    """Read the matchers of a silence.

    Raises:
        ConfigError: There are none, or one is wrong.
    """
    if not texts:
        raise ConfigError(
            "a silence without matchers would silence everything", hint="say what: monitor=NAME"
        )
    return tuple(parse_matcher(text) for text in texts)


def parse_matcher(text: str) -> Matcher:
    """Read a matcher.

    Raises:
        ConfigError: It has another form, its key is unknown, or nothing could ever fit its pattern.

    >>> parse_matcher("monitor=db-*").key
    'monitor'
    >>> parse_matcher("mnitor=db-*")
    Traceback (most recent call last):
    ...
    tocsin.errors.ConfigError: 'mnitor=db-*': nothing is called 'mnitor': did you mean monitor?
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise ConfigError(
            f"{text!r} is no matcher", hint="write KEY=PATTERN or KEY!=PATTERN, e.g. monitor=db-*"
        )
    key, sign, pattern = found.groups()
    key = key.lower()
    if key not in MATCHER_KEYS:
        close = get_close_matches(key, MATCHER_KEYS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(MATCHER_KEYS)}"
        raise ConfigError(f"{text!r}: nothing is called {key!r}", hint=hint)
    if not pattern:
        raise ConfigError(f"{text!r} has no pattern", hint=f"{key}=* fits whatever has a {key}")
    return Matcher(key, sign == "!=", _test(text, key, pattern))


def _test(text: str, key: str, pattern: str) -> Callable[[str], object]:
    if key in _ENTITIES:
        return _entity_test(text, pattern)
    if key != "severity":
        return glob(pattern)
    fits = glob(pattern.lower())
    if not any(map(fits, Severity)):
        hint = f"severities are {', '.join(Severity)}"
        raise ConfigError(f"{text!r}: there is no severity {pattern!r}", hint=hint)
    return fits


def _entity_test(text: str, pattern: str) -> Callable[[str], object]:
    wanted = address_range(pattern)
    if wanted is not None:
        return lambda value: (found := address_range(value)) is not None and found.overlaps(wanted)
    if "/" in pattern:
        hint = "a network is written 192.0.2.0/24 or 2001:db8::/32"
        raise ConfigError(f"{text!r}: {pattern!r} is no network", hint=hint)
    first, dash, last = pattern.partition("-")
    if dash and address_range(first) is not None and address_range(last) is not None:
        hint = "a range is written 192.0.2.1-192.0.2.9, the lower address first"
        raise ConfigError(f"{text!r}: {pattern!r} is no range", hint=hint)
    if pattern.startswith("."):
        domain = host_name(pattern)
        return lambda value: f".{host_name(value)}".endswith(domain)
    if _LIKE_AN_ADDRESS.fullmatch(pattern):
        hint = "write an address 192.0.2.7, or a network 192.0.2.0/24"
        raise ConfigError(f"{text!r}: {pattern!r} is no address, and no name of a host", hint=hint)
    fits = glob(host_name(pattern))
    return lambda value: fits(host_name(value))


_Some = tuple["Silence", tuple[Matcher, ...]]


class Silences:
    """The silences that are active at an instant.

    Args:
        silences: All that may be.
        now: The present: silences begin and end by the clock, as people said.
    """

    def __init__(self, silences: Iterable[Silence], now: datetime) -> None:
        self._asked: dict[tuple[object, ...], list[_Some]] = {}
        self._silences: list[_Some] = []
        for silence in silences:
            if not silence.starts_at <= now < silence.ends_at:
                continue
            try:
                matchers = parse_matchers(silence.matchers)
            except ConfigError as error:
                _LOG.warning("silence %s cannot be read and silences nothing: %s", silence.id, error)
                continue
            self._silences.append((silence, matchers))

    def match(self, candidate: AlertCandidate, group: str, channel: str) -> Silence | None:
        """Give the first silence that holds a candidate back from a group and a channel, if there is one."""
        for silence, matchers in self._may_hold(candidate, group, channel):
            if all(matcher.holds(candidate, group, channel) for matcher in matchers):
                return silence
        return None

    def _may_hold(self, candidate: AlertCandidate, group: str, channel: str) -> list[_Some]:
        """Give the silences that a rule's candidates may meet at all, with what is left to ask of each."""
        key = (
            candidate.monitor,
            candidate.series,
            candidate.rule,
            candidate.severity,
            candidate.tags,
            group,
            channel,
        )
        found = self._asked.get(key)
        if found is None:
            if len(self._asked) >= _MOST_REMEMBERED:
                self._asked.clear()
            found = self._asked[key] = [
                (silence, tuple(matcher for matcher in matchers if matcher.key in _OF_EVENTS))
                for silence, matchers in self._silences
                if all(
                    matcher.key in _OF_EVENTS or matcher.holds(candidate, group, channel)
                    for matcher in matchers
                )
            ]
        return found
