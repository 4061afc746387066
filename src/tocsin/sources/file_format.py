"""What kind of file something is, and how DuckDB is told to read it so that no bad cell stops it."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tocsin.errors import ConfigError, LoadError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FileFormat", "quoted_identifier", "quoted_text", "recognise_file", "template_text"]

_KINDS: dict[str, Literal["csv", "parquet", "json"]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
}
_DELIMITERS = (";", "\t", "|", ",")  # a comma that parts lines as well as another one is in their numbers
_SAMPLE_BYTES = 256 * 1024
_SAMPLE_LINES = 100
_SEPARATOR = re.compile("sep=([,;\t|])", re.IGNORECASE)  # Excel writes and reads it in front of the header
_CONTROLS = re.compile(
    "[\x80-\x9f]"
)  # in Latin-1 no letters: there are in Windows' own and in Asian encodings
_NUMBER_OR_TIME = re.compile(
    r"[+-]?(\d[\d.,]*([eE][+-]?\d+)?|\.\d+)|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?"
)


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How a file is read.

    Attributes:
        kind: `csv`, `parquet` or `json`.
        options: What DuckDB's function that reads it has to know.
        stem: The file's name without what says its format.
    """

    kind: Literal["csv", "parquet", "json"]
    options: tuple[str, ...]
    stem: str

    def relation(self, location: str) -> str:
        """Write the call that reads the file at a path."""
        # In brackets a character stands for itself, outside some stand for many files.
        file = quoted_text(re.sub(r"[*?\[]", lambda found: f"[{found[0]}]", location))
        return f"read_{self.kind}({', '.join([file, *self.options])})"

    def as_text(self, names: list[str]) -> FileFormat:
        """Give the format that reads these columns, and all of them as text."""
        columns = ", ".join(f"{quoted_text(name)}: 'VARCHAR'" for name in names)
        return FileFormat(self.kind, (*self.options, f"columns = {{{columns}}}"), self.stem)


def quoted_text(text: str) -> str:
    """Write a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def quoted_identifier(name: str) -> str:
    """Write a column's name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def template_text(sql: str) -> str:
    """Protect what Jinja would read as a placeholder.

    >>> template_text("'a{{b.csv'")
    "'a{{ '{' }}{{ '{' }}b.csv'"
    """
    return re.sub(r"\{(?=[{%#])|(?<=\{)\{", "{{ '{' }}", sql)


def recognise_file(path: Path) -> FileFormat:
    """Look at a file's name and beginning.

    Raises:
        ConfigError: There is no such file, or it has no known ending.
        LoadError: It is empty, or not text although it should be.
    """
    name = path.name
    for ending in (".gz", ".zst"):
        name = name.removesuffix(ending)
    suffix = "." + name.rpartition(".")[2].lower() if "." in name else ""
    if not path.is_file():
        what = "is not a file" if path.exists() else "does not exist"
        raise ConfigError(f"{path} {what}", hint="name CSV, Parquet or JSON files")
    if suffix not in _KINDS:
        hint = f"files end in {', '.join(_KINDS)}, perhaps with .gz"
        raise ConfigError(f"{path} has no known ending", hint=hint)
    _refuse_empty(path)
    kind, stem = _KINDS[suffix], name[: -len(suffix)]
    match kind:
        case "parquet":
            return FileFormat(kind, (), stem)
        case "json":
            # A line that is not JSON becomes a row of NULLs, which is counted; an array has no such choice.
            lines = ("format = 'newline_delimited'", "ignore_errors = true")
            return FileFormat(kind, ("format = 'auto'",) if suffix == ".json" else lines, stem)
        case "csv":
            options, names = _csv_options(path, suffix)
            return FileFormat(kind, options, stem).as_text(names)


def _refuse_empty(path: Path) -> None:
    try:
        empty = path.stat().st_size == 0
    except OSError as error:
        raise LoadError(f"{path} cannot be read ({error.strerror})") from error
    if empty:
        raise LoadError(f"{path} is empty", hint="it needs a header and rows")


def _csv_options(path: Path, suffix: str) -> tuple[tuple[str, ...], list[str]]:
    """Decide everything about a CSV file once, so that rows added later cannot change how it is read."""
    text, encoding = _beginning(path)
    every_line = text.splitlines()
    skip = _blank_until(every_line, 0)
    told = _SEPARATOR.fullmatch(every_line[skip]) if skip < len(every_line) else None
    skip = _blank_until(every_line, skip + 1) if told else skip
    lines = every_line[skip : skip + _SAMPLE_LINES]
    if not lines:
        raise LoadError(f"{path} has no rows", hint="it needs a header and rows")
    delimiter = told[1] if told else "\t" if suffix == ".tsv" else _delimiter(lines)
    skip = _header_place(every_line, skip, delimiter)
    in_a_comment = _is_header_in_a_comment(every_line, skip, delimiter)
    skip -= in_a_comment
    lines = every_line[skip : skip + _SAMPLE_LINES]
    if in_a_comment:
        lines[0] = lines[0].lstrip("#")
    first = next(csv.reader(lines, delimiter=delimiter))
    header = not any(_NUMBER_OR_TIME.fullmatch(cell.strip()) for cell in first)
    names = _column_names(first if header else [""] * len(first))
    quoted = _uses_quotes(list(csv.reader(lines[header:], delimiter=delimiter)), lines, delimiter)
    options = [
        "auto_detect = false",
        f"header = {str(header).lower()}",
        f"delim = {quoted_text(delimiter)}",
        f"""quote = '{'"' if quoted else ""}'""",
        f"""escape = '{'"' if quoted else ""}'""",
        f"strict_mode = {str(quoted).lower()}",
        # DuckDB reads no line breaks within quotes while it pads short rows; those are then an error.
        f"null_padding = {str(not (quoted and _breaks_within_quotes(text, delimiter))).lower()}",
        *([f"skip = {skip}"] if skip else []),
        *([f"encoding = {quoted_text(encoding)}"] if encoding != "utf-8" else []),
    ]
    return tuple(options), names


