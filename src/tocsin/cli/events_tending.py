"""`tocsin events watchdog | delete | retention | queries | cancel`: watches and tends the storage."""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.cli.console import JsonOption, console, count, print_json, print_table
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
from tocsin.cli.event_view import plain
from tocsin.errors import ConfigError

__all__ = ["cancel", "delete", "queries", "retention", "watchdog"]


def watchdog(
    *,
    interval: Annotated[str, typer.Option("--interval", help="How long ago at most.", metavar="TIME")] = "1h",
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that events still come in.

    Exit code 1 when none was stored lately.
    """
    with checked(), open_store(project_dir, profile, store) as service:
        alive = service.watchdog_events(duration(interval, "--interval") or 0)
        latest = service.search_column_with("storagetime", "max")
    if as_json:
        print_json({"schema_version": 1, "alive": alive, "latest": latest and latest.isoformat()})
    else:
        when = "there are none at all" if latest is None else f"the latest at {latest:%Y-%m-%d %H:%M:%S} UTC"
        typer.echo(
            f"events were stored within {interval}" if alive else f"no event within {interval}: {when}"
        )
    sys.exit(0 if alive else 1)


@with_filters
def delete(
    *,
    filters: dict[str, Any],
    all_events: Annotated[bool, typer.Option("--all", help="Delete every event.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    name: NameOption = None,
    timeout: TimeoutOption = None,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete events that a filter chooses, or --all."""
    if bool(filters) == all_events:
        raise ConfigError(
            "say which events to delete" if not filters else "--all and a filter do not go together",
            hint="give a filter, such as --to 2026-01-31, or --all",
        )
    seconds = duration(timeout, "--timeout")
    with checked(), open_store(project_dir, profile, store) as service:
        if not yes:
            number = service.count_events(filters, timeout=seconds)
            _ask(f"Delete {count(number, 'event')} from {service.where}?")
        number = service.delete_events(filters, query_name(name, "delete"), all=all_events, timeout=seconds)
    if as_json:
        print_json({"schema_version": 1, "deleted": number})
    else:
        typer.echo(f"{count(number, 'event')} deleted")


def retention(
    *,
    older_than: Annotated[
        str, typer.Option("--older-than", help="Delete what was stored longer ago: 90d.", metavar="TIME")
    ],
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete old events, by when they were stored.

    In steps so small that nobody has to wait for them; it may be stopped and run again at any time. Rejected
    messages of that age go too.
    """
    from tocsin.runtime.clock import SystemClock

    # It asks nobody: 90 would be seconds, and 3m minutes, which is all that there is.
    if re.fullmatch(r"\s*[\d.]+\s*m?\s*", older_than):
        bare = older_than.strip(" m")
        raise ConfigError(
            f"--older-than {older_than!r} does not say what it is meant in",
            hint=f"write {bare}d for days, or {bare}min for minutes",
        )
    try:
        before = SystemClock().now() - timedelta(seconds=duration(older_than, "--older-than") or 0)
    except OverflowError:
        raise ConfigError(f"--older-than {older_than!r} is before all times") from None
    number = 0
    with checked(), open_store(project_dir, profile, store) as service:
        is_shown = not as_json and sys.stderr.isatty()
        status = console(stderr=True).status("deleting …") if is_shown else None
        try:
            if status is not None:
                status.start()
            for removed in service.retain(before):
                number += removed
                if status is not None:
                    status.update(f"{count(number, 'event')} deleted")
            rejected = service.table_cleanup("event_rejects", "storagetime", before)
        finally:
            if status is not None:
                status.stop()
    if as_json:
        print_json({"schema_version": 1, "deleted": number, "rejected_deleted": rejected})
    else:
        typer.echo(f"{count(number, 'event')} deleted")


def queries(
    *,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the searches that run now in a PostgreSQL storage."""
    with open_store(project_dir, profile, store) as service:
        running = service.queries_status()
    if as_json:
        print_json({"schema_version": 1, "queries": [plain(one) for one in running.values()]})
        return
    if not running:
        typer.echo("no search is running")
        return
    print_table(
        None,
        ["name", "#pid", "user", "client", "started (UTC)", "#seconds", "state"],
        [
            (
                name,
                one["pid"],
                one["user"],
                one["client"],
                f"{one['started_at']:%Y-%m-%d %H:%M:%S}",
                f"{one['duration']:.1f}",
                one["state"],
            )
            for name, one in running.items()
        ],
    )


def cancel(
    name: Annotated[str, typer.Argument(help="What `events queries` calls it.", metavar="NAME")],
    *,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a search that runs, and nothing else.

    Exit code 1 when there is none of that name.
    """
    with open_store(project_dir, profile, store) as service:
        canceled = bool(service.query_cancel(name))
    if as_json:
        print_json({"schema_version": 1, "name": name, "canceled": canceled})
    else:
        typer.echo(f"{name} was told to end" if canceled else f"no query {name} is running")
    sys.exit(0 if canceled else 1)


def _ask(question: str) -> None:
    """Ask, and leave when the answer is not yes.

    Raises:
        ConfigError: There is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise ConfigError("nobody is there to be asked", hint="give --yes to delete")
    if not typer.confirm(question, err=True):
        typer.echo("nothing was deleted")
        sys.exit(0)
