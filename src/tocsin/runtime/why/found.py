"""Finds what somebody asks about: an event by its id, or a series at a time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tocsin.database.series_store import series_of_metric
from tocsin.database.tables import TABLE_DECISIONS, TABLE_DETECTIONS
from tocsin.errors import ConfigError, DataError
from tocsin.runtime.alerts.event_candidates import is_finding
from tocsin.runtime.config.yaml_file import suggest
from tocsin.runtime.project_state import metric_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tocsin.database import BaseDatabaseManager
    from tocsin.eventstorage import EventStorageService
    from tocsin.eventstorage.idea import Idea
    from tocsin.runtime.config.loader import Project

__all__ = ["Found", "find"]

_SHORTEST = 4
_MOST_NAMED = 5
_NODE = "tocsin"
_NEAR = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Found:
    """What was found.

    Attributes:
        event_id: Its id; `None` when what was found became no event.
        seq: Its number in the store; `None` when it is not there (any more).
        at: When, by the data.
        categories: What kind of thing it is.
        description: In words.
        summary: The same in fewer words, where those are many.
        sources: Addresses, networks and host names of its sources.
        targets: The same of its targets.
        nodes: Who detected it.
        severity: How bad it is, in words.
        monitor: Which monitor of this project found it; `None`: it came from outside.
        kind: Of that monitor: `metric` or `log`.
        series: The series.
        value: The value of the series.
        lower: Where it was expected at least.
        upper: Where it was expected at most.
        line: The line of the log.
        event: The event as it is stored.
    """

    event_id: str | None = None
    seq: int | None = None
    at: datetime | None = None
    categories: tuple[str, ...] = ()
    description: str | None = None
    summary: str | None = None
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    severity: str | None = None
    monitor: str | None = None
    kind: str | None = None
    series: str | None = None
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    line: str | None = None
    event: Idea | None = None


def find(
    project: Project,
    memory: BaseDatabaseManager,
    events: EventStorageService | None,
    asked: str,
    at: datetime | None = None,
) -> Found:
    """Find what is asked about.

    Args:
        project: The project.
        memory: Its memory.
        events: Its events, `None` when there are none.
        asked: The id of an event, or the beginning of one; a monitor or a series.
        at: Of a monitor or a series: what was found last at this time or before; `None`: last of all.

    Raises:
        ConfigError: There is nothing of that name, or there are several; nothing was found at that time.
    """
    known = {monitor.name: monitor for monitor in project.monitors}
    if asked in known or ("{" in asked and metric_of(asked) in known):
        return _of_series(project, memory, events, asked, at)
    if at is not None:
        raise ConfigError(
            f"there is no monitor or series {asked!r}",
            hint=suggest(asked, known) or "--at goes with a monitor or a series; an event has a time",
        )
    ids = _ids_beginning_with(memory, asked)
    if asked in ids:
        ids = [asked]
    if not ids and _last_point(memory, asked, None) is not None:  # its monitor is gone
        return _of_series(project, memory, events, asked, at)
    if not ids:
        raise ConfigError(
            f"there is no event, monitor or series {asked!r}",
            hint=suggest(asked, known) or "`tocsin events search` shows events, `tocsin ls` monitors",
        )
    if len(ids) > 1:
        named = ", ".join(ids[:_MOST_NAMED]) + (", …" if len(ids) > _MOST_NAMED else "")
        raise ConfigError(f"several events begin with {asked!r}", hint=f"say more of the id: {named}")
    event = None if events is None else events.fetch_event(ids[0])
    return Found(event_id=ids[0]) if event is None else _from_event(event)


def _ids_beginning_with(memory: BaseDatabaseManager, text: str) -> list[str]:
    """Give the ids of events that are stored, or were decided about, and begin so; a few at most."""
    if not text:
        return []
    params: dict[str, Any] = {"first": text, "last": text + "\U0010ffff", "limit": _MOST_NAMED + 1}
    is_whole = len(text) < _SHORTEST  # so short a beginning is none: it is taken for the whole
    wanted = "{0} = %(first)s" if is_whole else "({0} >= %(first)s AND {0} < %(last)s)"
    ids: set[str] = set()
    # Where ids are looked up fast is the storage's matter: on a server a table of their own.
    stored = next((name for name in ("event_ids", "events") if memory.table_exists(name)), None)
    tables = [(stored, "id")] if stored else []
    for table, column in (*tables, (TABLE_DECISIONS, "event_id")):
        rows = memory.execute_query(
            f"SELECT DISTINCT {column} AS id FROM {memory.get_full_table_name(table)}"
            f" WHERE {wanted.format(column)} ORDER BY 1 LIMIT %(limit)s",
            params,
        )
        ids |= {row["id"] for row in rows}
    return sorted(ids)


def _of_series(
    project: Project,
    memory: BaseDatabaseManager,
    events: EventStorageService | None,
    name: str,
    at: datetime | None,
) -> Found:
    point = _last_point(memory, name, at)
    if point is None:
        raise ConfigError(
            f"{name} found nothing" + ("" if at is None else f" at {at:%Y-%m-%d %H:%M:%S} UTC or before"),
            hint="`tocsin status` shows how far every monitor is",
        )
    series, instant = point
    decided = _event_decided_about(memory, series, instant)
    if events is not None:
        event = events.fetch_event(decided) if decided else _event_at(events, series, instant)
        if event is not None:
            return _from_event(event)
    return _from_detection(project, memory, series, instant, decided)


def _last_point(memory: BaseDatabaseManager, name: str, at: datetime | None) -> tuple[str, datetime] | None:
    """Give the series and the instant of what was found, or decided about, last."""
    found: list[tuple[datetime, str]] = []
    for table, time, column, condition in (
        (TABLE_DETECTIONS, "timestamp", "metric_name", "is_anomaly"),
        (TABLE_DECISIONS, "event_at", "series", "kind <> 'recovered'"),
    ):
        of_name, params = (
            series_of_metric(name, column) if "{" not in name else (f"{column} = %(name)s", {"name": name})
        )
        until = "" if at is None else f" AND {time} <= %(at)s"
        rows = memory.execute_query(
            f"SELECT {column} AS series, {time} AS at FROM {memory.get_full_table_name(table)}"
            f" WHERE {of_name} AND {condition}{until} ORDER BY {time} DESC LIMIT 1",
            {**params, **({} if at is None else {"at": at})},
        )
        found += [(row["at"], row["series"]) for row in rows]
    if not found:
        return None
    instant, series = max(found)
    return series, instant


def _event_decided_about(memory: BaseDatabaseManager, series: str, at: datetime) -> str | None:
    rows = memory.execute_query(
        f"SELECT event_id FROM {memory.get_full_table_name(TABLE_DECISIONS)}"
        " WHERE series = %(series)s AND event_at = %(at)s AND event_id IS NOT NULL"
        " ORDER BY decided_at DESC, decision_id LIMIT 1",
        {"series": series, "at": at},
    )
    return None if not rows else str(rows[0]["event_id"])


def _event_at(events: EventStorageService, series: str, at: datetime) -> Idea | None:
    """Find the event that a finding of a series became; of a line its time may be a little before."""
    wanted = {"detectors": [_NODE], "dt_from": at - _NEAR, "dt_to": at, "limit": 1000}
    try:
        _, found = events.search_events(wanted)
    except DataError:  # a time that events cannot have
        return None
    return next((one for one in found if _series_of(_details(one)) == series), None)


def _details(event: Mapping[str, Any]) -> Mapping[str, Any]:
    details = event.get("_Tocsin")
    return details if isinstance(details, dict) else {}


def _series_of(details: Mapping[str, Any]) -> str | None:
    series = details.get("Series") or details.get("Monitor")
    return series if isinstance(series, str) else None


def _from_event(event: Idea) -> Found:
    row, details = event.row, _details(event)
    is_ours = is_finding(event)
    lower, upper = _bounds(details.get("Bounds"))
    return Found(
        event_id=event.id,
        seq=event.seq,
        at=event.detecttime,
        categories=row.category,
        description=row.description,
        summary=str(details["Summary"]) if is_ours and "Summary" in details else None,
        sources=(*row.source_ip, *row.source_host),
        targets=(*row.target_ip, *row.target_host),
        nodes=row.node_name,
        severity=row.eventseverity,
        monitor=str(details["Monitor"]) if is_ours else None,
        kind=str(details.get("Kind")) if is_ours else None,
        series=_series_of(details) if is_ours else None,
        value=_number(details.get("Value")) if is_ours else None,
        lower=lower if is_ours else None,
        upper=upper if is_ours else None,
        line=str(details["Log"]) if is_ours and "Log" in details else None,
        event=event,
    )


def _from_detection(
    project: Project, memory: BaseDatabaseManager, series: str, at: datetime, decided: str | None
) -> Found:
    """Say what was found from the verdict: what became no event, or is stored no more."""
    monitor = metric_of(series)
    kinds = {one.name: one.kind for one in project.monitors}
    rows = memory.execute_query(
        "SELECT value, confidence_lower, confidence_upper, detection_metadata"
        f" FROM {memory.get_full_table_name(TABLE_DETECTIONS)}"
        " WHERE metric_name = %(series)s AND timestamp = %(at)s AND is_anomaly ORDER BY detector_id LIMIT 1",
        {"series": series, "at": at},
    )
    said: dict[str, Any] = json.loads(rows[0]["detection_metadata"]) if rows else {}
    if not rows:
        return Found(decided, at=at, description=_reason(memory, series, at), monitor=monitor, series=series)
    is_line = "line" in said
    value = rows[0] if not is_line else {}
    return Found(
        event_id=decided,
        at=at,
        description=str(said["explanation"]) if is_line else None,
        summary=str(said["summary"]) if is_line and "summary" in said else None,
        monitor=monitor,
        kind=kinds.get(monitor),
        series=series,
        value=_number(value.get("value")),
        lower=_number(value.get("confidence_lower")),
        upper=_number(value.get("confidence_upper")),
        line=str(said.get("log", "")) if is_line else None,
    )


def _reason(memory: BaseDatabaseManager, series: str, at: datetime) -> str | None:
    """Say what was found where there is no verdict: that values are missing, in the words of the rule."""
    rows = memory.execute_query(
        f"SELECT reason FROM {memory.get_full_table_name(TABLE_DECISIONS)}"
        " WHERE series = %(series)s AND event_at = %(at)s AND kind = 'no_data' LIMIT 1",
        {"series": series, "at": at},
    )
    return str(rows[0]["reason"]) if rows else None


def _bounds(bounds: Any) -> tuple[float | None, float | None]:
    if isinstance(bounds, list) and len(bounds) == 2:  # noqa: PLR2004  # lower and upper
        return _number(bounds[0]), _number(bounds[1])
    return None, None


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None
