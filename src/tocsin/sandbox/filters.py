"""Jinja's filters that can make something long out of something short, with bounds, and those that count."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sized
from functools import wraps
from typing import TYPE_CHECKING, Any

from jinja2 import pass_environment
from jinja2.filters import FILTERS, make_attrgetter
from jinja2.tests import TESTS
from jinja2.utils import htmlsafe_json_dumps

from tocsin.sandbox.bounds import MOST_CHARACTERS, TooMuchError, bounded, budget, size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jinja2 import Environment

__all__ = ["COUNTED", "JOINED", "STEP", "WIDEST", "WRITTEN", "filters", "printf", "tests"]

COUNTED = "tocsin counted"  # no template can name a filter with a space in it
JOINED = "tocsin joined"
STEP = "tocsin step"
WRITTEN = "tocsin written"

_FINEST = 300  # digits before or after the point: those of a float
WIDEST = 1000
"""How many characters a padded number may have, an indentation, and how many items a line of `batch`."""
_LONGEST_WRAPPED = 100_000  # a word of many lines is copied once a line
_LONGEST_INDENTED = 10_000  # characters of JSON, whose lines are indented the further the deeper they are
_WIDEST_STEP = 16
_NOT_THERE = ("pprint", "urlize")
# `%%`, a name with parentheses in it, or the width and the precision.
_WIDTHS = re.compile(r"%(?:%|(\([^()]*\()|(?:\([^()]*\))?[#0\- +]*(\*|\d*)(?:\.(\*|\d*))?)")


def filters(own: dict[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """Give the filters that templates may use: what goes in and what comes out is bounded.

    Args:
        own: Filters of ours besides Jinja's.
    """
    ours: dict[str, Callable[..., Any]] = {
        "join": _joined_of,
        "batch": _few(FILTERS["batch"]),
        "slice": _few(FILTERS["slice"]),
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


def tests() -> dict[str, Any]:
    """Give Jinja's tests; each looks at the clock first, as `select` runs many without a step."""
    return {name: _in_time(one) for name, one in TESTS.items()}


def printf(text: Any, *args: Any, **named: Any) -> str:
    """Fill in `%s`, `%.2f`, …; a width is no more than a line or two.

    >>> printf("%.1f %5d", 2.25, 7)
    '2.2     7'
    """
    form = str(text)
    widths = [width for found in _WIDTHS.findall(form) for width in found if width]
    if any(not width.isdecimal() or int(width) > WIDEST for width in widths):
        raise TooMuchError
    largest = max(map(size_of, (*args, *named.values())), default=0)
    if len(form) + form.count("%") * (WIDEST + largest) > MOST_CHARACTERS:
        raise TooMuchError
    return form % (named or args)


def _within_bounds(plain: Callable[..., Any]) -> Callable[..., Any]:
    passed = int(hasattr(plain, "jinja_pass_arg"))  # the first one is then Jinja's own

    @wraps(plain)  # with the marks by which Jinja knows what it wants first
    def checked(*args: Any, **named: Any) -> Any:
        make = budget.get().make  # first, so that nothing is worked out when the template is read
        for value in (*args[passed:], *named.values()):
            bounded(value)
        result = plain(*args, **named)
        return map(make, result) if isinstance(result, Iterator) else make(result)

    return checked


def _in_time(plain: Any) -> Callable[..., Any]:
    @wraps(plain)
    def checked(*args: Any, **named: Any) -> Any:
        budget.get().look_at_the_clock()
        return plain(*args, **named)

    return checked


def _few(plain: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(plain)
    def checked(*args: Any, **named: Any) -> Any:
        if any(isinstance(value, int) and value > WIDEST for value in (*args, *named.values())):
            raise TooMuchError
        return plain(*args, **named)

    return checked


def _counted(items: Iterable[Any]) -> Iterator[Any]:
    mine = budget.get()
    for item in items:
        mine.step()
        yield item


def _stepped(text: str) -> str:
    budget.get().step()
    return text


def _written(value: Any) -> Any:
    return budget.get().make(value)


@pass_environment
def _joined_of(
    environment: Environment, items: Iterable[Any], d: Any = "", attribute: str | int | None = None
) -> str:
    get = make_attrgetter(environment, attribute)
    return _joined(items if attribute is None else map(get, items), str(d))


def _joined(items: Iterable[Any], separator: str = "") -> str:
    texts = [str(bounded(item)) for item in items]
    if sum(map(len, texts)) + len(separator) * len(texts) > MOST_CHARACTERS:
        raise TooMuchError
    return separator.join(texts)


def _replaced(s: Any, old: str, new: str, count: int | None = None) -> str:
    text = str(s)
    if len(text) + text.count(old) * len(new) > MOST_CHARACTERS:
        raise TooMuchError
    return text.replace(old, new, -1 if count is None else count)


def _indented(text: str, width: int | str = 4, first: bool = False, blank: bool = False) -> Any:  # noqa: FBT001, FBT002 (Jinja's signature)
    lines = str(text).count("\n") + 2
    each = len(width) if isinstance(width, str) else width
    if len(str(text)) + lines * each > MOST_CHARACTERS:
        raise TooMuchError
    return FILTERS["indent"](text, width, first, blank)


def _centered(text: str, width: int = 80) -> str:
    if width > WIDEST:
        raise TooMuchError
    return str(text).center(width)


@pass_environment
def _wrapped(environment: Environment, s: Any, *args: Any, **named: Any) -> Any:
    longest = max(map(size_of, (*args, *named.values())), default=0)  # what stands between the lines
    if len(str(s)) > _LONGEST_WRAPPED or len(str(s)) * longest > MOST_CHARACTERS:
        raise TooMuchError
    return FILTERS["wordwrap"](environment, s, *args, **named)


def _as_json(value: Any, indent: int | None = None) -> Any:
    if indent is not None and (indent > _WIDEST_STEP or size_of(value) > _LONGEST_INDENTED):
        raise TooMuchError
    return htmlsafe_json_dumps(value, sort_keys=True, indent=indent)


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
