"""Series as text, one letter a point, for cases that can be read at a glance.

`.` inside the band, `u` above and `d` below it (`U`, `D`: by ten spreads, otherwise by two), `-` no value,
`?` a value without a verdict.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from tocsin.alerting.decide import Outcome, Points, decide
from tocsin.model import AlertRule, DecisionKind, Incident

START = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=1)
STEP_MS = 60_000
SEVERITY = {"u": 2.0, "d": 2.0, "U": 10.0, "D": 10.0}


def at(index: int) -> datetime:
    return START + index * STEP


def index_of(moment: datetime) -> int:
    return (moment - START) // STEP


def points(text: str, first: int = 0) -> Points:
    """Make the points of a text; its letter at 0 is at `first` slots after `START`."""
    letters = np.array(list(text), dtype="<U1")
    severity = np.array([SEVERITY.get(letter, 0.0) for letter in text])
    above, below = np.isin(letters, ["u", "U"]), np.isin(letters, ["d", "D"])
    origin = int(START.timestamp() * 1000)
    return Points(
        timestamp=origin + (first + np.arange(len(text), dtype=np.int64)) * STEP_MS,
        missing=letters == "-",
        judged=~np.isin(letters, ["-", "?"]),
        above=above.astype(np.int64),
        below=below.astype(np.int64),
        severity_above=np.where(above, severity, 0.0),
        severity_below=np.where(below, severity, 0.0),
    )


def outcome_of(text: str, rule: AlertRule, **state: object) -> Outcome:
    return decide(points(text), rule, series="s", interval_ms=STEP_MS, **state)  # type: ignore[arg-type]


def told(text: str, rule: AlertRule) -> str:
    """Write the decisions as `kind@index`."""
    return " ".join(
        f"{taken.decision.kind}@{index_of(taken.at)}" for taken in outcome_of(text, rule).decisions
    )


def told_incidents(incidents: list[Incident]) -> list[Incident]:
    return [incident for incident in incidents if incident.told_at is not None]


__all__ = [
    "START", "STEP", "STEP_MS", "DecisionKind", "at", "index_of", "outcome_of", "points", "told",
    "told_incidents",
]  # fmt: skip
