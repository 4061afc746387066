"""How events and their numbers are shown: columns, tables, CSV."""

from __future__ import annotations

import csv
import io
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.cli.console import console, fitting_widths, print_table, visible
from tocsin.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tocsin.eventstorage.idea import Idea

__all__ = [
    "COUNTED",
    "CsvOption",
    "check_form",
    "counted_by",
    "plain",
    "print_csv",
    "print_events",
    "shortened",
    "what_and_whom",
]

CsvOption = Annotated[bool, typer.Option("--csv", help="Print CSV.")]

COUNTED = {
    "category": "category",
    "class": "eventclass",
    "severity": "eventseverity",
    "description": "description",
    "detector": "node_name",
    "detector-type": "node_type",
    "group": "resolvedabuses",
    "source": "source_ip",
    "target": "target_ip",
    "source-host": "source_host",
    "target-host": "target_host",
    "source-port": "source_port",
    "target-port": "target_port",
    "source-type": "source_type",
    "target-type": "target_type",
    "protocol": "protocol",
    "inspection-error": "inspectionerrors",
}
"""What events can be counted by: the name in an option → the column."""

_MOST_VALUES = 2
_LONGEST = 60


def counted_by(name: str | None) -> str | None:
    """Give the column of a value of `--by`.

    Raises:
        ConfigError: There is none.
    """
    if name is None:
        return None
    from tocsin.eventstorage.query.columns import counted_column

    try:  # the names of search parameters are understood too
        return counted_column(COUNTED.get(name, name))
    except DataError:
        raise ConfigError(f"--by {name!r} is not understood", hint=f"one of {', '.join(COUNTED)}") from None


def check_form(*, as_json: bool, as_csv: bool) -> None:
    """Make sure that it is asked for one form at most.

    Raises:
        ConfigError: For two.
    """
    if as_json and as_csv:
        raise ConfigError("--json and --csv do not go together", hint="give one of them")


def plain(value: Any) -> Any:
    """Give a value as JSON has it: times in ISO 8601."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def print_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as CSV, as RFC 4180 has it: in UTF-8, whatever the terminal can show."""
    text = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    finally:
        text.detach()  # standard output is not ours to close


def print_events(events: Sequence[Idea]) -> None:
    """Print a table with a line an event; columns in which nothing stands are left out.

    On a terminal too narrow for it each event has some lines.
    """
    from rich.cells import cell_len

    cells = [_cells(event) for event in events]
    columns = [name for name in _COLUMNS if any(row[name] for row in cells)]
    widths = [max(len(name), *(cell_len(row[name]) for row in cells)) for name in columns]
    out = console()
    if out.is_terminal and fitting_widths(columns, widths, out.width) is None:
        for row in cells:
            for line in _lines(row):
                typer.echo(line)
    else:
        print_table(None, columns, [[row[name] for name in columns] for row in cells])


def shortened(text: str, longest: int = _LONGEST) -> str:
    """Give a text from the data for a table: on one line, and not so long that nobody can read the others.

    >>> shortened("GET /index.php?id=1", 12)
    'GET /index.…'
    """
    shown = visible(text)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def what_and_whom(categories: Sequence[str], sources: Sequence[str], targets: Sequence[str]) -> str:
    """Write in a few words what an event was, and whom it is about.

    >>> what_and_whom(["Recon.Scanning"], ["192.0.2.7"], ["www.example.org"])
    'Recon.Scanning, 192.0.2.7 → www.example.org'
    """
    what, source, target = (shortened(_some(values)) for values in (categories, sources, targets))
    return ", ".join(filter(None, (what, _places(source, target))))


def _places(source: str, target: str) -> str:
    return f"{source} → {target}".strip() if target else source


def _lines(row: dict[str, str]) -> Iterator[str]:
    places = _places(row["source"], row["target"])
    yield "  ".join(filter(None, (row["detected (UTC)"], row["severity"], row["category"])))
    for text in (places, ": ".join(filter(None, (row["detector"], row["description"]))), row["id"]):
        if text:
            yield f"    {text}"


_COLUMNS = ("detected (UTC)", "severity", "category", "source", "target", "detector", "description", "id")


def _cells(event: Idea) -> dict[str, str]:
    row = event.row
    at = event.detecttime
    values = {
        "detected (UTC)": "" if at is None else at.isoformat(" ")[:19],
        "severity": row.eventseverity or "",
        "category": _some(row.category),
        "source": _some((*row.source_ip, *row.source_host), row.source_port),
        "target": _some((*row.target_ip, *row.target_host), row.target_port),
        "detector": _some(row.node_name),
        "description": row.description or "",
    }
    cut = {name: shortened(text) for name, text in values.items()}
    return {**cut, "id": visible(event.id)}


def _some(values: Sequence[str], ports: Sequence[int] = ()) -> str:
    """Write the first values, and how many more there are.

    >>> _some(["10.0.0.1", "10.0.0.2", "10.0.0.3"], [22])
    '10.0.0.1, 10.0.0.2 +1 :22'
    """
    shown = ", ".join(values[:_MOST_VALUES])
    if len(values) > _MOST_VALUES:
        shown += f" +{len(values) - _MOST_VALUES}"
    if ports:
        shown += " :" + ",".join(map(str, ports[:_MOST_VALUES])) + ("…" if len(ports) > _MOST_VALUES else "")
    return shown.strip()
