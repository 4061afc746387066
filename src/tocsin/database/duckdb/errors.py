"""DuckDB's errors as ours: one sentence, not a dump."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tocsin.errors import DatabaseError, StoreFullError, StoreLockedError, StoreReadOnlyError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["map_error", "mapped_errors"]

_KIND = re.compile(r"\A(?:[A-Z][A-Za-z]+ )*Error: ")
_ART = re.compile(r"^LINE (?P<line>\d+): (?P<text>.*)\n(?P<carets> *\^+)?", re.MULTILINE)
_HINTS = ("Did you mean", "Candidate bindings", "Candidate functions")
_CSV_FACTS = (
    "Error when",
    "Expected Number",
    "Value with",
    "Invalid unicode",
    "The CSV",
    "The parallel",
)
_ABSENT = re.compile(r'No files found that match the pattern "(?P<file>[^"]+)"')
_LONGEST = 300


@contextmanager
def mapped_errors(location: str) -> Iterator[None]:
    """Turn what DuckDB raises in the block into a `DatabaseError`.

    A signal whose handler raises ends a query; DuckDB hides what was raised, here it is a
    `KeyboardInterrupt` again, so that no retry or report swallows it.
    """
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise map_error(str(error), location) from error
    except RuntimeError as error:
        if "Query interrupted" in str(error):
            raise KeyboardInterrupt from error
        raise
    except (OverflowError, UnicodeEncodeError, TypeError) as error:
        raise DatabaseError(f"DuckDB cannot take a value: {error}") from error


def map_error(text: str, location: str) -> DatabaseError:
    """Give our error for the text of one of DuckDB, which knows more than its class.

    Args:
        text: What DuckDB says: a sentence, then hints, a drawing of the place, options of the reader.
        location: The database, for messages.
    """
    sentence = _sentence(text)
    if "Could not set lock on file" in text:
        return StoreLockedError(
            f"{location} is open in another program", hint="DuckDB lets one in at a time", transient=True
        )
    if "read-only mode" in text or "Permission denied" in text:
        return StoreReadOnlyError(f"{location} cannot be written: {sentence}")
    if "No space left" in text or "Disk quota" in text:
        return StoreFullError(f"no space is left for {location}", hint="free some space")
    if "not a valid DuckDB database file" in text:
        return DatabaseError(
            f"{location} is damaged, or is not a DuckDB database",
            hint="check the path; CSV, Parquet and JSON files are read in a query",
        )
    absent = _ABSENT.search(text)
    if absent:
        return DatabaseError(f"there is no file {absent['file']}", hint="check its name in the query")
    conflict = "onflict" in text and text.startswith("TransactionContext Error")
    return DatabaseError(sentence, hint=_hint(text), transient=conflict)


def _sentence(text: str) -> str:
    art = _ART.search(text)
    body = _ART.sub("", text).strip()
    lines = [line.strip() for line in body.splitlines() if line.strip()]
    first = _KIND.sub("", lines[0]) if lines else "DuckDB failed"
    if first.startswith("CSV Error on Line"):
        first = " ".join([first, *_csv_facts(lines)])
    first = first.rstrip(".!:")
    place = _place(art)
    if place and place not in first:
        first += f" (near {place})"
    return first if len(first) <= _LONGEST else first[: _LONGEST - 1] + "…"


def _csv_facts(lines: list[str]) -> Iterator[str]:
    """Find what is wrong in a file's row, and which file, among the options of the reader."""
    for line in lines[1:]:
        if line.startswith("file ="):
            yield f"in {line.partition('=')[2].strip()}"
        elif line.startswith(_CSV_FACTS):
            yield line.rstrip(".")


def _place(art: re.Match[str] | None) -> str:
    """Give the part of the query that the carets point at."""
    if art is None or not art["carets"]:
        return ""
    offset = art["carets"].index("^") - len(f"LINE {art['line']}: ")
    length = art["carets"].count("^")
    return art["text"][max(offset, 0) : max(offset, 0) + length].strip()


def _hint(text: str) -> str | None:
    for line in _ART.sub("", text).splitlines():
        if line.startswith(_HINTS):
            return line.strip()
    return None
