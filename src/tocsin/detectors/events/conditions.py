"""Conditions on the fields of an event: declared, compiled to functions, nothing evaluated."""

from __future__ import annotations

import operator
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, model_validator

from tocsin.detectors.events.character_set import text_of
from tocsin.detectors.events.config import Settings
from tocsin.detectors.events.expectation import MISSING
from tocsin.detectors.events.value_range import number_of
from tocsin.detectors.events.words import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Condition", "compile_condition", "field_of", "matching"]

_LONGEST_PATTERN = 1_000
_LONGEST_TEXT = 65_536

Operation = Literal[
    "equals", "not_equals", "in", "not_in", "contains", "not_contains", "starts_with", "ends_with",
    "regex", "above", "at_least", "below", "at_most", "level_at_least", "exists", "missing",
]  # fmt: skip

_LEVELS = {
    name: rank
    for rank, names in enumerate(
        (
            ("trace", "verbose", "finest", "finer"),
            ("debug", "fine"),
            ("info", "information", "informational", "config"),
            ("notice",),
            ("warning", "warn"),
            ("error", "err", "severe"),
            ("critical", "crit", "fatal"),
            ("alert",),
            ("emergency", "emerg", "panic"),
        )
    )
    for name in names
}
_NUMBERS = {
    "above": operator.gt,
    "at_least": operator.ge,
    "below": operator.lt,
    "at_most": operator.le,
}
_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "contains": operator.contains,
    "not_contains": lambda text, part: part not in text,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
}


class Condition(Settings):
    """One condition.

    Attributes:
        field: A named variable, `var_0` …, or `EventID`, `template`, `log`.
        op: What has to be so. An event without the field only fulfils `missing`.
        value: What it is compared with: a text or number, a list (`in`, `not_in`), the name of a level
            (`level_at_least`); nothing for `exists` and `missing`. A number is compared as a number, with
            texts that are numbers as well. `regex` is in the syntax of RE2, whose time grows with the text's
            length only; it has no look-around and no back references.
        ignore_case: Whether texts are compared without regard to case.
    """

    field: str = Field(min_length=1)
    op: Operation
    value: str | int | float | bool | list[str | int | float | bool] | None = None
    ignore_case: bool = False

    @model_validator(mode="after")
    def _the_value_fits(self) -> Self:
        value = self.value
        if self.op in {"exists", "missing"}:
            fits, wanted = value is None, "no value"
        elif self.op in {"in", "not_in"}:
            fits, wanted = isinstance(value, list) and bool(value), "a list"
        elif self.op in _NUMBERS:
            fits, wanted = number_of(value) is not None, "a number"
        elif self.op == "level_at_least":
            fits = isinstance(value, str) and value.lower() in _LEVELS
            wanted = "the name of a level such as warning"
        elif self.op in _TEXTS or self.op == "regex":
            fits, wanted = isinstance(value, str) and bool(value), "a text"
        else:
            fits, wanted = value is not None and not isinstance(value, list), "a text or a number"
        if not fits:
            raise ValueError(f"{self.op} of {self.field} needs {wanted}, not {value!r}")
        if self.op == "regex":
            _check_pattern(str(value))
        return self

    def in_words(self) -> str:
        """Give the condition for people."""
        words = self.op.replace("_", " ")
        return f"{self.field} {words}" if self.value is None else f"{self.field} {words} {quoted(self.value)}"


def field_of(input_: Mapping[str, Any], field: str) -> Any:
    """Give the value of a field of an event, `MISSING` when it has none; variables come first."""
    named = input_.get("logFormatVariables")
    if named and field in named:
        return named[field]
    index = field.removeprefix("var_")
    if index != field and index.isdecimal():
        row = input_.get("variables") or ()
        return row[int(index)] if int(index) < len(row) else MISSING
    if field in {"EventID", "template", "log"}:
        return input_.get(field, MISSING)
    return MISSING


def compile_condition(condition: Condition) -> Callable[[Any], bool]:
    """Give a function that tells whether a value (not `MISSING`) fulfils a condition (not `regex`)."""
    op, wanted = condition.op, condition.value
    if op in {"exists", "missing"}:
        return lambda _: op == "exists"
    if op in _NUMBERS:
        return _comparison(_NUMBERS[op], number_of(wanted) or 0.0)
    if op == "level_at_least":
        least = _LEVELS[str(wanted).lower()]
        return lambda value: _LEVELS.get((text_of(value) or "").strip().lower(), -1) >= least
    fold = str.casefold if condition.ignore_case else str
    if op in _TEXTS:
        part, holds = fold(str(wanted)), _TEXTS[op]
        return lambda value: (text := text_of(value)) is not None and holds(fold(text), part)
    choices = [_equality(one, fold) for one in (wanted if isinstance(wanted, list) else [wanted])]
    if op in {"equals", "in"}:
        return lambda value: any(equal(value) for equal in choices)
    return lambda value: not any(equal(value) for equal in choices)


def _comparison(compare: Callable[[float, float], bool], limit: float) -> Callable[[Any], bool]:
    return lambda value: (number := number_of(value)) is not None and compare(number, limit)


def _equality(wanted: Any, fold: Callable[[str], str]) -> Callable[[Any], bool]:
    if isinstance(wanted, bool):
        return lambda value: value is wanted
    if isinstance(wanted, str):
        text = fold(wanted)
        return lambda value: (found := text_of(value)) is not None and fold(found) == text
    return lambda value: number_of(value) == wanted


def matching(pattern: str, values: Sequence[Any]) -> list[bool]:
    """Tell for each value whether a pattern is somewhere in the first 65,536 characters of its text."""
    import pyarrow as pa

    texts = [_clean(text_of(value)) for value in values]
    found: list[bool] = _search(pattern).call([pa.array(texts, pa.string())]).to_pylist()
    return [bool(one) for one in found]


def _clean(text: str | None) -> str | None:
    if text is None:
        return None
    return text[:_LONGEST_TEXT].encode("utf-8", "replace").decode()


class _Search:
    """A compiled call of Arrow's search, which is RE2's."""

    def __init__(self, pattern: str) -> None:
        import pyarrow.compute as pc

        self._function = pc.get_function("match_substring_regex")
        self._options = pc.MatchSubstringOptions(pattern)

    def call(self, arguments: list[Any]) -> Any:
        return self._function.call(arguments, self._options)


@cache
def _search(pattern: str) -> _Search:
    return _Search(pattern)


def _check_pattern(pattern: str) -> None:
    if len(pattern) > _LONGEST_PATTERN:
        raise ValueError(
            f"a regex has at most {_LONGEST_PATTERN:,} characters, this one has {len(pattern):,}"
        )
    try:
        matching(pattern, [""])
    except (ValueError, UnicodeError) as error:
        raise ValueError(f"{pattern!r} is no regex of RE2: {error}") from None
