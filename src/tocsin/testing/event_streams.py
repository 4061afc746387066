"""Events to test detectors with: usual ones, odd ones, and hostile ones."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tocsin.model import ParsedLog

__all__ = [
    "BEGIN",
    "HOSTILE_VALUES",
    "make_different_events",
    "make_event",
    "make_stream",
    "with_hostile_values",
]

BEGIN = 1_767_225_600.0  # 2026-01-01
_USERS = ("ada", "bob", "cleo")
_PATHS = ("/index", "/shop/list", "/shop/item", "/help")

HOSTILE_VALUES: tuple[Any, ...] = (
    float("nan"), math.inf, -math.inf, -0.0, 1e308, None, True, 10**5000, 2**80, "", "\ud800\udfff", "\x00",
    "a\nb\x1b[31m", "é" * 3, "x" * 2**20, b"", b"\xff\x00", b"y" * 2**20, Decimal("sNaN"),
    Decimal("1e999999"), (1, ("a", None)), datetime(2026, 1, 1, tzinfo=UTC), ["a", 1], {"a": 1}, {"set"},
    object(),
)  # fmt: skip


def make_event(
    number: int,
    event_id: int | str,
    named: Mapping[str, Any] | None = None,
    variables: Sequence[Any] = (),
    time: float | None = None,
) -> ParsedLog:
    """Make an event as a parser gives it; its `logID` is made from its number.

    >>> make_event(3, "login", {"user": "ada"})["logID"]
    'log:3'
    """
    return {
        "EventID": event_id,
        "template": f"event {event_id}",
        "variables": list(variables),
        "logFormatVariables": dict(named or {}),
        "log": f"{event_id} {' '.join(map(str, named or ()))}",
        "logID": f"log:{number}",
        "receivedTimestamp": BEGIN,
        "parsedTimestamp": time,
    }


def make_stream(normal: int, odd: int = 150, *, seed: int = 0) -> list[ParsedLog]:
    """Make a stream of events: usual ones, then some in which each kind of anomaly occurs.

    Sessions of `login`, `get`, `get`, `logout`, one event every ten seconds; `login` has `user` and `host`
    that belong together; `get` has a number `size`, a text `path`, a random `pid`; 7 has two positional
    variables. Between the odd ones: an unknown event, a new user, known values together as never before, a
    large number, an odd text, a session in the wrong order, a burst.

    Args:
        normal: How many usual events come first.
        odd: How many events follow.
        seed: Decides what is random.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    events: list[ParsedLog] = []
    kinds: list[int] = []
    time = BEGIN

    def add(event_id: int | str, named: Mapping[str, Any], variables: Sequence[Any] = ()) -> None:
        events.append(make_event(len(events), event_id, named, variables, time))

    while len(events) < normal + odd:
        is_odd = len(events) >= normal
        if is_odd and not kinds:
            kinds = chance.sample(range(9), 9)
        kind = kinds.pop() if is_odd else 8
        session = f"s{len(events)}"
        user = chance.choice(_USERS)
        named: dict[str, Any] = {"session": session, "user": user, "host": f"pc-{user}"}
        if kind == 0:
            named["user"] = "mallory"
        elif kind == 1:
            named["host"] = f"pc-{_USERS[_USERS.index(user) - 1]}"
        add("login", named)
        for step in range(2):
            time += 10.0
            size = chance.randrange(100, 200) if kind != 2 else chance.choice(["999999", "-"])
            path = chance.choice(_PATHS) if kind != 3 else "/xq;%00zzqj?"
            add("get", {"session": session, "size": str(size), "path": path, "pid": chance.randrange(10**9)})
            if kind == 4 and step == 0:
                add("exec", {"session": session, "user": user})
        if kind == 5:
            for _ in range(40):
                add(7, {"session": session}, ("tick", 1))
        time += 10.0
        add(7, {"session": session}, (chance.choice(("tick", "tock")) if kind != 6 else "boom", 1))
        add("logout" if kind != 7 else "login", {"session": session, "user": user})
    return events[: normal + odd]


def make_different_events(count: int) -> list[ParsedLog]:
    """Make events whose ids, variables and values are all new."""
    events = []
    for number in range(count):
        named = {
            "user": f"u{number}",
            "session": number,
            f"key{number}": number,
            "path": chr(0x4E00 + number % 9_999),
        }
        event_id: int | str = "login" if number % 2 else f"event {number}"
        events.append(make_event(number, event_id, named, [f"v{number}"] * 2, BEGIN + 60.0 * number))
    return events


def with_hostile_values(events: Sequence[ParsedLog]) -> Iterator[ParsedLog]:
    """Give the events with a hostile value in one of their variables and in a further one."""
    for number, event in enumerate(events):
        odd = HOSTILE_VALUES[number % len(HOSTILE_VALUES)]
        names = list(event["logFormatVariables"])
        changed = {**event["logFormatVariables"], names[number % len(names)]: odd, "odd": odd}
        if number % 5 == 0:
            changed["var_0"] = "a name of a positional one"
        yield make_event(
            10_000 + number,
            event["EventID"],
            changed,
            [odd, *event["variables"][1:]],
            event["parsedTimestamp"],
        )
