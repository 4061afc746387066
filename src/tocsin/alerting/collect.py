"""The first stage: what rules want told waits in the memory until the next notify step takes it."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tocsin.alerting.case import OPENINGS
from tocsin.alerting.records import incident_of
from tocsin.alerting.rows import chunks, execute_for, named
from tocsin.model import AlertCandidate, DecisionKind, MonitorKind, Severity
from tocsin.model.alert import IncidentState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tocsin.abc import Transaction
    from tocsin.alerting.records import IncidentKey

__all__ = [
    "candidate_from_json",
    "candidate_json",
    "drop_candidates",
    "drop_held_candidates",
    "hold_candidates",
    "mute_candidates",
    "muted_candidates",
    "openings_set_aside",
    "queue_candidates",
    "take_candidates",
]

_CANDIDATES = "_tocsin_candidates"
_WAITING = "waiting"
_MUTED = "muted"
_HELD = "held"
_ORDER = "created_at, event_at, sequence, candidate_id"
_LISTS = ("event_ids", "sources", "targets", "tags", "channels")


def candidate_json(candidate: AlertCandidate) -> str:
    """Write a candidate as JSON; what is no JSON in its message is written as text, or is `null`.

    >>> at = datetime.fromisoformat("2026-01-31T12:00:00Z")
    >>> kind = DecisionKind.FIRST
    >>> one = AlertCandidate("c1", "web", MonitorKind.METRIC, "web", "default", kind, "high", at)
    >>> candidate_from_json(candidate_json(one)) == one
    True
    """
    values = {name: getattr(candidate, name) for name in AlertCandidate.__slots__}
    try:
        return json.dumps(values, default=str, allow_nan=False)
    except ValueError:  # whoever reads the message shall not stumble over what is no JSON
        return json.dumps(_finite(json.loads(json.dumps(values, default=str))))


def _finite(value: Any) -> Any:
    """Put `None` for numbers that JSON does not have."""
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def candidate_from_json(text: str) -> AlertCandidate:
    """Read a candidate that `candidate_json` wrote."""
    values: dict[str, Any] = json.loads(text)
    opened_at = values["opened_at"]
    return AlertCandidate(
        **{
            **values,
            **{name: tuple(values[name]) for name in _LISTS},
            "source": MonitorKind(values["source"]),
            "kind": DecisionKind(values["kind"]),
            "severity": Severity(values["severity"]),
            "at": datetime.fromisoformat(values["at"]),
            "opened_at": None if opened_at is None else datetime.fromisoformat(opened_at),
        }
    )


def queue_candidates(tx: Transaction, candidates: Sequence[AlertCandidate], now: datetime) -> int:
    """Keep candidates until they are taken, and give how many of them were not waiting already."""
    if not candidates:
        return 0
    count = len(candidates)
    return tx.insert_batch(
        _CANDIDATES,
        {
            "candidate_id": [candidate.id for candidate in candidates],
            "state": [_WAITING] * count,
            "monitor": [candidate.monitor for candidate in candidates],
            "series": [candidate.series for candidate in candidates],
            "rule": [candidate.rule for candidate in candidates],
            "condition": [candidate.condition for candidate in candidates],
            "opened_at": [candidate.opened_at for candidate in candidates],
            "event_at": [candidate.at for candidate in candidates],
            # The order of taking: when it was queued, by event time, and within an instant as decided.
            "sequence": list(range(count)),
            "payload": [candidate_json(candidate) for candidate in candidates],
            "created_at": [now] * count,
        },
        "ignore",
    )


def take_candidates(tx: Transaction, limit: int) -> list[AlertCandidate]:
    """Read the oldest candidates that wait, at most `limit`.

    They stay until the same transaction drops or mutes them.
    """
    return _read(tx, _WAITING, end=f" LIMIT {int(limit)}")


def muted_candidates(tx: Transaction, series: Iterable[str] | None = None) -> list[AlertCandidate]:
    """Read the candidates that a silence or an inhibition holds, oldest first: all, or of some series."""
    if series is None:
        return _read(tx, _MUTED)
    found: list[AlertCandidate] = []
    for chunk in chunks(series):
        names, params = named(chunk)
        found += _read(tx, _MUTED, f" AND series IN ({names})", params)
    return found


def openings_set_aside(tx: Transaction, series: Iterable[str]) -> dict[IncidentKey, AlertCandidate]:
    """Read what began the incidents of some series, as far as it is muted or held back: by the incident."""
    found = []
    for chunk in chunks(series):
        names, params = named(chunk)
        for state in (_MUTED, _HELD):
            found += _read(tx, state, f" AND series IN ({names})", params)
    keys = [(incident_of(one), one) for one in found if one.kind in OPENINGS]
    return {key: one for key, one in keys if key is not None}


def _read(
    tx: Transaction, state: str, where: str = "", params: Mapping[str, Any] | None = None, *, end: str = ""
) -> list[AlertCandidate]:
    rows = tx.execute_query(
        f"SELECT payload FROM {tx.get_full_table_name(_CANDIDATES)}"
        f" WHERE state = %(state)s{where} ORDER BY {_ORDER}{end}",
        {"state": state, **(params or {})},
    )
    return [candidate_from_json(row["payload"]) for row in rows]


def mute_candidates(tx: Transaction, ids: Sequence[str]) -> None:
    """Set candidates aside: they are asked again at every notify step, until they are dropped."""
    _set_aside(tx, ids, _MUTED)


def hold_candidates(tx: Transaction, ids: Sequence[str]) -> None:
    """Set candidates aside that are held back: they say of what is told later whom it is about."""
    _set_aside(tx, ids, _HELD)


def _set_aside(tx: Transaction, ids: Sequence[str], state: str) -> None:
    table = tx.get_full_table_name(_CANDIDATES)
    update = f"UPDATE {table} SET state = %(state)s WHERE candidate_id IN ({{values}})"
    execute_for(tx, update, ids, {"state": state})


def drop_held_candidates(tx: Transaction, at: datetime) -> None:
    """Forget what was held back, is over, and comes to nothing any more.

    What is over may still be told of when the silence that holds it back ends, with what is alike: as the
    last of it. What is not is told when it outlasts that silence.

    Args:
        tx: Where.
        at: The present, in event time; what came due before it is told.
    """
    candidates, incidents, decisions = (
        tx.get_full_table_name(name) for name in (_CANDIDATES, "_tocsin_incidents", "_tocsin_decisions")
    )
    tx.execute_query(
        f"DELETE FROM {candidates} AS c WHERE c.state = %(held)s"
        f" AND NOT EXISTS (SELECT 1 FROM {incidents} AS i WHERE i.series = c.series AND i.rule = c.rule"
        " AND i.condition = c.condition AND i.opened_at = c.opened_at AND i.state <> %(resolved)s)"
        f" AND (EXISTS (SELECT 1 FROM {candidates} AS later WHERE later.series = c.series"
        " AND later.rule = c.rule AND later.state = %(held)s AND later.event_at > c.event_at)"
        f" OR NOT EXISTS (SELECT 1 FROM {decisions} AS d WHERE d.candidate_id = c.candidate_id"
        " AND d.kind = %(held)s AND d.until >= %(at)s))",
        {"held": _HELD, "resolved": IncidentState.RESOLVED.value, "at": at},
    )


def drop_candidates(tx: Transaction, ids: Sequence[str]) -> None:
    """Forget candidates that were decided about."""
    table = tx.get_full_table_name(_CANDIDATES)
    execute_for(tx, f"DELETE FROM {table} WHERE candidate_id IN ({{values}})", ids)
