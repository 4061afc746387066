"""The last stage: every decision is kept with its reason, those that nobody hears of too."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tocsin.alerting.message import TOLD_KINDS, iso
from tocsin.alerting.records import IncidentKey, incident_of
from tocsin.alerting.rows import chunks, execute_for, named, storable
from tocsin.model import DecisionKind, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from tocsin.abc import Transaction
    from tocsin.model import AlertCandidate

__all__ = [
    "Decision",
    "Stage",
    "decision_about",
    "last_told",
    "note_messages",
    "opening_decisions",
    "told_pairs",
    "write_decisions",
]

_DECISIONS = "_tocsin_decisions"
_NAMESPACE = uuid.UUID("b0f6a8a2-3d55-5c0e-9f3a-6f1f6f1e7a10")
_BATCH = 5000
_COLUMNS = (
    "candidate_id, event_id, monitor, series, rule, condition, opened_at, group_name, channel, kind, stage,"
    " reason, severity, event_at, until, notice_id"
)
_KEYS = 120  # incidents in one statement: four parameters each


class Stage(StrEnum):
    """Which stage decided."""

    RULE = "rule"
    GROUP = "group"
    SILENCE = "silence"
    INHIBIT = "inhibit"
    THRESHOLD = "threshold"
    ROUTE = "route"


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, by which stage, and why: about a candidate, for a group and a channel.

    Of a point that a rule looked at and did not want told there is no candidate: its `candidate_id`,
    group and channel are empty, its stage is `RULE`, and `opened_at` is the incident that the point
    belongs to, if it does.

    Attributes:
        candidate_id: What it was decided about; empty for a point that is none.
        event_id: The event of the store, of several the first; `None` when there is none.
        monitor: The monitor's name.
        series: The series; of an event the monitor's name.
        rule: The rule's name.
        condition: `anomaly`, `no_data` or `event`.
        opened_at: The incident's first point; `None` for an event.
        group: Who would be told.
        channel: By what.
        kind: What was decided.
        stage: Which stage decided.
        reason: Why, in words.
        severity: How bad it is.
        event_at: Event time, aware, UTC.
        until: When what holds it back ends, where that is known.
        notice_id: The notice that tells it.
        again: Whether the same was decided before, for another reason.
        times: How often it was decided before, for this reason: another one came in between.
    """

    candidate_id: str
    event_id: str | None
    monitor: str
    series: str
    rule: str
    condition: str
    opened_at: datetime | None
    group: str
    channel: str
    kind: DecisionKind
    stage: Stage
    reason: str
    severity: Severity
    event_at: datetime
    until: datetime | None = None
    notice_id: str | None = None
    again: bool = False
    times: int = 0

    @property
    def id(self) -> str:
        """A digest of what was decided about what, so that deciding it again adds nothing.

        A candidate is decided on once a group, channel and kind, and again for another reason. A point
        without a candidate is told of once for each incident that it belongs to, and outside of incidents
        once a reason.
        """
        parts: list[str | None]
        if self.candidate_id:
            parts = [self.candidate_id, self.group, self.channel, self.kind.value]
            parts += [self.reason] if self.again else []
            parts += [str(self.times)] if self.times else []
        else:
            about = iso(self.opened_at) if self.opened_at is not None else self.reason
            parts = [self.monitor, self.series, self.rule, self.condition, iso(self.event_at)]
            parts += [self.kind.value, about]
        return str(uuid.uuid5(_NAMESPACE, json.dumps(parts)))


def decision_about(
    candidate: AlertCandidate,
    kind: DecisionKind,
    stage: Stage,
    reason: str,
    *,
    group: str = "",
    channel: str = "",
    until: datetime | None = None,
    notice_id: str | None = None,
    again: bool = False,
    times: int = 0,
) -> Decision:
    """Make a decision about a candidate."""
    return Decision(
        candidate_id=candidate.id,
        event_id=candidate.event_ids[0] if candidate.event_ids else None,
        monitor=candidate.monitor,
        series=candidate.series,
        rule=candidate.rule,
        condition=candidate.condition,
        opened_at=candidate.opened_at,
        group=group,
        channel=channel,
        kind=kind,
        stage=stage,
        reason=reason,
        severity=candidate.severity,
        event_at=candidate.at,
        until=until,
        notice_id=notice_id,
        again=again,
        times=times,
    )


def write_decisions(tx: Transaction, decisions: Sequence[Decision], now: datetime) -> int:
    """Keep decisions, and give how many of them are new; one that is there stays as it is."""
    return sum(
        _insert(tx, decisions[start : start + _BATCH], now) for start in range(0, len(decisions), _BATCH)
    )


def _insert(tx: Transaction, decisions: Sequence[Decision], now: datetime) -> int:
    return tx.insert_batch(
        _DECISIONS,
        {
            "decision_id": [decision.id for decision in decisions],
            "candidate_id": [decision.candidate_id for decision in decisions],
            "event_id": [decision.event_id for decision in decisions],
            "monitor": [decision.monitor for decision in decisions],
            "series": [decision.series for decision in decisions],
            "rule": [decision.rule for decision in decisions],
            "condition": [decision.condition for decision in decisions],
            "opened_at": [decision.opened_at for decision in decisions],
            "group_name": [decision.group for decision in decisions],
            "channel": [decision.channel for decision in decisions],
            "kind": [decision.kind.value for decision in decisions],
            "stage": [decision.stage.value for decision in decisions],
            "reason": [storable(decision.reason) for decision in decisions],
            "severity": [decision.severity.value for decision in decisions],
            "event_at": [decision.event_at for decision in decisions],
            "decided_at": [now] * len(decisions),
            "until": [decision.until for decision in decisions],
            "notice_id": [decision.notice_id for decision in decisions],
            "message_id": [None] * len(decisions),
        },
        "ignore",
    )


