"""`tocsin alerts history`: what was decided, newest first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.cli.alerts_places import moment, reading
from tocsin.cli.console import (
    JsonOption,
    ProfileOption,
    ProjectDir,
    check_window,
    count,
    parse_time,
    print_json,
    print_line,
    visible,
)
from tocsin.cli.event_filter import instant
from tocsin.cli.event_view import what_and_whom
from tocsin.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.model import DecisionKind
    from tocsin.runtime.alerts.about import About
    from tocsin.runtime.alerts.history import DecisionRow, Page

__all__ = ["decision_facts", "history"]

_PARTS = 3
_MOST_ROWS = 1_000_000_000


def history(
    *,
    monitor: Annotated[str | None, typer.Option("--monitor", help="Of this monitor.", metavar="NAME")] = None,
    series: Annotated[str | None, typer.Option("--series", help="Of this series.", metavar="SERIES")] = None,
    group: Annotated[str | None, typer.Option("--group", help="For this group.", metavar="NAME")] = None,
    channel: Annotated[
        str | None, typer.Option("--channel", help="For this channel.", metavar="NAME")
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind", help="Of this kind: first, held, …; may be given several times.", metavar="KIND"
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", help="Decided at this time or later: 2026-01-31, or 2h ago.", metavar="TIME"),
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Decided before this time.", metavar="TIME")] = None,
    event: Annotated[
        str | None,
        typer.Option("--event", help="About the event with this ID, or others with it.", metavar="ID"),
    ] = None,
    show_all: Annotated[
        bool, typer.Option("--all", help="Show the decisions by which nobody was told, too.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", help="How many at most.", min=1, max=_MOST_ROWS, metavar="NUMBER")
    ] = 50,
    before: Annotated[
        str | None,
        typer.Option(
            "--before", help="Go on behind this decision: what the page before says.", metavar="TIME,TIME,ID"
        ),
    ] = None,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who was told of what, newest first.

    With --all also who was not, and why; with --kind or --event all that is like that.
    """
    from tocsin.runtime.alerts.about import read_about
    from tocsin.runtime.alerts.history import TELLING_KINDS, HistoryFilter, point_of, read_history

    kinds = _kinds(kind)
    only_told = not (kinds or show_all or event)
    wanted = HistoryFilter(
        monitor=monitor,
        series=series,
        group=group,
        channel=channel,
        kinds=TELLING_KINDS if only_told else kinds,
        start=instant(start, "--from"),
        end=instant(end, "--to"),
        event=event,
    )
    check_window(wanted.start, wanted.end)
    page = None if before is None else _page(before)
    with reading(project_dir, profile) as (project, memory, _clock):
        point = None if event is None else point_of(project, memory, event)
        rows = read_history(memory, wanted, limit=limit, before=page, point=point)
        about = read_about(project, memory, rows)
    behind = _behind(rows[-1]) if len(rows) == limit else None
    if as_json:
        print_json(
            {
                "schema_version": 1,
                "count": len(rows),
                "decisions": [
                    {**decision_facts(row), "event": _event_facts(_event_of(row, about))} for row in rows
                ],
                "before": behind,
            }
        )
        return
    if not rows:
        typer.echo(
            "no decision is like that" + ("; --all shows those that told nobody, too" if only_told else "")
        )
        return
    _show(rows, about)
    left_out = "; --all shows those that told nobody, too" if only_told else ""
    more = f"; for the next ones add --before '{behind}'" if behind else ""
    typer.echo(f"{count(len(rows), 'decision')}{left_out}{more}")


def decision_facts(row: DecisionRow) -> dict[str, Any]:
    """Give what JSON says about a decision."""
    return {
        "id": row.id,
        "kind": row.kind.value,
        "stage": row.stage,
        "reason": row.reason,
        "monitor": row.monitor,
        "series": row.series,
        "rule": row.rule,
        "condition": row.condition,
        "opened_at": row.opened_at and row.opened_at.isoformat(),
        "group": row.group,
        "channel": row.channel,
        "severity": row.severity.value,
        "at": row.at.isoformat(),
        "decided_at": row.decided_at.isoformat(),
        "until": row.until and row.until.isoformat(),
        "event_id": row.event_id,
        "message_id": row.message_id,
    }


def _event_of(row: DecisionRow, about: Mapping[str, About]) -> About | None:
    """Give the event of a decision; `None`: it is about a metric or a log, which say it in their reason."""
    return about.get(row.event_id or "") if row.condition == "event" else None


def _event_facts(event: About | None) -> dict[str, Any] | None:
    """Give what JSON says about the event of a decision."""
    if event is None:
        return None
    return {
        "stored": event.stored,
        "categories": list(event.categories),
        "sources": list(event.sources),
        "targets": list(event.targets),
    }


def _show(rows: list[DecisionRow], about: Mapping[str, About]) -> None:
    width = max((len(moment(row.decided_at)) for row in rows), default=0)
    for row in rows:
        whom = " by ".join(visible(name) for name in (row.group, row.channel) if name) or "nobody"
        by = row.event_id if row.condition == "event" else f"rule {row.rule}"
        print_line(
            f"{moment(row.decided_at):<{width}}  {row.kind.value.replace('_', ' '):<9}  {visible(row.series)}"
            f" ({visible(by or '')}) at {moment(row.at)}, {row.severity}: {whom}",
            indent_by=2,  # less than what is said below it
        )
        event = _event_of(row, about)
        if event is not None and (said := _event_words(event)):
            print_line(f"    {said}")
        print_line(f"    {visible(row.reason)}")


def _event_words(event: About) -> str:
    if not event.stored:
        return "the event is no longer stored"
    return what_and_whom(event.categories, event.sources, event.targets)


def _kinds(names: list[str] | None) -> list[DecisionKind]:
    from tocsin.model import DecisionKind

    known = {kind.value: kind for kind in DecisionKind}
    for name in names or ():
        if name not in known:
            raise ConfigError(f"--kind {name!r} is not understood", hint=f"one of {', '.join(known)}")
    return [known[name] for name in names or ()]


def _behind(row: DecisionRow) -> str:
    return f"{row.decided_at.isoformat()},{row.at.isoformat()},{row.id}"


def _page(text: str) -> Page:
    from tocsin.runtime.alerts.history import Page

    decided_at, at, identity = (*text.split(","), "", "", "")[:_PARTS]
    times = [parse_time(part or None, "--before") for part in (decided_at, at)]
    if times[0] is None or times[1] is None or not identity:
        raise ConfigError(
            f"--before {text!r} is not understood", hint="it is what the page before said: TIME,TIME,ID"
        )
    return Page(times[0], times[1], identity)
