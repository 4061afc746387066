"""`tocsin events search | show | export`: finds events, shows one whole, writes them to files."""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, cast

import typer

from tocsin.cli.console import JsonOption, count, print_json, unwritable, visible
from tocsin.cli.event_filter import checked, duration, instant, with_filters
from tocsin.cli.event_places import (
    NameOption,
    ProfileOption,
    ProjectDir,
    StoreOption,
    TimeoutOption,
    open_store,
    query_name,
)
from tocsin.cli.event_view import CsvOption, check_form, print_events
from tocsin.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tocsin.eventstorage.idea import Idea

__all__ = ["export", "search", "show"]

_FORMS = ("jsonl", "csv", "parquet")
SortOption = Annotated[
    str,
    typer.Option("--sort", help="detecttime or storagetime, with .asc or .desc.", metavar="ORDER"),
]


@with_filters
def search(
    *,
    filters: dict[str, Any],
    sort: SortOption = "detecttime.desc",
    limit: Annotated[int, typer.Option("--limit", help="How many at most.", min=1, metavar="NUMBER")] = 100,
    page: Annotated[
        int | None,
        typer.Option(
            "--page", help="Which page of --limit events.", min=1, metavar="NUMBER", show_default=False
        ),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option(
            "--after", help="Go on behind this event: what the page before says.", metavar="TIME,ID"
        ),
    ] = None,
    name: NameOption = None,
    timeout: TimeoutOption = None,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Find events: the latest ones, unless told otherwise."""
    check_form(as_json=as_json, as_csv=as_csv)
    if after is not None and page is not None:
        raise ConfigError("--after and --page do not go together", hint="--after is the faster one")
    parameters = {**filters, "sortby": sort, "limit": limit, "page": page, "after": _read_after(after)}
    with checked(), open_store(project_dir, profile, store) as service:
        _, events = service.search_events(
            parameters,
            "select" if as_json or as_csv else "select_ghost",
            query_name(name, "search"),
            timeout=duration(timeout, "--timeout"),
        )
    behind = _after(events[-1], sort) if len(events) == limit else None
    if as_json:
        print_json(
            {
                "schema_version": 1,
                "count": len(events),
                "events": [event.to_dict() for event in events],
                "after": behind,
            }
        )
    elif as_csv:
        from tocsin.eventstorage.export import write_csv

        write_csv(events, sys.stdout.buffer)
    elif events:
        print_events(events)
        if behind is not None:
            typer.echo(f"{count(len(events), 'event')}; for the next ones add --after {_quoted(behind)}")
        else:
            typer.echo(count(len(events), "event"))
    else:
        typer.echo("no event is like that" if filters or after or page else "there are no events")


@with_filters
def export(
    *,
    filters: dict[str, Any],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="A file: .jsonl, .csv, .parquet [-: standard output].", metavar="FILE"
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format", help="jsonl, csv or parquet [by the ending].", metavar="FORM", show_default=False
        ),
    ] = None,
    sort: SortOption = "detecttime.asc",
    limit: Annotated[
        int | None,
        typer.Option("--limit", help="How many at most [all].", min=1, metavar="NUMBER", show_default=False),
    ] = None,
    name: NameOption = None,
    timeout: TimeoutOption = None,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write any number of events: IDEA JSON lines, CSV or Parquet.

    CSV has the texts of events as they are. A spreadsheet takes one that begins with =, +, - or @ for a
    formula, which an attacker may have written: open the file there with all columns as text.
    """
    if output == Path("-"):
        output = None
    form = _form(form, output)
    if as_json and output is None:
        raise ConfigError("--json tells which file was written", hint="name one with --output")
    parameters = {**filters, "sortby": sort, "limit": limit}
    seconds = duration(timeout, "--timeout")
    with checked(), open_store(project_dir, profile, store) as service:
        events = service.stream_events(parameters, query_name(name, "export"), timeout=seconds)
        with closing(cast("Generator[Idea]", events)):
            if output is None:
                _write(events, form, sys.stdout.buffer)
                return
            number = _write_file(events, form, output)
    if as_json:
        print_json({"schema_version": 1, "written": [str(output)], "count": number})
    else:
        typer.echo(f"wrote {output}: {count(number, 'event')}")


def _form(form: str | None, output: Path | None) -> str:
    ending = "" if output is None else output.suffix.removeprefix(".")
    chosen = form or {"json": "jsonl", "": "jsonl"}.get(ending, ending)
    if chosen not in _FORMS:
        what = f"--format {form!r}" if form else f"the ending .{ending}"
        raise ConfigError(f"{what} is not understood", hint=f"one of {', '.join(_FORMS)}")
    if chosen == "parquet" and output is None:
        raise ConfigError("Parquet cannot be written into a pipe", hint="name a file with --output")
    return chosen


def _write(events: Iterator[Idea], form: str, stream: BinaryIO) -> int:
    from tocsin.eventstorage.export import write_csv, write_jsonl, write_parquet

    return {"jsonl": write_jsonl, "csv": write_csv, "parquet": write_parquet}[form](events, stream)


def _write_file(events: Iterator[Idea], form: str, output: Path) -> int:
    """Write beside the file first: who reads it finds the old content or all of the new one.

    Who may read it stays as it was, from the first byte on. What is no file, as a device or a pipe, is
    written itself, and stays what it is.
    """
    is_special = output.exists() and not output.is_file()
    target = output if is_special else output.resolve()
    written = target if is_special else target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with written.open("wb") as stream:
            if not is_special and target.exists():
                shutil.copymode(target, written)
            number = _write(events, form, stream)
        if not is_special:
            written.replace(target)
    except OSError as error:
        raise unwritable(output, error) from error
    finally:
        if not is_special:
            written.unlink(missing_ok=True)
    return number


def show(
    ids: Annotated[list[str], typer.Argument(help="IDs of events.", metavar="ID")],
    *,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show events whole, and what is wrong with them."""
    with open_store(project_dir, profile, store) as service:
        _, events = service.search_events({"ids": ids})
    there = {event.id: event for event in events}
    missing = [one for one in ids if one not in there]
    found = [there[one] for one in dict.fromkeys(ids) if one in there]
    if as_json:
        print_json(
            {"schema_version": 1, "events": [_described(event) for event in found], "missing": missing}
        )
    else:
        for event in found:
            _print_event(event)
    if missing:
        raise DataError(f"there is no event {', '.join(missing)}")


def _described(event: Idea) -> dict[str, Any]:
    stored = event.storagetime
    return {
        "id": event.id,
        "seq": event.seq,
        "storagetime": stored and stored.isoformat(),
        "inspection_errors": list(event.inspection_errors),
        "event": event.to_dict(),
    }


def _print_event(event: Idea) -> None:
    stored = event.storagetime
    typer.echo(f"{visible(event.id)}: stored {stored:%Y-%m-%d %H:%M:%S} UTC as number {event.seq}")
    for error in event.inspection_errors:
        typer.echo(f"  wrong with it: {visible(error)}")
    text = json.dumps(event.to_dict(), indent=2, ensure_ascii=False)
    typer.echo("\n".join(visible(line) for line in text.split("\n")))


def _read_after(text: str | None) -> tuple[object, str] | None:
    if text is None:
        return None
    time, comma, event_id = text.partition(",")
    if not comma or not event_id:
        raise ConfigError(
            f"--after {text!r} is not understood", hint="it is what the page before said: TIME,ID"
        )
    return instant(time, "--after"), event_id


def _after(event: Idea, sort: str) -> str:
    time = event.storagetime if sort.startswith("storagetime") else event.detecttime
    return f"{'' if time is None else time.isoformat()},{event.id}"


def _quoted(text: str) -> str:
    """Quote a text for a shell: an ID may hold anything, and the line is there to be copied.

    >>> print(_quoted("2026-03-02,it's"))
    '2026-03-02,it'"'"'s'
    """
    return "'" + visible(text).replace("'", "'\"'\"'") + "'"
