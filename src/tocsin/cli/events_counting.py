"""`tocsin events count | stats | timeline | top`: events in numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.cli.console import JsonOption, count, print_json, print_table
from tocsin.cli.event_filter import checked, duration, with_filters
from tocsin.cli.event_places import (
    NameOption,
    ProfileOption,
    ProjectDir,
    StoreOption,
    TimeoutOption,
    open_store,
    query_name,
)
from tocsin.cli.event_view import COUNTED, CsvOption, check_form, counted_by, plain, print_csv, shortened

if TYPE_CHECKING:
    from tocsin.eventstorage.query.aggregates import Timeline
    from tocsin.eventstorage.service import EventStorageService

__all__ = ["count_events", "stats", "timeline", "top"]

_STEPS = tuple(
    timedelta(seconds=seconds)
    for seconds in (1, 10, 60, 600, 3600, 21_600, 86_400, 604_800, 2_592_000, 31_536_000, 3_155_760_000)
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_ROWS = 60
_BAR = 40
_LONGEST_VALUE = 120  # the names of hosts and detectors are shorter


@with_filters
def count_events(
    *,
    filters: dict[str, Any],
    name: NameOption = None,
    timeout: TimeoutOption = None,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count events."""
    with checked(), open_store(project_dir, profile, store) as service:
        number = service.count_events(
            filters, query_name(name, "count"), timeout=duration(timeout, "--timeout")
        )
    if as_json:
        print_json({"schema_version": 1, "count": number})
    else:
        typer.echo(count(number, "event"))


