"""Queries as templates: Jinja in a sandbox, with the window to load as variables."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from tocsin.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.sandbox import Sandbox

__all__ = ["RESERVED_VARIABLES", "render_query"]

RESERVED_VARIABLES = ("tocsin_start_time", "tocsin_end_time", "interval_seconds")
_BEGINNING = "1970-01-01 00:00:00"
_END = "2262-01-01 00:00:00"  # the last year that fits into nanoseconds, which DuckDB compares in
_PLACEHOLDER = re.compile(r"(?<!\{)\{\{ *([A-Za-z_][A-Za-z0-9_]*) *\}\}")


def render_query(
    text: str,
    *,
    start: datetime | None,
    end: datetime | None,
    interval_seconds: int,
    variables: Mapping[str, Any] | None = None,
) -> str:
    """Fill in a query's placeholders.

    The template sees `tocsin_start_time` and `tocsin_end_time` (text `YYYY-MM-DD HH:MM:SS`, UTC, with
    `.fff` only when there are milliseconds), `interval_seconds`, and the user's variables. It runs in
    Jinja's sandbox, and loops, sizes and time are bounded.

    Args:
        text: The query with its placeholders.
        start: The first instant wanted (naive is UTC), `None` for 1970-01-01.
        end: The first instant not wanted, `None` for 2262-01-01.
        interval_seconds: The metric's interval.
        variables: The user's variables; they may not have the names above.

    Raises:
        ConfigError: The template has a syntax error, or a variable has a reserved name.
        LoadError: The template fails while it runs, for instance on an unknown variable.

    >>> render_query("... WHERE t >= '{{ tocsin_start_time }}'", start=None, end=None, interval_seconds=60)
    "... WHERE t >= '1970-01-01 00:00:00'"
    """
    variables = variables or {}
    for name in RESERVED_VARIABLES:
        if name in variables:
            message = f"the variable {name} is set by Tocsin"
            raise ConfigError(message, hint="choose another name")
    values = {
        **variables,
        "tocsin_start_time": _BEGINNING if start is None else _text_of_instant(start),
        "tocsin_end_time": _END if end is None else _text_of_instant(end),
        "interval_seconds": interval_seconds,
    }
    filled = _fill_plain(text, values)
    if filled is not None:
        return filled
    return _sandbox().render(text, values)


@cache
def _sandbox() -> Sandbox:
    from tocsin.sandbox import Sandbox  # most queries need no Jinja

    return Sandbox("the query's template")


def _fill_plain(text: str, values: Mapping[str, Any]) -> str | None:
    """Fill in a template of bare names, as most are, without loading Jinja; `None` when there is more."""
    if re.search(r"\{[{%#]|\r", _PLACEHOLDER.sub("x", text)):
        return None
    names = set(_PLACEHOLDER.findall(text))
    if not all(isinstance(values.get(name), (str, int, float)) for name in names):
        return None
    return _PLACEHOLDER.sub(lambda found: str(values[found[1]]), text)


def _text_of_instant(instant: datetime) -> str:
    utc = instant if instant.tzinfo is None else instant.astimezone(UTC)
    text = utc.replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")
    return text.removesuffix(".000")
