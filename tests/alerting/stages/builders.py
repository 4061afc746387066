"""Candidates, incidents and a memory to tell of them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tocsin.alerting.batches import send_batches
from tocsin.alerting.collect import queue_candidates
from tocsin.alerting.outlasting import tell_outlasting
from tocsin.alerting.plan import AlertingPlan
from tocsin.alerting.relapse import tell_relapses
from tocsin.alerting.silence_book import add_silence, new_silence
from tocsin.alerting.tell import tell, tell_waiting
from tocsin.model import AlertCandidate, DecisionKind, Group, MonitorKind, Severity
from tocsin.testing.alerting import MemoryThresholds

if TYPE_CHECKING:
    from tocsin.alerting.case import TellReport
    from tocsin.database.sql_manager import SqlManager

__all__ = ["NOON", "World", "at", "event", "incident"]

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def event(
    name: str = "e1",
    minutes: float = 0,
    *,
    sources: tuple[str, ...] = ("192.0.2.1",),
    targets: tuple[str, ...] = (),
    category: str = "Recon.Scanning",
    **values: Any,
) -> AlertCandidate:
    """Make the candidate of an event; times are minutes after noon."""
    message = {"Format": "IDEA0", "ID": name, "Category": [category], **values.pop("idea", {})}
    return AlertCandidate(
        **{
            "id": f"candidate-{name}",
            "monitor": "ids",
            "source": MonitorKind.EVENTS,
            "series": values.get("monitor", "ids"),
            "rule": "default",
            "kind": DecisionKind.FIRST,
            "reason": "the filter selects it",
            "at": at(minutes),
            "condition": "event",
            "event_ids": (name,),
            "sources": sources,
            "targets": targets,
            "threshold": True,
            "event": message,
            **values,
        }
    )


def incident(
    monitor: str = "web",
    kind: DecisionKind = DecisionKind.FIRST,
    minutes: float = 0,
    *,
    opened: float = 0,
    **values: Any,
) -> AlertCandidate:
    """Make a candidate of an incident that was opened some minutes after noon."""
    series = values.pop("series", monitor)
    message = {
        "kind": kind.value,
        "monitor": monitor,
        "series": series,
        "subject": "slots",
        "rule": "default",
        "title": f"{series} is above its band",
        "text": f"{series} has been above its band.",
        "reason": "3 points in a row lie above the band",
        "direction": "up",
        "severity": 4.5,
        "points": 3,
        "timestamp": at(minutes).isoformat().replace("+00:00", "Z"),
        "opened_at": at(opened).isoformat().replace("+00:00", "Z"),
        "timezone": "UTC",
    }
    identity = f"{series} {opened:g} {kind.value}"
    if kind in {DecisionKind.REPEAT, DecisionKind.ESCALATED}:
        identity += f" {minutes:g}"
    return AlertCandidate(
        **{
            "id": identity,
            "monitor": monitor,
            "source": MonitorKind.METRIC,
            "series": series,
            "rule": "default",
            "kind": kind,
            "reason": "3 points in a row lie above the band",
            "at": at(minutes),
            "opened_at": at(opened),
            "channels": ("ops",),
            "message": message,
            **values,
        }
    )


@dataclass
class World:
    """A memory with the stages over it."""

    database: SqlManager
    plan: AlertingPlan = field(
        default_factory=lambda: AlertingPlan(project="p", groups=(Group("everyone", channels=("ops",)),))
    )
    book: MemoryThresholds = field(default_factory=MemoryThresholds)
    now: datetime = NOON + timedelta(hours=1)

    def groups(self, *groups: Group, **values: Any) -> None:
        self.plan = replace(self.plan, groups=groups, **values)

    def later(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)

    def tell(self, *candidates: AlertCandidate) -> TellReport:
        with self.database.transaction() as tx:
            return tell(tx, candidates, plan=self.plan, book=self.book, now=self.now)

    def queue(self, *candidates: AlertCandidate) -> None:
        with self.database.transaction() as tx:
            queue_candidates(tx, candidates, self.now)

    def tell_waiting(self, limit: int = 1000) -> TellReport:
        with self.database.transaction() as tx:
            return tell_waiting(tx, plan=self.plan, book=self.book, now=self.now, limit=limit)

    def tell_relapses(self, limit: int = 1000) -> TellReport:
        with self.database.transaction() as tx:
            return tell_relapses(tx, plan=self.plan, book=self.book, now=self.now, limit=limit)

    def tell_outlasting(self) -> TellReport:
        with self.database.transaction() as tx:
            return tell_outlasting(tx, plan=self.plan, book=self.book, now=self.now, at=self.now)

    def send(self, *, close_all: bool = True) -> int:
        with self.database.transaction() as tx:
            return send_batches(tx, plan=self.plan, now=self.now, close_all=close_all)

    def silence(self, *matchers: str, minutes: float = 60, comment: str = "") -> str:
        """Silence something from now on, and give the silence's id."""
        made = new_silence(
            matchers,
            starts_at=self.now,
            ends_at=self.now + timedelta(minutes=minutes),
            author="ada",
            comment=comment,
            now=self.now,
        )
        with self.database.transaction() as tx:
            add_silence(tx, made, timedelta(days=30))
        return made.id

    def open_incident(
        self,
        candidate: AlertCandidate,
        *,
        resolved: float | None = None,
        anomalies: int = 3,
        severity: float = 4.5,
        direction: str | None = "up",
    ) -> None:
        """Write the row of a candidate's incident, as evaluation does; `resolved` is minutes after noon."""
        end = None if resolved is None else at(resolved)
        with self.database.transaction() as tx:
            tx.insert_batch(
                "_tocsin_incidents",
                {
                    "series": [candidate.series],
                    "rule": [candidate.rule],
                    "condition": [candidate.condition],
                    "opened_at": [candidate.opened_at],
                    "state": ["firing" if end is None else "resolved"],
                    "last_anomaly_at": [candidate.at],
                    "anomalies": [anomalies],
                    "direction": [direction],
                    "severity": [severity],
                    "told_at": [candidate.at],
                    "told_severity": [4.5],
                    "resolved_at": [end],
                    "last_kind": ["first"],
                    "last_reason": ["r"],
                    "updated_at": [self.now],
                },
                "replace",
            )

    def rows(self, table: str, order: str) -> list[dict[str, Any]]:
        name = self.database.get_full_table_name(f"_tocsin_{table}")
        return self.database.execute_query(f"SELECT * FROM {name} ORDER BY {order}")

    def decisions(self) -> list[dict[str, Any]]:
        return self.rows("decisions", "decided_at, event_at, candidate_id, group_name, channel, kind")

    def kinds(self, candidate: AlertCandidate | None = None) -> list[str]:
        """Give the kinds of all decisions, or of those about a candidate, in the order of deciding."""
        rows = self.decisions()
        return [row["kind"] for row in rows if candidate is None or row["candidate_id"] == candidate.id]

    def reasons(self) -> list[str]:
        return [row["reason"] for row in self.decisions()]

    def messages(self, channel: str | None = None) -> list[dict[str, Any]]:
        """Give the payloads in the order in which they are sent."""
        rows = self.rows("outbox", "created_at, event_at, sequence, message_id")
        return [json.loads(row["payload"]) for row in rows if channel in (None, row["channel"])]

    def told(self) -> Counter[str]:
        return Counter(message["kind"] for message in self.messages())


def worse(candidate: AlertCandidate, severity: Severity) -> AlertCandidate:
    return replace(candidate, severity=severity)