def stats(
    *,
    brief: Annotated[bool, typer.Option("--brief", help="Leave the server's settings out.")] = False,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how much is stored, from when, and how large it is."""
    with open_store(project_dir, profile, store) as service:
        status = service.database_status(brief)
        where = service.where
    if as_json:
        print_json({"schema_version": 1, "store": where, **plain(status)})
        return
    typer.echo(f"{where}: {_size(status['bytes_total'])}")
    print_table(
        None,
        ["table", "#rows", "#size", "#of it indexes", "oldest (UTC)", "newest (UTC)"],
        [
            (
                table,
                "-" if facts.get("rows") is None else f"{facts['rows']:,}",
                _size(facts.get("bytes_total")),
                _size(facts.get("bytes_index")),
                _time(facts.get("oldest")),
                _time(facts.get("newest")),
            )
            for table, facts in status["tables"].items()
        ],
    )
    settings = status.get("settings") or {}
    if settings:
        print_table("\nSettings", ["name", "value"], sorted(settings.items()))


@with_filters
def timeline(
    *,
    filters: dict[str, Any],
    step: Annotated[
        str | None,
        typer.Option(
            "--step", help="How long a row is: 1h [what suits].", metavar="TIME", show_default=False
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", help=f"Tell values apart: {', '.join(COUNTED)}.", metavar="WHAT"),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", help="With --by: how many values.", min=1, max=100, metavar="NUMBER")
    ] = 5,
    name: NameOption = None,
    timeout: TimeoutOption = None,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Count events by the time of their detection."""
    check_form(as_json=as_json, as_csv=as_csv)
    seconds, patience = duration(step, "--step"), duration(timeout, "--timeout")
    column, called = counted_by(by), query_name(name, "timeline")
    with checked(), open_store(project_dir, profile, store) as service:
        length = timedelta(seconds=seconds) if seconds else _fitting_step(service, filters, called, patience)
        found = service.timeline_events(filters, length, column, limit, called, timeout=patience)
    values = [str(value) for value in found.values]
    if as_json:
        print_json(
            {
                "schema_version": 1,
                "step_seconds": found.step.total_seconds(),
                "by": by,
                "values": list(found.values),
                "buckets": [
                    {
                        "start": one.start.isoformat(),
                        "total": one.total,
                        "counts": list(one.counts),
                        "rest": one.rest,
                        "none": one.none,
                    }
                    for one in found.buckets
                ],
            }
        )
    elif as_csv:
        more = [*values, "rest", "none"] if by else []
        rows = [
            [one.start.isoformat(), one.total, *([*one.counts, one.rest, one.none] if by else [])]
            for one in found.buckets
        ]
        print_csv(["start", "total", *more], rows)
    elif found.buckets:
        _print_timeline(found, values)
    else:
        typer.echo("no event is like that" if filters else "there are no events")


@with_filters
def top(
    *,
    filters: dict[str, Any],
    by: Annotated[
        str, typer.Option("--by", help=f"Which values: {', '.join(COUNTED)}.", metavar="WHAT")
    ] = "category",
    limit: Annotated[int, typer.Option("--limit", help="How many values.", min=1, metavar="NUMBER")] = 10,
    name: NameOption = None,
    timeout: TimeoutOption = None,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Show the most frequent values: categories, sources, detectors.

    An event with two values counts for both.
    """
    check_form(as_json=as_json, as_csv=as_csv)
    column = counted_by(by) or "category"
    with checked(), open_store(project_dir, profile, store) as service:
        found = service.aggregate_events(
            filters, column, limit, query_name(name, "top"), timeout=duration(timeout, "--timeout")
        )
    rows = [(one.value, one.count) for one in found.rows]
    if as_json:
        print_json(
            {
                "schema_version": 1,
                "by": by,
                "rows": [{"value": value, "count": number} for value, number in rows],
                "rest": found.rest,
                "none": found.none,
                "total": found.total,
            }
        )
        return
    named = [("(others)", found.rest), ("(none)", found.none)]
    if as_csv:
        print_csv([by, "count"], [*rows, *named])
        return
    shown = [*rows, *((label, number) for label, number in named if number)]
    print_table(
        None,
        [by, "#events"],
        [(shortened(str(value), _LONGEST_VALUE), f"{number:,}") for value, number in shown],
    )
    typer.echo(f"{count(found.total, 'event')}")


def _fitting_step(
    service: EventStorageService, filters: dict[str, Any], name: str, timeout: float | None
) -> timedelta:
    """Choose a step with which the timeline of the events that match fits a screen."""
    ends: list[timedelta] = []
    for order in ("detecttime.asc", "detecttime.desc"):
        one = {**filters, "sortby": order, "limit": 1}
        _, found = service.search_events(one, "select_ghost", name, timeout=timeout)
        ends += [event.detecttime - _EPOCH for event in found]
    if not ends:
        return _STEPS[0]
    return next((step for step in _STEPS if ends[-1] // step - ends[0] // step < _MOST_ROWS), _STEPS[-1])


def _print_timeline(found: Timeline, values: list[str]) -> None:
    most = max((one.total for one in found.buckets), default=0)
    length = 10 if found.step >= timedelta(days=1) else 19  # of a date, and of a date and a time
    columns = ["from (UTC)", "#events"]
    rows: list[list[object]] = [
        [one.start.isoformat(" ")[:length], f"{one.total:,}"] for one in found.buckets
    ]
    if not values:
        columns.append("")
        for row, one in zip(rows, found.buckets, strict=True):
            row.append("█" * -(-one.total * _BAR // most) if most else "")
    others = [
        ("(others)", [one.rest for one in found.buckets]),
        ("(none)", [one.none for one in found.buckets]),
    ]
    told = [(value, [one.counts[place] for one in found.buckets]) for place, value in enumerate(values)]
    for label, numbers in [*told, *(other for other in others if any(other[1]))]:
        columns.append(f"#{shortened(label)}")
        for row, number in zip(rows, numbers, strict=True):
            row.append(f"{number:,}")
    print_table(None, columns, rows)


def _size(number: int | None) -> str:
    if number is None:
        return "-"
    size = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:  # noqa: PLR2004 - the next unit begins there
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def _time(instant: datetime | None) -> str:
    return "-" if instant is None else instant.isoformat(" ")[:19]  # unlike strftime, with four digits a year
