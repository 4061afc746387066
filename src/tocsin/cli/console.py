"""What the commands share: options, where to write, how to show tables and errors."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from tocsin.errors import ConfigError, TocsinError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from rich.console import Console

__all__ = [
    "ExcludeOption",
    "FromOption",
    "JsonOption",
    "ProfileOption",
    "ProjectDir",
    "SelectOption",
    "ToOption",
    "console",
    "count",
    "exit_with",
    "parse_time",
    "print_json",
    "print_table",
    "print_written",
    "visible",
    "warn",
]

_WIDTH_OF_A_PIPE = 160

ProjectDir = Annotated[
    Path,
    typer.Option(
        "--project-dir",
        "-p",
        help="The project's folder.",
        envvar="TOCSIN_PROJECT_DIR",
        file_okay=False,
        metavar="FOLDER",
    ),
]
ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", help="The profile to use.", envvar="TOCSIN_PROFILE", metavar="NAME"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
SelectOption = Annotated[
    str | None,
    typer.Option(
        "--select",
        "-s",
        help="Monitors: name, glob, path, tag:x, kind:x, state:failed; space is or, comma is and.",
        metavar="SELECTOR",
    ),
]
ExcludeOption = Annotated[
    str | None,
    typer.Option("--exclude", help="Monitors to leave out; like --select.", metavar="SELECTOR"),
]
FromOption = Annotated[
    str | None, typer.Option("--from", help="The first time to show (UTC).", metavar="TIME")
]
ToOption = Annotated[
    str | None, typer.Option("--to", help="The end of what is shown (UTC), exclusive.", metavar="TIME")
]


def console(*, stderr: bool = False) -> Console:
    """Give the terminal (or pipe, which has no width to wrap at) to write to."""
    from rich.console import Console

    is_terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, highlight=False, width=None if is_terminal else _WIDTH_OF_A_PIPE)


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Write a number of things.

    >>> count(1, "monitor"), count(1234, "monitor"), count(2, "anomaly", "anomalies")
    ('1 monitor', '1,234 monitors', '2 anomalies')
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def exit_with(error: TocsinError) -> NoReturn:
    """Say an error in one sentence and leave with its exit code."""
    typer.echo(f"error: {error}", err=True)
    sys.exit(2 if isinstance(error, ConfigError) else 1)


def warn(text: str) -> None:
    """Say something that does not stop the command."""
    typer.echo(f"note: {text}", err=True)


def print_json(value: Any) -> None:
    """Print a JSON document."""
    is_unicode = "utf" in (sys.stdout.encoding or "").lower()
    typer.echo(json.dumps(value, indent=2, ensure_ascii=not is_unicode, default=str))


def print_written(paths: Sequence[Path], *, as_json: bool) -> None:
    """Say which files were written."""
    if as_json:
        print_json({"schema_version": 1, "written": [str(path) for path in paths]})
    else:
        for path in paths:
            typer.echo(f"wrote {path}")


def visible(text: str) -> str:
    """Write control characters as escapes: what comes from the data must not steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def print_table(title: str | None, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; columns whose name begins with `#` are numbers, right-aligned."""
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False
    )
    for column in columns:
        table.add_column(
            column.removeprefix("#"), justify="right" if column[:1] == "#" else "left", no_wrap=True
        )
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(visible(str(cell))) for cell in row))
    console().print(table)


def parse_time(text: str | None, option: str) -> datetime | None:
    """Read an instant from an option; without an offset it is UTC.

    Raises:
        ConfigError: It is not a date or time.
    """
    if text is None:
        return None
    from datetime import UTC, datetime

    try:
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):  # in UTC, the first and last hours of all are outside of the calendar
        raise ConfigError(
            f"{option} {text!r} is not a date or time", hint="write 2024-01-31 or 2024-01-31T12:00:00"
        ) from None
