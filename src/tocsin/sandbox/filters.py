"""Jinja's filters that can make something long out of something short, with bounds, and those that count."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sized
from functools import wraps
from typing import TYPE_CHECKING, Any

from jinja2 import pass_environment
from jinja2.filters import FILTERS
from jinja2.utils import htmlsafe_json_dumps

from tocsin.sandbox.bounds import MOST_CHARACTERS, TooMuchError, bounded, budget, size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jinja2 import Environment

__all__ = ["COUNTED", "JOINED", "STEP", "WRITTEN", "filters", "printf"]

COUNTED = "tocsin counted"  # no template can name a filter with a space in it
JOINED = "tocsin joined"
STEP = "tocsin step"
WRITTEN = "tocsin written"

_FINEST = 300  # digits before or after the point: those of a float
_WIDEST = 1000  # characters: of a padded number, of an indentation
_NOT_THERE = ("batch", "slice", "pprint", "urlize")
_WIDTHS = re.compile(r"%(?:\([^)]*\))?[#0\- +]*(\*|\d*)(?:\.(\*|\d*))?")


def filters(own: dict[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """Give the filters that templates may use: what goes in and what comes out is bounded.

    Args:
        own: Filters of ours besides Jinja's.
    """
    ours: dict[str, Callable[..., Any]] = {
        "join": _joined,
        "replace": _replaced,
        "format": printf,
        "indent": _indented,
        "center": _centered,
        "wordwrap": _wrapped,
        "tojson": _as_json,
        "sum": _sum,
        "round": _rounded,
    }
    there = {name: one for name, one in FILTERS.items() if name not in _NOT_THERE}
    result = {name: _within_bounds(one) for name, one in {**there, **ours, **own}.items()}
    return {**result, COUNTED: _counted, JOINED: _joined, STEP: _stepped, WRITTEN: _written}


def printf(text: Any, *args: Any, **named: Any) -> str:
    """Fill in `%s`, `%.2f`, …; a width is no more than a line or two.

    >>> printf("%.1f %5d", 2.25, 7)
    '2.2     7'
    """
    form = str(text)
    widths = [width for found in _WIDTHS.findall(form) for width in found if width]
    if any(width == "*" or int(width) > _WIDEST for width in widths):
        raise TooMuchError
    largest = max(map(size_of, (*args, *named.values())), default=0)
    if len(form) + form.count("%") * (_WIDEST + largest) > MOST_CHARACTERS:
        raise TooMuchError
    return form % (named or args)


def _within_bounds(plain: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(plain)  # with the marks by which Jinja knows what it wants first
    def checked(*args: Any, **named: Any) -> Any:
        for value in (*args, *named.values()):
            bounded(value)
        result = plain(*args, **named)
        make = budget.get().make
        return map(make, result) if isinstance(result, Iterator) else make(result)

    return checked


def _counted(items: Iterable[Any]) -> Iterator[Any]:
    mine = budget.get()
    for item in items:
        mine.step()
        yield item


def _stepped(text: str) -> str:
    budget.get().step()
    return text


def _written(text: str) -> str:
    made: str = budget.get().make(text)
    return made


def _joined(items: Iterable[Any], separator: str = "", attribute: None = None) -> str:
    del attribute
    texts = [str(bounded(item)) for item in items]
    if sum(map(len, texts)) + len(separator) * len(texts) > MOST_CHARACTERS:
        raise TooMuchError
    return separator.join(texts)


def _replaced(text: str, old: str, new: str) -> str:
    text = str(text)
    if len(text) + text.count(old) * len(new) > MOST_CHARACTERS:
        raise TooMuchError
    return text.replace(old, new)


def _indented(text: str, width: int | str = 4, first: bool = False, blank: bool = False) -> Any:  # noqa: FBT001, FBT002 (Jinja's signature)
    lines = str(text).count("\n") + 2
    each = len(width) if isinstance(width, str) else width
    if len(str(text)) + lines * each > MOST_CHARACTERS:
        raise TooMuchError
    return FILTERS["indent"](text, width, first, blank)


def _centered(text: str, width: int = 80) -> str:
    if width > _WIDEST:
        raise TooMuchError
    return str(text).center(width)


@pass_environment
def _wrapped(environment: Environment, text: str, width: int = 79, break_long_words: bool = True) -> Any:  # noqa: FBT001, FBT002 (Jinja's signature)
    return FILTERS["wordwrap"](environment, text, width, break_long_words)


def _as_json(value: Any) -> Any:
    return htmlsafe_json_dumps(value, sort_keys=True)


def _rounded(value: float, precision: int = 0, method: str = "common") -> Any:
    if abs(precision) > _FINEST:
        raise TooMuchError
    return FILTERS["round"](value, precision, method)


@pass_environment
def _sum(
    environment: Environment, items: Iterable[Any], attribute: str | None = None, start: float = 0
) -> Any:
    if isinstance(start, Sized):  # joins lists
        raise TooMuchError
    return FILTERS["sum"](environment, items, attribute, start)