def told_pairs(tx: Transaction, candidates: Iterable[AlertCandidate]) -> dict[str, set[tuple[str, str]]]:
    """Give for each candidate of an incident the (group, channel) pairs that were told of its opening.

    Of an incident that nobody was told of the set is empty; candidates about one event are left out.
    """
    of_all = {candidate.id: incident_of(candidate) for candidate in candidates}
    keys = {identity: key for identity, key in of_all.items() if key is not None}
    told: dict[IncidentKey, set[tuple[str, str]]] = {}
    wanted, kinds = named(sorted(kind.value for kind in TOLD_KINDS), "kind")
    for chunk in chunks(keys.values(), _KEYS):
        parts, params = _match(chunk)
        rows = tx.execute_query(
            "SELECT DISTINCT series, rule, condition, opened_at, group_name, channel"
            f" FROM {tx.get_full_table_name(_DECISIONS)} WHERE ({parts}) AND kind IN ({wanted})",
            {**params, **kinds},
        )
        for row in rows:
            key = row["series"], row["rule"], row["condition"], row["opened_at"]
            told.setdefault(key, set()).add((row["group_name"], row["channel"]))
    return {identity: set(told.get(key, ())) for identity, key in keys.items()}


def last_told(
    tx: Transaction, candidates: Iterable[AlertCandidate]
) -> dict[tuple[IncidentKey, tuple[str, str]], datetime]:
    """Give for incidents, each with a (group, channel) pair, when that was last told of it.

    That is the event time of what was told; of what a silence or an inhibition held back, when it was told
    at last.
    """
    found: dict[tuple[IncidentKey, tuple[str, str]], datetime] = {}
    keys = {key for key in map(incident_of, candidates) if key is not None}
    wanted, kinds = named(sorted(kind.value for kind in TOLD_KINDS), "kind")
    muted = {"silenced": DecisionKind.SILENCED.value, "inhibited": DecisionKind.INHIBITED.value}
    table = tx.get_full_table_name(_DECISIONS)
    for chunk in chunks(sorted(keys), _KEYS):
        parts, params = _match(chunk)
        for column, condition in (("event_at", ""), ("decided_at", _IS_LATE.format(decisions=table))):
            rows = tx.execute_query(
                f"SELECT {_PAIR}, {column} AS told_at FROM (SELECT {_PAIR}, {column}, row_number()"
                f" OVER (PARTITION BY {_PAIR} ORDER BY {column} DESC) AS place"
                f" FROM {table} AS d WHERE ({parts}) AND kind IN ({wanted}){condition}) AS told"
                " WHERE place = 1",
                {**params, **kinds, **(muted if condition else {})},
            )
            for row in rows:
                key = row["series"], row["rule"], row["condition"], row["opened_at"]
                pair = row["group_name"], row["channel"]
                found[key, pair] = max(row["told_at"], found.get((key, pair), row["told_at"]))
    return found


_PAIR = "series, rule, condition, opened_at, group_name, channel"
_IS_LATE = (
    " AND EXISTS (SELECT 1 FROM {decisions} AS held WHERE held.candidate_id = d.candidate_id"
    " AND held.group_name = d.group_name AND held.channel = d.channel"
    " AND held.kind IN (%(silenced)s, %(inhibited)s))"
)


def opening_decisions(tx: Transaction, candidate: AlertCandidate) -> list[Decision]:
    """Read what was decided about the opening of a candidate's incident, in the order of deciding."""
    key = incident_of(candidate)
    if key is None:
        return []
    parts, params = _match([key])
    rows = tx.execute_query(
        f"SELECT {_COLUMNS} FROM {tx.get_full_table_name(_DECISIONS)}"
        f" WHERE {parts} AND candidate_id <> '' AND event_at < %(at)s"
        " ORDER BY event_at, decided_at, group_name, channel, decision_id",
        {**params, "at": candidate.at},
    )
    # The opening is what was decided about the incident's earliest point.
    return [_decision(row) for row in rows if row["event_at"] == rows[0]["event_at"]]


def note_messages(tx: Transaction, messages: Mapping[str, str]) -> None:
    """Note in which message (id) each notice (id) travels."""
    table = tx.get_full_table_name(_DECISIONS)
    notices: dict[str, list[str]] = {}
    alone: list[str] = []
    for notice, message in messages.items():
        if notice == message:
            alone.append(notice)
        else:
            notices.setdefault(message, []).append(notice)
    execute_for(tx, f"UPDATE {table} SET message_id = notice_id WHERE notice_id IN ({{values}})", alone)
    update = f"UPDATE {table} SET message_id = %(message)s WHERE notice_id IN ({{values}})"
    for message, together in notices.items():
        execute_for(tx, update, together, {"message": message})


def _match(keys: Sequence[IncidentKey]) -> tuple[str, dict[str, Any]]:
    """Write the condition that a row belongs to one of these incidents."""
    params: dict[str, Any] = {}
    parts = []
    for number, key in enumerate(keys):
        names = [f"{name}{number}" for name in ("series", "rule", "condition", "opened_at")]
        params |= dict(zip(names, key, strict=True))
        series, rule, condition, opened_at = (f"%({name})s" for name in names)
        parts.append(
            f"(series = {series} AND rule = {rule} AND opened_at = {opened_at} AND condition = {condition})"
        )
    return " OR ".join(parts), params


def _decision(row: dict[str, Any]) -> Decision:
    return Decision(
        **{
            **{name: value for name, value in row.items() if name != "group_name"},
            "group": row["group_name"],
            "kind": DecisionKind(row["kind"]),
            "stage": Stage(row["stage"]),
            "severity": Severity(row["severity"]),
        }
    )
