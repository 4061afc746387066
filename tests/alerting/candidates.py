"""Candidates to test the stages with."""

from __future__ import annotations

import dataclasses
from typing import Any

from tests.alerting.series import at
from tocsin.model import AlertCandidate, DecisionKind, MonitorKind

FIRST = AlertCandidate(
    id="c1",
    monitor="web",
    source=MonitorKind.METRIC,
    series="web{host=a}",
    rule="default",
    kind=DecisionKind.FIRST,
    reason="3 points in a row lie above the band",
    at=at(2),
    opened_at=at(0),
    event_ids=("e3", "e1", "e2"),
)
EVENT = dataclasses.replace(
    FIRST,
    id="c2",
    source=MonitorKind.EVENTS,
    series="web",
    condition="event",
    opened_at=None,
    threshold=True,
    event={"ID": "e3", "Format": "IDEA0", "Source": [{"IP4": ["192.0.2.1"]}]},
)


def like(candidate: AlertCandidate, **changes: Any) -> AlertCandidate:
    """Give a candidate that differs from another."""
    return dataclasses.replace(candidate, **changes)


__all__ = ["EVENT", "FIRST", "like"]