def _blank_until(lines: list[str], place: int) -> int:
    """Give the first place from here on with a line that is neither blank nor a comment."""
    while place < len(lines) and (not lines[place].strip() or lines[place].startswith("#")):
        place += 1
    return place


def _header_place(lines: list[str], place: int, delimiter: str) -> int:
    """Pass over a title: lines with a single cell, without quotes, in front of a table with more."""
    rows = csv.reader(lines[place : place + _SAMPLE_LINES], delimiter=delimiter)
    (width, _), *_ = Counter(len(row) for row in rows if row).most_common(1)
    begin = place
    while width > 1 and begin < len(lines) and not re.search(f'["{re.escape(delimiter)}]', lines[begin]):
        begin = _blank_until(lines, begin + 1)
    return begin if begin < len(lines) else place


def _is_header_in_a_comment(lines: list[str], place: int, delimiter: str) -> bool:
    """Tell whether the line before the first one with values is a comment that names them: `#time,value`."""
    if not place or not lines[place - 1].startswith("#"):
        return False
    rows = list(csv.reader(lines[place - 1 : place + 1], delimiter=delimiter))
    if len(rows) == 1:  # a comment with a quotation mark that nothing closes
        return False
    named, first = rows
    has_values = any(_NUMBER_OR_TIME.fullmatch(cell.strip()) for cell in first)
    return len(named) == len(first) > 1 and has_values


def _beginning(path: Path) -> tuple[str, str]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            head = file.read(_SAMPLE_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise LoadError(f"{path} cannot be read ({reason})") from error
    if not head:
        raise LoadError(f"{path} is empty", hint="it needs a header and rows")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return head.decode("utf-16", errors="replace"), "utf-16"
    if b"\0" in head or path.suffix == ".zst":
        raise LoadError(f"{path} is not a text file", hint="save it as CSV in UTF-8")
    try:
        # The last character may be cut in two.
        return codecs.getincrementaldecoder("utf-8-sig")().decode(head), "utf-8"
    except UnicodeDecodeError:
        text = head.decode("latin-1")
    if _CONTROLS.search(text):
        message = f"{path} is neither UTF-8 nor UTF-16 nor Latin-1, so its letters cannot be read"
        hint = "save it as CSV in UTF-8; of a file from Windows `iconv -f CP1252 -t UTF-8` makes one"
        raise LoadError(message, hint=hint)
    return text, "latin-1"


def _uses_quotes(rows: list[list[str]], lines: list[str], delimiter: str) -> bool:
    """Say whether a quote in the file has a meaning.

    In a file of bare numbers a stray quote must not swallow the lines after it. Where cells are quoted,
    or are text and may be further down, it has one, and a row that breaks the rules is an error rather
    than read wrong.
    """
    mark = re.escape(delimiter)
    if any(re.search(rf'(?:^|{mark})"[^"]*"(?:{mark}|$)', line) for line in lines):
        return True
    width = max(map(len, rows), default=0)
    for place in range(width):
        cells = [row[place].strip() for row in rows if place < len(row)]
        bare = sum(not cell or _NUMBER_OR_TIME.fullmatch(cell) is not None for cell in cells)
        if bare < len(cells) / 2:
            return True
    return False


def _breaks_within_quotes(text: str, delimiter: str) -> bool:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return any("\n" in cell or "\r" in cell for row in rows for cell in row)
    except csv.Error:  # a quote that nothing closes
        return False


def _delimiter(lines: list[str]) -> str:
    def consistency(delimiter: str) -> tuple[float, int]:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
        width, count = widths.most_common(1)[0]
        return (count / widths.total(), width) if width > 1 else (0.0, 0)

    return max(_DELIMITERS, key=consistency)


def _column_names(cells: list[str]) -> list[str]:
    """Give every column a name of its own; databases do not tell `A` from `a`."""
    names: list[str] = []
    for place, cell in enumerate(cells):
        name = base = cell.strip() or f"column{place}"
        count = 1
        while name.lower() in {other.lower() for other in names}:
            count += 1
            name = f"{base}_{count}"
        names.append(name)
    return names
