"""How the numbers of a file are written: which mark is the decimal one, currencies, per cent.

What could be read in two ways is not read: `1,234` alone may be a thousand or one and a bit, an amount in
dollars is none in euros.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tocsin.sources.file_format import quoted_identifier, quoted_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tocsin.abc import ColumnSource

__all__ = ["LeftOut", "NumberForm", "find_forms", "is_missing_sql"]

_MOST = 0.8  # of the cells: then a column is one of numbers
_SURE = 0.05  # of the cells with a mark, or the other way round: then a mark is sure
_SOME = 0.05  # of the cells: fewer numbers are chance, and the column is text
_LONGEST_EXAMPLE = 30
_SPACE = r"[ \x{A0}\x{202F}]"
_GAP = r"[ \x{A0}\x{202F}'\x{2019}]"  # between groups of three digits, beside point and comma
_UNIT = r"([A-Z]{0,3}\p{Sc}|USD|EUR|GBP|CHF|JPY)"
_DIGITS = rf"([0-9]{{1,3}}(({_GAP}|[.,])[0-9]{{3}})+|[0-9]+)([.,][0-9]+)?"
_NUMBER = rf"[+-]?({_UNIT}{_SPACE}?)?[+-]?{_DIGITS}({_SPACE}?({_UNIT}|%))?"
_MEASURED = rf"[+-]?[0-9]+([.,][0-9]+)?{_SPACE}?[A-Za-zµ°²³/]{{1,8}}"
_OBJECT = "[{].*[}]"
_UNSURE = "[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}"
# What programs write where there is no value, in lower case: R, pandas, spreadsheets, databases, SAS, people.
_MISSING = (
    *("n/a", "na", "n.a.", "<na>", "#n/a", "#na", "#n/a n/a", "null", "none", "nil", r"\n"),
    *("-", "--", "\u2013", "\u2014", ".", "?"),
)


def _sure(mark: str, other: str) -> str:
    """Give the expression of bare numbers in which a mark is the decimal one, and can be nothing else."""
    groups = f"[0-9]{{1,3}}([{other}][0-9]{{3}})"
    return (
        f"[+-]?(0[{mark}][0-9]+|{groups}*[{mark}]([0-9]{{1,2}}|[0-9]{{4,}})|[0-9]{{4,}}[{mark}][0-9]+"
        f"|{groups}+[{mark}][0-9]+|{groups}{{2,}})"
    )


@dataclass(frozen=True, slots=True)
class NumberForm:
    """How the numbers of a column are written.

    Attributes:
        decimal: The decimal mark; the other one may stand between groups of three digits.
        gaps: What else stands between such groups.
        unit: The currency or `%` that may stand beside a number; empty without one.
        example: A cell of that form.
    """

    decimal: Literal[".", ","]
    gaps: str
    unit: str
    example: str

    @property
    def pattern(self) -> str:
        """The regular expression of its numbers, for DuckDB."""
        other = "," if self.decimal == "." else "."
        gaps = re.sub(
            "[\xa0\u202f\u2019]", lambda found: f"\\x{{{ord(found[0]):X}}}", self.gaps
        )  # seen, in a file
        digits = f"([0-9]{{1,3}}([{other}{gaps}][0-9]{{3}})+|[0-9]+)([{self.decimal}][0-9]+)?"
        if not self.unit:
            return f"[+-]?{digits}"
        unit = re.escape(self.unit)
        before = "" if self.unit == "%" else f"({unit}{_SPACE}?)?[+-]?"
        return f"[+-]?{before}{digits}({_SPACE}?{unit})?"

    def sql(self, column: str) -> str:
        """Make numbers of a column; a cell of another form is left as it is, so that it can be shown."""
        text = f"trim({column})"
        bare = f"regexp_replace({text}, '[^0-9{self.decimal}+-]', '', 'g')"
        number = f"replace({bare}, ',', '.')" if self.decimal == "," else bare
        is_number = f"regexp_full_match({text}, {quoted_text(self.pattern)})"
        return f"CASE WHEN {is_number} THEN {number} ELSE {column} END"

    @property
    def reading(self) -> str:
        """Say by its example how numbers are read."""
        number = re.sub(rf"[^0-9{self.decimal}+-]", "", self.example).replace(",", ".")
        return f"{_quoted(self.example)} is read as {number}"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A column with numbers that cannot be watched.

    Attributes:
        reason: Why, as the end of a sentence.
        is_number: Whether (nearly) all that is in it are numbers, however they are to be read.
    """

    reason: str
    is_number: bool


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is in a column of text: counts of cells, and examples."""

    given: int
    numbers: int  # that DuckDB reads as they are, or that are written otherwise
    odd: int  # that are written otherwise
    commas: int  # whose decimal mark can only be a comma
    points: int
    unsure: int
    unsure_commas: int
    united: int
    measured: int
    objects: int
    units: tuple[str, ...]
    gaps: str
    example: str
    unsure_example: str
    other: str

    @property
    def own_mark(self) -> Literal[".", ","] | None:
        """The decimal mark that its cells show by themselves; `None` when they do not, or contradict."""
        enough = _SURE * (self.commas + self.points + self.unsure)
        if self.commas and self.commas >= enough and self.points <= _SURE * self.commas:
            return ","
        if self.points and self.points >= enough and self.commas <= _SURE * self.points:
            return "."
        return None


def is_missing_sql(text: str) -> str:
    """Write whether a trimmed text is empty or stands for a value that is missing."""
    return f"lower({text}) IN ({', '.join(map(quoted_text, ('', *_MISSING)))})"


def find_forms(
    source: ColumnSource, sample: str, odd: Sequence[str], plain: Sequence[str]
) -> dict[str, NumberForm | LeftOut]:
    """Find how the numbers of columns of text are written.

    A column whose own cells do not show which mark is the decimal one is read as the others of its file are.

    Args:
        source: DuckDB.
        sample: Rows to look at, called `file`.
        odd: The columns with cells that are no numbers as they are.
        plain: The other ones.

    Returns:
        A form for a column whose numbers have to be made of its cells, and why a column with numbers cannot
        be watched. Columns of plain numbers, and of other things than numbers, are not in it.
    """
    seen = _look(source, sample, odd)
    if any(_is_number(one) and (one.own_mark == "," or one.unsure) for one in seen.values()):
        seen |= _look(source, sample, plain)
    marks = {one.own_mark for one in seen.values() if _is_number(one)} - {None}
    of_file = marks.pop() if len(marks) == 1 else None
    found = {name: _form(one, of_file) for name, one in seen.items()}
    return {name: one for name, one in found.items() if one is not None}


def _is_number(seen: _Seen) -> bool:
    return seen.numbers > 0 and seen.numbers >= _MOST * seen.given


def _form(seen: _Seen, of_file: Literal[".", ","] | None) -> NumberForm | LeftOut | None:
    if not _is_number(seen):
        why = _why_text(seen)
        return LeftOut(why, is_number=False) if why else None
    mark = seen.own_mark or of_file
    if why := _why_unread(seen, mark):
        return LeftOut(why, is_number=True)
    if not seen.odd and (mark != "," or not seen.unsure):
        return None  # plain ones
    return NumberForm(mark or ".", seen.gaps, "".join(seen.units), seen.example or seen.unsure_example)


def _why_text(seen: _Seen) -> str:
    """Say why a column with some numbers is none of numbers; empty when there are next to none."""
    if seen.objects and seen.objects >= _MOST * seen.given:
        return "it holds objects, whose values are not read"
    if seen.measured and seen.measured + seen.numbers >= _MOST * seen.given:
        return f"{_quoted(seen.other)} has a unit, which is not read"
    if seen.numbers and seen.numbers >= _SOME * seen.given:
        others = f"others are as {_quoted(seen.other)}"
        return f"{seen.numbers:,} of its {seen.given:,} cells are numbers, {others}"
    return ""


def _why_unread(seen: _Seen, mark: Literal[".", ","] | None) -> str:
    """Say in which two ways the numbers of a column could be read; empty when there is one."""
    if len(seen.units) > 1:
        return f"its numbers are in {' and '.join(seen.units)}"
    if seen.units == ("%",) and seen.united < (1 - _SURE) * seen.numbers:
        return "some of its numbers are per cent and some are not"
    if seen.own_mark is None and (seen.commas or seen.points):
        return "in some cells the comma is a decimal mark, in others it is not"
    if mark is None and seen.unsure_commas:
        example = seen.unsure_example
        either = f"{example.replace(',', '')} or {example.replace(',', '.')}"
        return f"{_quoted(example)} may be {either}"
    return ""


def _quoted(text: str) -> str:
    text = re.sub(r"\s", " ", text)  # those of a fixed width look alike, and would be shown as numbers
    short = text if len(text) <= _LONGEST_EXAMPLE else text[: _LONGEST_EXAMPLE - 1] + "…"
    return repr(short)


def _look(source: ColumnSource, sample: str, names: Sequence[str]) -> dict[str, _Seen]:
    if not names:
        return {}
    texts = [f"trim(CAST(file.{quoted_identifier(name)} AS VARCHAR))" for name in names]
    cells = ", ".join(
        f"CASE WHEN NOT {is_missing_sql(text)} THEN {text} END AS cell{place}"
        for place, text in enumerate(texts)
    )
    views = ", ".join(
        f"cell{place}, TRY_CAST(cell{place} AS DOUBLE) IS NOT NULL AS plain{place}, "
        f"regexp_full_match(cell{place}, {quoted_text(_NUMBER)}) AS number{place}, "
        f"regexp_replace(cell{place}, '[^0-9.,+-]', '', 'g') AS bare{place}"
        for place in range(len(names))
    )
    parts = [
        f"{sql} AS {key}{place}" for place in range(len(names)) for key, sql in _aggregates(place).items()
    ]
    row = source.read_columns(
        f"SELECT {', '.join(parts)} FROM (SELECT {views} FROM (SELECT {cells} FROM {sample}))"
    )
    return {name: _seen(row, place) for place, name in enumerate(names)}


def _aggregates(place: int) -> dict[str, str]:
    cell, plain, number, bare = (f"{what}{place}" for what in ("cell", "plain", "number", "bare"))
    unit = f"regexp_extract({cell}, {quoted_text(_UNIT + '|%')})"
    unsure = f"{number} AND regexp_full_match({bare}, {quoted_text(_UNSURE)})"
    odd = f"{number} AND NOT {plain}"
    gap = f"regexp_extract({cell}, {quoted_text(f'[0-9]({_GAP})[0-9]{{3}}')}, 1)"
    comma, point = (quoted_text(_sure(*marks)) for marks in ((",", "."), (".", ",")))
    return {
        "given": f"count({cell})",
        "numbers": f"count(*) FILTER ({plain} OR {number})",
        "odd": f"count(*) FILTER ({odd})",
        "commas": f"count(*) FILTER ({number} AND regexp_full_match({bare}, {comma}))",
        "points": f"count(*) FILTER ({number} AND regexp_full_match({bare}, {point}))",
        "unsure": f"count(*) FILTER ({unsure})",
        "unsure_commas": f"count(*) FILTER ({unsure} AND contains({bare}, ','))",
        "united": f"count(*) FILTER ({number} AND {unit} <> '')",
        "measured": f"count(*) FILTER (regexp_full_match({cell}, {quoted_text(_MEASURED)}))",
        "objects": f"count(*) FILTER (regexp_full_match({cell}, {quoted_text(_OBJECT)}, 's'))",
        "units": f"string_agg(DISTINCT {unit}, ' ' ORDER BY {unit}) FILTER ({number} AND {unit} <> '')",
        "gaps": f"string_agg(DISTINCT {gap}, '') FILTER ({odd})",
        "example": f"max_by({cell}, (length({cell}), {cell})) FILTER ({odd})",
        "unsure_example": f"min_by({bare}, (NOT contains({bare}, ','), {bare})) FILTER ({unsure})",
        "other": f"min({cell}) FILTER (NOT {plain} AND NOT {number})",
    }


def _seen(row: Mapping[str, Any], place: int) -> _Seen:
    def count(key: str) -> int:
        return int(row[f"{key}{place}"][0])

    def text(key: str) -> str:
        value = row[f"{key}{place}"][0]
        return "" if value is None else str(value)

    return _Seen(
        count("given"), count("numbers"), count("odd"), count("commas"), count("points"), count("unsure"),
        count("unsure_commas"), count("united"), count("measured"), count("objects"),
        tuple(text("units").split()), "".join(sorted(text("gaps"))), text("example"),
        text("unsure_example"), text("other"),
    )  # fmt: skip
