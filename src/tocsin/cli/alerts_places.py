"""What the commands of `tocsin alerts` share: where they read and write, and how they show what they find."""

from __future__ import annotations

import getpass
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.cli.console import count

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from tocsin.abc import Clock
    from tocsin.alerting.acknowledgements import Acknowledgement
    from tocsin.database import BaseDatabaseManager
    from tocsin.model import Silence
    from tocsin.runtime.alerts.views import OpenIncident
    from tocsin.runtime.config.loader import Project

__all__ = [
    "AuthorOption",
    "acknowledgement_facts",
    "author_or_user",
    "incident_facts",
    "moment",
    "reading",
    "short",
    "silence_facts",
    "silence_state",
    "writing",
]

AuthorOption = Annotated[
    str | None,
    typer.Option("--author", help="Who says so [you].", metavar="NAME", show_default=False),
]


@contextmanager
def reading(project_dir: Path, profile: str | None) -> Iterator[tuple[Project, BaseDatabaseManager, Clock]]:
    """Open a project for looking at it."""
    from tocsin.runtime.alerts.memory import memory_to_read
    from tocsin.runtime.clock import SystemClock
    from tocsin.runtime.config.loader import load_project

    project, clock = load_project(project_dir.resolve(), profile, tells=False), SystemClock()
    with memory_to_read(project, clock) as memory:
        yield project, memory, clock


@contextmanager
def writing(project_dir: Path, profile: str | None) -> Iterator[tuple[Project, BaseDatabaseManager, Clock]]:
    """Open a project to change what it remembers."""
    from tocsin.runtime.clock import SystemClock
    from tocsin.runtime.config.loader import load_project
    from tocsin.runtime.databases import open_memory

    project, clock = load_project(project_dir.resolve(), profile, tells=False), SystemClock()
    with open_memory(project, clock) as memory:
        yield project, memory, clock


def author_or_user(author: str | None) -> str:
    """Give who acts: the one that was named, or the user of this process."""
    if author:
        return author
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user without a name
        return f"user {os.getuid()}"


def moment(instant: datetime) -> str:
    """Write an instant in UTC; seconds only when there are.

    >>> from datetime import UTC, datetime
    >>> moment(datetime(2026, 1, 31, 12, 30, tzinfo=UTC))
    '2026-01-31 12:30'
    """
    return f"{instant:%Y-%m-%d %H:%M:%S}" if instant.second else f"{instant:%Y-%m-%d %H:%M}"


def short(instant: datetime, now: datetime) -> str:
    """Write how far off an instant is, roughly.

    >>> from datetime import UTC, datetime, timedelta
    >>> noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    >>> short(noon + timedelta(minutes=90), noon), short(noon - timedelta(days=3), noon)
    ('in 90 minutes', '3 days ago')
    """
    seconds = (instant - now).total_seconds()
    size, unit = abs(seconds), "second"
    for length, name, most in ((60, "minute", 120), (3600, "hour", 48), (86_400, "day", None)):
        if abs(seconds) < length:
            break
        size, unit = abs(seconds) / length, name
        if most is not None and size < most:
            break
    text = count(round(size), unit)
    return f"in {text}" if seconds >= 0 else f"{text} ago"


def incident_facts(one: OpenIncident) -> dict[str, Any]:
    """Give what JSON says about an open incident."""
    incident = one.incident
    return {
        "id": one.id,
        "monitor": one.monitor,
        "series": incident.series,
        "rule": incident.rule,
        "condition": one.key[2],
        "state": incident.state.value,
        "since": incident.opened_at.isoformat(),
        "last_seen": incident.last_anomaly_at.isoformat(),
        "points": incident.anomalies,
        "direction": incident.direction,
        "severity": one.severity.value,
        "spreads": incident.severity,
        "groups": list(one.groups),
        "told": [
            {
                "kind": row.kind.value,
                "group": row.group,
                "channel": row.channel,
                "at": row.at.isoformat(),
                "decided_at": row.decided_at.isoformat(),
                "message_id": row.message_id,
            }
            for row in one.told
        ],
        "not_told": [
            {"kind": row.kind.value, "group": row.group, "channel": row.channel, "reason": row.reason}
            for row in one.held
        ],
        "acknowledged": acknowledgement_facts(one.acknowledged),
    }


def acknowledgement_facts(acknowledged: Acknowledgement | None) -> dict[str, Any] | None:
    """Give what JSON says about who works on an incident."""
    if acknowledged is None:
        return None
    return {
        "author": acknowledged.author,
        "comment": acknowledged.comment,
        "at": acknowledged.created_at.isoformat(),
    }


def silence_state(silence: Silence, now: datetime) -> str:
    """Say in a word where a silence stands: `pending`, `active` or `over`."""
    if now >= silence.ends_at:
        return "over"
    return "active" if now >= silence.starts_at else "pending"


def silence_facts(silence: Silence, now: datetime) -> dict[str, Any]:
    """Give what JSON says about a silence."""
    last = silence.last_matched_at
    return {
        "id": silence.id,
        "state": silence_state(silence, now),
        "matchers": list(silence.matchers),
        "starts_at": silence.starts_at.isoformat(),
        "ends_at": silence.ends_at.isoformat(),
        "author": silence.author,
        "comment": silence.comment,
        "matched": silence.matched,
        "last_matched_at": last and last.isoformat(),
    }
