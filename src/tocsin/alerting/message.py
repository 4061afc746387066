"""A decision as the message that travels: the payload of the outbox."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tocsin.alerting.render import render_text, render_title
from tocsin.model import AlertRule, DecisionKind, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.alerting.fold import TakenDecision
    from tocsin.alerting.reading import Facts

__all__ = [
    "SCHEMA_VERSION",
    "TOLD_KINDS",
    "build_message",
    "candidate_id",
    "iso",
    "of_telling",
    "test_message",
    "utc",
]

SCHEMA_VERSION = 1
TOLD_KINDS = frozenset(
    {
        DecisionKind.FIRST,
        DecisionKind.REPEAT,
        DecisionKind.ESCALATED,
        DecisionKind.RELAPSED,
        DecisionKind.RECOVERED,
        DecisionKind.NO_DATA,
    }
)
_NAMESPACE = uuid.UUID("6f2c3f0e-7c1b-5d8a-9f5e-2b8f5a1d4c77")
_ONCE = frozenset({DecisionKind.FIRST, DecisionKind.NO_DATA, DecisionKind.RECOVERED})


def iso(moment: datetime | None) -> str | None:
    """Write an aware time as ISO 8601 in UTC, `2026-01-31T12:00:00Z`; milliseconds only when there are."""
    if moment is None:
        return None
    moment = moment.astimezone(UTC)
    unit = "milliseconds" if moment.microsecond else "seconds"
    return moment.isoformat(timespec=unit).replace("+00:00", "Z")


def utc(moment: datetime | None) -> str:
    """Write an aware time in a reason, for people.

    >>> from datetime import timedelta, timezone
    >>> utc(datetime(2026, 1, 31, 13, 0, tzinfo=timezone(timedelta(hours=1))))
    '2026-01-31 12:00:00 UTC'
    """
    return "-" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def candidate_id(taken: TakenDecision, *, project: str, monitor: str) -> str:
    """Give the id of a candidate: a UUIDv5 of what it tells, so that telling it again changes nothing.

    An incident is told first, and is over, once; a repetition and an escalation are told once a point.
    """
    incident, kind = taken.incident, taken.decision.kind
    parts = [
        project,
        monitor,
        incident.series,
        incident.rule,
        "no_data" if incident.direction is None else "anomaly",
        iso(incident.opened_at),
        kind.value,
        None if kind in _ONCE else iso(taken.at),
    ]
    return str(uuid.uuid5(_NAMESPACE, json.dumps(parts)))


def build_message(
    taken: TakenDecision,
    *,
    rule: AlertRule,
    monitor: str,
    facts: Facts,
    context: Mapping[str, Any],
    now: datetime,
) -> dict[str, Any]:
    """Make the payload of a message, all but its `id`, with title and text rendered."""
    incident = taken.incident
    known = {"project", "description", "tags"}
    message: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "kind": taken.decision.kind.value,
        "project": context.get("project", ""),
        "monitor": monitor,
        "series": incident.series,
        "subject": rule.subject.value,
        "rule": rule.name,
        "reason": taken.decision.reason,
        "direction": incident.direction,
        "severity": incident.severity,
        "value": facts.value,
        "confidence_lower": facts.confidence_lower,
        "confidence_upper": facts.confidence_upper,
        "timestamp": iso(taken.at),
        "opened_at": iso(incident.opened_at),
        "last_anomaly_at": iso(incident.last_anomaly_at),
        "resolved_at": iso(incident.resolved_at),
        "points": incident.anomalies,
        "detectors": list(facts.detectors),
        "explanation": facts.explanation,
        "log": facts.log,
        "description": context.get("description"),
        "tags": list(context.get("tags") or ()),
        "context": {key: value for key, value in context.items() if key not in known},
        "timezone": rule.timezone,
        "queued_at": iso(now),
    }
    message["title"] = render_title(message)
    message["text"] = render_text(message, rule)
    return message


def of_telling() -> dict[str, Any]:
    """Give the keys about telling that every payload has, with what stands there when nothing applies."""
    return {
        "group": None,
        "groups": [],
        "severity_word": Severity.MEDIUM.value,
        "until": None,
        "held_count": 0,
        "event": None,
        "items": [],
        "more": 0,
    }


def test_message(monitor: str, now: datetime) -> dict[str, Any]:
    """Make a message that tests a channel: it says so, and looks like an alert.

    >>> message = test_message("checkout", datetime(2026, 1, 31, 12, 0, tzinfo=UTC))
    >>> message["title"], message["schema_version"]
    ('checkout: a test of this channel', 1)
    """
    at = iso(now)
    message: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "id": str(uuid.uuid5(_NAMESPACE, json.dumps(["test", monitor, at]))),
        "kind": DecisionKind.FIRST.value,
        "project": "",
        "monitor": monitor,
        "series": monitor,
        "subject": "slots",
        "rule": "test",
        "title": f"{monitor}: a test of this channel",
        "text": "This is a test message. An alert will look like this.",
        "reason": "somebody asked for a test",
        "direction": "up",
        "severity": 4.2,
        "value": 42.0,
        "confidence_lower": 10.0,
        "confidence_upper": 20.0,
        "timestamp": at,
        "opened_at": at,
        "last_anomaly_at": at,
        "resolved_at": None,
        "points": 1,
        "detectors": [],
        "explanation": None,
        "log": None,
        "description": None,
        "tags": [],
        "context": {},
        "timezone": "UTC",
        "queued_at": at,
        **of_telling(),
    }
    return message


test_message.__test__ = False  # type: ignore[attr-defined]  # its name is not pytest's
