"""What the commands share: options, where to write, how to show tables and errors."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from tocsin.errors import ConfigError, TocsinError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from rich.console import Console
    from rich.text import Text

__all__ = [
    "ExcludeOption",
    "FromOption",
    "JsonOption",
    "ProfileOption",
    "ProjectDir",
    "SelectOption",
    "ThreadsOption",
    "ToOption",
    "check_window",
    "console",
    "count",
    "exit_with",
    "fitting_widths",
    "parse_time",
    "print_json",
    "print_line",
    "print_table",
    "print_written",
    "thread_count",
    "unwritable",
    "visible",
    "visible_lines",
    "warn",
]

_WIDTH_OF_A_PIPE = 160
_GAP = 2
_INDENT = 4
_NARROWEST = 10
_NARROWEST_TERMINAL = _INDENT + _NARROWEST  # some say that they have no width at all
_NAMES = frozenset({"id", "name", "monitor", "log", "events", "series", "file"})
"""Columns of what the next command is given: of no use when cut."""
_MOST_THREADS = 4  # more do not help: they take turns at writing into the memory

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
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        max=64,
        help="Monitors to work on at once [one a processor, at most 4].",
        metavar="NUMBER",
        show_default=False,
    ),
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
    out = Console(stderr=stderr, highlight=False, width=None if is_terminal else _WIDTH_OF_A_PIPE)
    if out.width >= _NARROWEST_TERMINAL:
        return out
    return Console(stderr=stderr, highlight=False, width=_NARROWEST_TERMINAL)


def thread_count(threads: int | None) -> int:
    """Give how many monitors to work on at once: as many as were asked for, or what fits this machine."""
    return threads or min(os.cpu_count() or 1, _MOST_THREADS)


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Write a number of things.

    >>> count(1, "monitor"), count(1234, "monitor"), count(2, "anomaly", "anomalies")
    ('1 monitor', '1,234 monitors', '2 anomalies')
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def exit_with(error: TocsinError) -> NoReturn:
    """Say an error in one sentence and leave with its exit code."""
    typer.echo(f"error: {visible_lines(str(error))}", err=True)
    sys.exit(2 if isinstance(error, ConfigError) else 1)


def unwritable(path: Path | str, error: OSError) -> ConfigError:
    """Make the error of a file that was asked for and cannot be written."""
    hint = "make its folder first" if isinstance(error, FileNotFoundError) else "name another file or folder"
    return ConfigError(f"{path} cannot be written ({error.strerror or error})", hint=hint)


def warn(text: str) -> None:
    """Say something that does not stop the command."""
    typer.echo(f"note: {visible_lines(text)}", err=True)


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


def visible_lines(text: str) -> str:
    """Write control characters as escapes, but for the ends of lines."""
    return "\n".join(map(visible, text.split("\n")))


def print_table(title: str | None, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; columns whose name begins with `#` are numbers, right-aligned.

    On a terminal the widest columns of text become narrower until all fit. Where that is not enough nothing
    is cut, and the columns that do not fit stand in lines of their own below. In a pipe lines are as long as
    they are.
    """
    from rich.table import Table
    from rich.text import Text

    cells = [[cell if isinstance(cell, Text) else Text(visible(str(cell))) for cell in row] for row in rows]
    out = console()
    widths = _natural_widths(columns, cells)
    if title is not None:
        out.print(Text(title, style="bold"))
    if out.is_terminal:
        fitting = fitting_widths(columns, widths, out.width)
        if fitting is None:
            _print_folded(out, columns, cells, widths)
            return
        widths = fitting
    out.width = max(out.width, sum(widths) + _GAP * len(columns))
    table = Table(header_style="bold", box=None, pad_edge=False)
    for column, width in zip(columns, widths, strict=True):
        side: Literal["left", "right"] = "right" if column[:1] == "#" else "left"
        table.add_column(column.removeprefix("#"), justify=side, no_wrap=True, width=width)
    for row_of_cells in cells:
        table.add_row(*row_of_cells)
    out.print(table)


def fitting_widths(columns: Sequence[str], widths: Sequence[int], available: int) -> list[int] | None:
    """Make the widest columns of text narrower until all fit; cut numbers, times and names are useless.

    >>> fitting_widths(["what", "#times", "id"], [30, 5, 36], 60)
    [15, 5, 36]
    >>> fitting_widths(["what", "id"], [30, 36], 40)
    """
    fitting, room = list(widths), available - _GAP * (len(columns) - 1)
    flexible = [
        at
        for at, column in enumerate(columns)
        if not (column in _NAMES or column.startswith("#") or column.endswith("(UTC)"))
    ]
    while sum(fitting) > room:
        widest = max(flexible, key=fitting.__getitem__, default=None)
        if widest is None or fitting[widest] <= _NARROWEST:
            return None
        fitting[widest] -= 1
    return fitting


def _print_folded(
    out: Console, columns: Sequence[str], cells: Sequence[Sequence[Text]], widths: Sequence[int]
) -> None:
    """Print each row in several lines: what fits in one, and below it, further in, the next columns."""
    from rich.padding import Padding
    from rich.text import Text

    heads = [Text(column.removeprefix("#"), style="bold") for column in columns]
    for row in (heads, *cells):
        for number, places in enumerate(_folds(widths, out.width)):
            aligned = [row[at].copy() for at in places]
            for at, cell in zip(places, aligned, strict=True):
                cell.align("right" if columns[at][:1] == "#" else "left", widths[at])
            line = Text(" " * _GAP).join(aligned)
            line.rstrip()
            out.print(Padding(line, (0, 0, 0, _INDENT if number else 0), expand=False))


def _folds(widths: Sequence[int], available: int) -> list[list[int]]:
    """Say which columns stand in the first line of a row, which in the second, and so on.

    >>> _folds([8, 30, 19, 19], 60)
    [[0, 1], [2, 3]]
    """
    lines: list[list[int]] = []
    room = -1
    for at, width in enumerate(widths):
        room -= _GAP + width
        if room < 0:
            room = available - width - (_INDENT if lines else 0)
            lines.append([])
        lines[-1].append(at)
    return lines


def print_line(text: str, *, indent_by: int = _INDENT) -> None:
    """Print a line; on a terminal that is too narrow for it words go on below, further in."""
    import textwrap

    out = console()
    lines = [text]
    if out.is_terminal and len(text) > out.width:
        indent = " " * (len(text) - len(text.lstrip()) + indent_by)
        lines = textwrap.wrap(
            text,
            out.width,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
            replace_whitespace=False,
        )
    for line in lines:
        typer.echo(line)


def _natural_widths(columns: Sequence[str], cells: Sequence[Sequence[Text]]) -> list[int]:
    return [
        max(len(column.removeprefix("#")), *(row[at].cell_len for row in cells), 0)
        for at, column in enumerate(columns)
    ]


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


def check_window(
    start: datetime | None,
    end: datetime | None,
    options: tuple[str, str] = ("--from", "--to"),
    *,
    with_end: bool = False,
) -> None:
    """Refuse a window in which nothing can lie: what would be shown looks as if nothing had happened.

    Args:
        start: Its begin.
        end: Its end.
        options: What they are called.
        with_end: Whether the end lies in it.

    Raises:
        ConfigError: It ends before it begins.
    """
    if start is None or end is None or start < end or (with_end and start == end):
        return
    times = [f"{option} {time:%Y-%m-%d %H:%M:%S}" for option, time in zip(options, (start, end), strict=True)]
    raise ConfigError(f"{times[0]} is not before {times[1]}", hint="the other way round?")
