"""Reading one value of a search parameter: what is accepted, and the sentence when it is not."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from tocsin.errors import DataError
from tocsin.eventstorage.idea.texts import clean
from tocsin.eventstorage.idea.times import EARLIEST, EPOCH, LATEST, microseconds

__all__ = [
    "HIGHEST_PORT",
    "LARGEST",
    "check_qname",
    "instant_of",
    "read_cursor",
    "read_flag",
    "read_interval",
    "read_part",
    "read_ports",
    "read_step",
    "read_text",
    "read_time",
    "read_timeout",
    "read_whole_number",
    "refused",
]

HIGHEST_PORT = 65_535
LARGEST = 2**63 - 1
"""The largest number that a database can count to."""
_LONGEST_PART = 1_000  # SQLite takes patterns of up to 50,000 bytes, and a letter has up to 4 cases
_LONGEST_STEP = timedelta(days=36_525)
_QNAME = re.compile(r"[A-Za-z0-9_.:-]{1,63}")
_PORTS = re.compile(r"\s*([0-9]{1,5})\s*(?:-\s*([0-9]{1,5})\s*)?")


def refused(parameter: str, value: object, form: str) -> DataError:
    """Say which parameter is wrong, with what value, and what it takes."""
    try:
        shown = repr(value)
    except ValueError:  # a number with more digits than Python writes
        shown = f"a very large {type(value).__name__}"
    shown = shown if len(shown) <= 80 else shown[:77] + "..."  # noqa: PLR2004 - what fits a line
    return DataError(f"{parameter} cannot be {shown}", hint=f"it takes {form}", parameter=parameter)


def read_text(parameter: str, value: object) -> str:
    """Give a text as the storage has it."""
    if not isinstance(value, str):
        raise refused(parameter, value, "text")
    return clean(value)


def read_part(parameter: str, value: object) -> str:
    """Give a text that is short enough to be a part of another."""
    text = read_text(parameter, value)
    if len(text) > _LONGEST_PART:
        raise refused(parameter, value, f"a part of a description, {_LONGEST_PART} characters at most")
    return text


def read_time(parameter: str, value: object) -> int:
    """Give a time as microseconds since the epoch; a naive one is UTC."""
    try:
        instant = datetime.fromisoformat(value.strip()) if isinstance(value, str) else value
        if isinstance(instant, datetime):
            micros = microseconds(instant)
            if EARLIEST <= micros <= LATEST:  # in UTC, too
                return micros
    except (ValueError, OverflowError):
        pass
    raise refused(parameter, value, "a datetime, or ISO 8601 text such as 2026-03-01T12:00:00Z")


def instant_of(micros: int) -> datetime:
    """Give microseconds since the epoch as an aware instant, UTC."""
    return EPOCH + timedelta(microseconds=micros)


def read_ports(parameter: str, value: object) -> tuple[int, int]:
    """Give a port, or a range `"1000-2000"`, as its first and last."""
    first = last = -1
    if isinstance(value, int) and not isinstance(value, bool):
        first = last = value
    elif isinstance(value, str) and (match := _PORTS.fullmatch(value)):
        first = int(match[1])
        last = int(match[2] or first)
    if not 0 <= first <= last <= HIGHEST_PORT:
        raise refused(parameter, value, f'ports (0 to {HIGHEST_PORT}) and ranges such as "1000-2000"')
    return first, last


def read_flag(parameter: str, value: object) -> bool:
    """Give a truth value; `None` is false."""
    if value is not None and not isinstance(value, bool):
        raise refused(parameter, value, "True or False")
    return bool(value)


def read_whole_number(parameter: str, value: object) -> int:
    """Give a whole number from 1 on that a database can count to."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST:
        raise refused(parameter, value, "a whole number from 1 on")
    return value


def read_step(parameter: str, value: object) -> timedelta:
    """Give a length of time above zero."""
    if not isinstance(value, timedelta) or not timedelta(0) < value <= _LONGEST_STEP:
        raise refused(parameter, value, "a timedelta above zero, a century at most")
    return value


def read_interval(parameter: str, value: object) -> timedelta:
    """Give a length of time, in seconds or as it is."""
    length = value
    if isinstance(value, int | float) and not isinstance(value, bool):
        with suppress(ValueError, OverflowError):
            length = timedelta(seconds=value)
    if not isinstance(length, timedelta) or length < timedelta(0):
        raise refused(parameter, value, "seconds from 0 on, or a timedelta")
    return length


def read_timeout(parameter: str, value: object) -> float | None:
    """Give a time limit in seconds, `None` for none."""
    if value is None or (
        isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf
    ):
        return value
    raise refused(parameter, value, "a number of seconds above zero")


def read_cursor(parameter: str, value: object) -> int:
    """Give how far somebody has read; `None` is the beginning."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        raise refused(parameter, value, "what was given before, or None")
    return value


def check_qname(qname: Any) -> None:
    """Make sure that something is a name for a query, or `None`.

    Raises:
        DataError: It is not.
    """
    if qname is not None and not (isinstance(qname, str) and _QNAME.fullmatch(qname)):
        raise refused("qname", qname, "1 to 63 of A-Z, a-z, 0-9 and _ . : -")
