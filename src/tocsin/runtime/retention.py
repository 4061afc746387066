"""Deletes what is older than the project wants to keep, in small steps that nobody has to wait for."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from tocsin.alerting.decide import history_needed
from tocsin.alerting.outbox import prune_done
from tocsin.database import series_store as store
from tocsin.database.tables import (
    TABLE_DATAPOINTS,
    TABLE_DECISIONS,
    TABLE_DETECTIONS,
    TABLE_INCIDENTS,
)
from tocsin.errors import DatabaseError, EventStorageException
from tocsin.model import IncidentState
from tocsin.runtime.config.monitors import LogMonitor, MetricMonitor
from tocsin.runtime.metrics.load_position import from_ms, loaded_position
from tocsin.runtime.project_state import positions_of_series, task_positions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from tocsin.database import BaseDatabaseManager
    from tocsin.runtime.config.loader import Project

__all__ = ["prune"]

BATCH = 1000
"""How many rows a transaction deletes at most."""

_MARGIN = 2  # slots kept besides those that are known to be needed


def prune(project: Project, memory: BaseDatabaseManager, now: datetime) -> Iterator[Counter[str]]:
    """Delete what is older than `retention:` says, a batch a transaction.

    What is still needed stays, however old it is: the points that a detector looks back to, the verdicts of
    an incident that is open and those that a rule looks back to, the decisions about open incidents, and
    messages that wait.

    Args:
        project: The project; what it does not limit is kept for ever.
        memory: Its memory.
        now: The present.

    Yields:
        After each batch, how many rows of what were deleted. Stopping in between leaves all consistent.

    Raises:
        DatabaseError: The memory failed.
    """
    keep = project.config.retention
    if keep.outbox is not None:
        yield from _prune_outbox(memory, now - keep.outbox)
    if keep.decisions is not None:
        yield from _prune_decisions(memory, now - keep.decisions)
    for monitor in project.monitors:
        if isinstance(monitor, MetricMonitor):
            yield from _prune_metric(memory, monitor, keep.datapoints, keep.detections, now)
        elif isinstance(monitor, LogMonitor) and keep.detections is not None:
            yield from _prune_log(memory, monitor, now - keep.detections)
    if keep.events is not None:
        yield from _prune_events(project, now - keep.events)


def _prune_outbox(memory: BaseDatabaseManager, before: datetime) -> Iterator[Counter[str]]:
    number = BATCH
    while number == BATCH:
        with memory.transaction() as tx:
            number = prune_done(tx, before, limit=BATCH)
        yield Counter(outbox=number)


def _prune_decisions(memory: BaseDatabaseManager, before: datetime) -> Iterator[Counter[str]]:
    number = BATCH
    while number == BATCH:
        with memory.transaction() as tx:
            decisions, incidents = (
                tx.get_full_table_name(table) for table in (TABLE_DECISIONS, TABLE_INCIDENTS)
            )
            rows = tx.execute_query(
                f"DELETE FROM {decisions} WHERE decision_id IN ("
                f"SELECT d.decision_id FROM {decisions} AS d WHERE d.decided_at < %(before)s"
                f" AND NOT EXISTS (SELECT 1 FROM {incidents} AS i WHERE i.series = d.series"
                " AND i.rule = d.rule AND i.condition = d.condition AND i.opened_at = d.opened_at"
                " AND i.state <> %(resolved)s) ORDER BY d.decided_at LIMIT %(limit)s)"
                " RETURNING decision_id",
                {"before": before, "resolved": IncidentState.RESOLVED.value, "limit": BATCH},
            )
            number = len(rows)
        yield Counter(decisions=number)


def _prune_metric(
    memory: BaseDatabaseManager,
    monitor: MetricMonitor,
    datapoints: timedelta | None,
    detections: timedelta | None,
    now: datetime,
) -> Iterator[Counter[str]]:
    if datapoints is None and detections is None:
        return
    position = loaded_position(memory, monitor)
    if position.until is None:
        return
    step = monitor.config.interval.milliseconds
    lookback = int(monitor.config.lookback / timedelta(milliseconds=1))
    context = max((detector.context_slots for detector in monitor.detectors), default=0)
    rules = max((history_needed(rule, step) for rule in monitor.config.rules()), default=0)
    judged = task_positions(memory, monitor.name, "detect")
    evaluated = task_positions(memory, monitor.name, "alert")
    opened = _open_since(memory, monitor.name)
    corrected = positions_of_series(memory, "rejudge", monitor.name)
    for series in position.first:
        if series in corrected:  # nothing goes that is judged again: the next time
            continue
        needed = from_ms(position.until - lookback)
        needed = min([needed, *judged.get(series, {}).values(), *evaluated.get(series, {}).values()])
        if datapoints is not None and _all_judged(monitor, judged.get(series, {})):
            slots = timedelta(milliseconds=step * (context + _MARGIN))
            before = min(now - datapoints, needed - slots)
            key = {"metric_name": series}
            yield from _prune_rows(memory, TABLE_DATAPOINTS, key, before, "datapoints")
        if detections is not None:
            before = min(now - detections, needed - timedelta(milliseconds=step * (rules + _MARGIN)))
            if series in opened:
                before = min(before, opened[series] - timedelta(milliseconds=step * (rules + _MARGIN)))
            yield from _prune_verdicts(memory, series, before)


def _all_judged(monitor: MetricMonitor, judged: dict[str, datetime]) -> bool:
    """Say whether every detector has begun: a new one judges the series from its beginning."""
    return all(detector.get_detector_id() in judged for detector in monitor.detectors)


def _prune_log(memory: BaseDatabaseManager, monitor: LogMonitor, before: datetime) -> Iterator[Counter[str]]:
    evaluated = task_positions(memory, monitor.name, "alert").get(monitor.name, {})
    quiet = max(
        (rule.keep_firing_for or timedelta(0) for rule in monitor.config.rules()), default=timedelta(0)
    )
    needed = [at - quiet for at in evaluated.values()]
    needed += [at - quiet for at in _open_since(memory, monitor.name).values()]
    yield from _prune_verdicts(memory, monitor.name, min([before, *needed]))


def _open_since(memory: BaseDatabaseManager, monitor: str) -> dict[str, datetime]:
    """Give when the oldest open incident of each series of a monitor began."""
    of_monitor, params = store.series_of_metric(monitor, "series")
    rows = memory.execute_query(
        f"SELECT series, opened_at FROM {memory.get_full_table_name(TABLE_INCIDENTS)}"
        f" WHERE {of_monitor} AND state <> %(resolved)s ORDER BY opened_at DESC",
        {**params, "resolved": IncidentState.RESOLVED.value},
    )
    return {row["series"]: row["opened_at"] for row in rows}


def _prune_verdicts(memory: BaseDatabaseManager, series: str, before: datetime) -> Iterator[Counter[str]]:
    for detector in _detectors_of(memory, series):
        key = {"metric_name": series, "detector_id": detector}
        yield from _prune_rows(memory, TABLE_DETECTIONS, key, before, "detections")


def _detectors_of(memory: BaseDatabaseManager, series: str) -> Iterator[str]:
    """Give the detectors that a series has verdicts of, each by one look into the key."""
    last = ""
    query = (
        f"SELECT min(detector_id) AS detector FROM {memory.get_full_table_name(TABLE_DETECTIONS)}"
        " WHERE metric_name = %(series)s AND detector_id > %(last)s"
    )
    while (last := memory.execute_query(query, {"series": series, "last": last})[0]["detector"]) is not None:
        yield last


def _prune_rows(
    memory: BaseDatabaseManager, table: str, key: Mapping[str, str], before: datetime, what: str
) -> Iterator[Counter[str]]:
    """Delete the rows of a key before an instant, in the order of the table."""
    name = memory.get_full_table_name(table)
    of_key = " AND ".join(f"{column} = %({column})s" for column in key)
    more = True
    while more:
        with memory.transaction() as tx:
            rows = tx.execute_query(
                f"SELECT timestamp FROM {name} WHERE {of_key} AND timestamp < %(before)s"
                " ORDER BY timestamp LIMIT %(limit)s",
                {**key, "before": before, "limit": BATCH},
            )
            if not rows:
                return
            tx.execute_query(
                f"DELETE FROM {name} WHERE {of_key} AND timestamp <= %(last)s",
                {**key, "last": rows[-1]["timestamp"]},
            )
        more = len(rows) == BATCH
        yield Counter({what: len(rows)})


def _prune_events(project: Project, before: datetime) -> Iterator[Counter[str]]:
    from tocsin.runtime.events.store import open_project_events

    try:
        with open_project_events(project) as service:
            for number in service.retain(before):
                yield Counter(events=number)
            service.table_cleanup("event_rejects", "storagetime", before)
    except EventStorageException as error:
        raise DatabaseError(error.message, hint=error.hint, transient=error.transient) from error
