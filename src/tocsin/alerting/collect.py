"""The first stage: what rules want told waits in the memory until the next notify step takes it."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tocsin.alerting.rows import chunks, execute_for, named
from tocsin.model import AlertCandidate, DecisionKind, MonitorKind, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tocsin.abc import Transaction

__all__ = [
    "candidate_from_json",
    "candidate_json",
    "drop_candidates",
    "mute_candidates",
    "muted_candidates",
    "queue_candidates",
    "take_candidates",
]

_CANDIDATES = "_tocsin_candidates"
_WAITING = "waiting"
_MUTED = "muted"
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
    table = tx.get_full_table_name(_CANDIDATES)
    update = f"UPDATE {table} SET state = %(muted)s WHERE candidate_id IN ({{values}})"
    execute_for(tx, update, ids, {"muted": _MUTED})


def drop_candidates(tx: Transaction, ids: Sequence[str]) -> None:
    """Forget candidates that were decided about."""
    table = tx.get_full_table_name(_CANDIDATES)
    execute_for(tx, f"DELETE FROM {table} WHERE candidate_id IN ({{values}})", ids)
