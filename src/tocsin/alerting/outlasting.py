"""Tells of incidents that were held back when they began, and go on after the silence that held them.

What follows the opening of an incident goes to those who were told of it. So one that a threshold held back
is told when that silence is over; or, where something else mutes it then, when that is over, too.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from tocsin.alerting.case import TellReport
from tocsin.alerting.collect import openings_set_aside
from tocsin.alerting.event_message import blank_message
from tocsin.alerting.message import TOLD_KINDS, iso, utc
from tocsin.alerting.rows import named
from tocsin.alerting.tell import tell_pairs
from tocsin.model import AlertCandidate, DecisionKind, IncidentState, MonitorKind, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tocsin.abc import Transaction
    from tocsin.alerting.plan import AlertingPlan, ThresholdBook
    from tocsin.alerting.records import IncidentKey

__all__ = ["tell_outlasting"]

_NAMESPACE = uuid.UUID("5f0f7a52-6d0e-5b11-9d0c-3a5b8b1f9e77")
_SAME = (
    "{one}.series = {other}.series AND {one}.rule = {other}.rule AND {one}.opened_at = {other}.opened_at"
    " AND {one}.condition = {other}.condition"
)
_FROM_OPENING = ("subject", "description", "tags", "context", "timezone", "explanation", "log")
_GOES_ON = {DecisionKind.FIRST: "goes on", DecisionKind.NO_DATA: "still has no data"}
_SAME_PAIR = "t.group_name = d.group_name AND t.channel = d.channel"
_COLUMNS = (
    "d.group_name, d.channel, d.monitor, d.series, d.rule, d.condition, d.opened_at, d.severity, d.until,"
    " i.anomalies, i.last_anomaly_at, i.direction, i.severity AS spreads"
)


def tell_outlasting(
    tx: Transaction, *, plan: AlertingPlan, book: ThresholdBook, now: datetime, at: datetime
) -> TellReport:
    """Tell of the incidents that go on after what held them back when they began, each once.

    Args:
        tx: Where decisions, notices, silences and incidents are.
        plan: The project's groups and rules.
        book: What was told before. What it tells again by itself is told before this is asked.
        now: The present.
        at: The present, as the book has it: that of the latest events.
    """
    rows = [row for row in _read(tx, at) if plan.looks_after(row["monitor"], row["rule"])]
    if not rows:
        return TellReport()
    openings = openings_set_aside(tx, {row["series"] for row in rows})
    candidates = [_candidate(row, openings.get(_key(row)), plan, now, at) for row in rows]
    pairs = [(row["group_name"], row["channel"]) for row in rows]
    return tell_pairs(tx, list(zip(candidates, pairs, strict=True)), plan=plan, book=book, now=now)


def _read(tx: Transaction, at: datetime) -> list[dict[str, Any]]:
    """Read by which silences open incidents were held back last, for whom was told nothing of them."""
    decisions = tx.get_full_table_name("_tocsin_decisions")
    told, kinds = named(sorted(kind.value for kind in TOLD_KINDS), "kind")
    open_states = f"'{IncidentState.FIRING}', '{IncidentState.RECOVERING}'"
    # A cross join: SQLite keeps its order, and would else go through all decisions that there are.
    rows = tx.execute_query(
        f"SELECT {_COLUMNS} FROM {tx.get_full_table_name('_tocsin_incidents')} AS i"
        f" CROSS JOIN {decisions} AS d WHERE {_SAME.format(one='d', other='i')}"
        f" AND i.state IN ({open_states}) AND d.kind = %(held)s AND NOT EXISTS (SELECT 1 FROM {decisions}"
        f" AS t WHERE {_SAME.format(one='t', other='d')} AND {_SAME_PAIR} AND t.kind IN ({told}))"
        " ORDER BY d.until, d.series, d.group_name, d.channel",
        {"held": DecisionKind.HELD.value, **kinds},
    )
    last = {(_key(row), row["group_name"], row["channel"]): row for row in rows if row["until"] is not None}
    return [row for row in last.values() if row["until"] < at]


def _key(row: dict[str, Any]) -> IncidentKey:
    return row["series"], row["rule"], row["condition"], row["opened_at"]


def _candidate(
    row: dict[str, Any], opening: AlertCandidate | None, plan: AlertingPlan, now: datetime, at: datetime
) -> AlertCandidate:
    """Make what says that an incident goes on; its opening is `None` where an older Tocsin held it back."""
    *names, opened_at = _key(row)
    parts = [plan.project, row["group_name"], row["channel"], *names, iso(opened_at), iso(row["until"])]
    severity = Severity.of(row["severity"])
    reason = f"it was held back, as the same was told before, and goes on after {utc(row['until'])}"
    return AlertCandidate(
        id=str(uuid.uuid5(_NAMESPACE, json.dumps(parts))),
        monitor=row["monitor"],
        source=MonitorKind.METRIC if opening is None else opening.source,
        series=row["series"],
        rule=row["rule"],
        kind=_kind(row),
        reason=reason,
        at=at,
        severity=severity,
        condition=row["condition"],
        opened_at=row["opened_at"],
        event_ids=(),  # the book would say of its event what it said before
        # Whom it is about, as it was when it began: who silences that does not want it told late either.
        sources=() if opening is None else opening.sources,
        targets=() if opening is None else opening.targets,
        tags=plan.monitor_tags.get(row["monitor"], ()) if opening is None else opening.tags,
        threshold=True,
        message=_message(row, {} if opening is None else opening.message, reason, severity, plan, now),
    )


def _kind(row: dict[str, Any]) -> DecisionKind:
    return DecisionKind.FIRST if row["direction"] is not None else DecisionKind.NO_DATA


def _message(
    row: dict[str, Any],
    opening: Mapping[str, Any],
    reason: str,
    severity: Severity,
    plan: AlertingPlan,
    now: datetime,
) -> dict[str, Any]:
    """Make what a message says: that it goes on, and what would have been said when it began."""
    known = {name: opening[name] for name in _FROM_OPENING if name in opening}
    seen = f"seen {row['anomalies']:,} times, last" if row["anomalies"] > 1 else "seen"
    began = f"It began at {utc(row['opened_at'])} and goes on, {seen} at {utc(row['last_anomaly_at'])}."
    lines = [f"Why: {reason}. Severity {severity}.", began]
    if opening.get("text"):
        lines += ["When it began there was to say:", str(opening["text"])]
    kind = _kind(row)
    return {
        **blank_message(plan.project, now),
        **known,
        "kind": kind.value,
        "monitor": row["monitor"],
        "series": row["series"],
        "rule": row["rule"],
        "title": f"{row['series']} {_GOES_ON[kind]}",
        "text": "\n".join(lines),
        "reason": reason,
        "direction": row["direction"],
        "severity": row["spreads"],
        "timestamp": iso(row["last_anomaly_at"]),
        "opened_at": iso(row["opened_at"]),
        "last_anomaly_at": iso(row["last_anomaly_at"]),
        "points": row["anomalies"],
    }
