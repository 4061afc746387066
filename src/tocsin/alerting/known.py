"""What the stages need to know about candidates before they begin: read once for all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tocsin.alerting.acknowledgements import read_acknowledgements
from tocsin.alerting.case import MAY_WAIT, MUTED, OPENINGS, Pair, Standing
from tocsin.alerting.message import TOLD_KINDS
from tocsin.alerting.record import last_told, opening_decisions, told_pairs
from tocsin.alerting.records import IncidentKey, incident_of
from tocsin.alerting.rows import execute_for, named
from tocsin.model import DecisionKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from tocsin.abc import Transaction
    from tocsin.alerting.acknowledgements import Acknowledgement
    from tocsin.alerting.case import Case
    from tocsin.model import AlertCandidate

__all__ = ["Known", "read_standing"]

_Decided = dict[tuple[str, str, str], "list[tuple[DecisionKind, str, datetime]]"]


@dataclass(slots=True)
class Known:
    """What the memory knows about candidates.

    Attributes:
        tx: Where it is.
        decided: (candidate, group, channel) → what was decided before, why, and when, in order.
        ends: Incident → the point that ended it, `None` while it goes on; without those that are not there.
        standing: Incident → where it stands.
        told: Incident → the pairs that were told that it began; who decides adds to it.
        acknowledged: Who works on which incident.
        told_events: (event, group, channel) → the candidate that told it, and its monitor and rule.
        last: (incident, pair) → when it was told last; of incidents that are repeated.
    """

    tx: Transaction
    decided: _Decided
    ends: dict[IncidentKey, datetime | None]
    standing: dict[IncidentKey, Standing]
    told: dict[IncidentKey, set[Pair]]
    acknowledged: dict[IncidentKey, Acknowledgement]
    told_events: dict[tuple[str, str, str], tuple[str, str]] = field(default_factory=dict)
    last: dict[tuple[IncidentKey, Pair], datetime] = field(default_factory=dict)

    @classmethod
    def read(cls, tx: Transaction, candidates: Sequence[AlertCandidate]) -> Known:
        """Read it."""
        waiting = {one.series for one in candidates if one.kind in MAY_WAIT and one.opened_at is not None}
        following = [one for one in candidates if one.kind not in OPENINGS]
        pairs = told_pairs(tx, following) if following else {}
        told: dict[IncidentKey, set[Pair]] = {}
        for candidate in following:
            key = incident_of(candidate)
            if key is not None:
                told.setdefault(key, set()).update(pairs.get(candidate.id, ()))
        repeated = [one for one in following if one.kind is DecisionKind.REPEAT]
        ends, standing = read_standing(tx, waiting)
        return cls(
            tx=tx,
            decided=_read_decided(tx, [one.id for one in candidates]),
            ends=ends,
            standing=standing,
            told=told,
            acknowledged=read_acknowledgements(tx) if repeated else {},
            last=last_told(tx, repeated),
        )

    def kinds(self, candidate: AlertCandidate, pair: Pair) -> frozenset[DecisionKind]:
        """Give what was decided about a candidate for a pair."""
        return frozenset(kind for kind, *_ in self.decided.get((candidate.id, *pair), ()))

    def mutes(self, candidate: AlertCandidate, pair: Pair) -> tuple[str, ...]:
        """Give why a candidate was muted for a pair before, in the order of deciding."""
        before = self.decided.get((candidate.id, *pair), ())
        return tuple(reason for kind, reason, _ in before if kind in MUTED)

    def last_mute(self, candidate: AlertCandidate, pair: Pair) -> datetime | None:
        """Give when a candidate was last found muted for a pair, by the clock; `None`: it was not."""
        before = self.decided.get((candidate.id, *pair), ())
        return max((at for kind, _, at in before if kind in MUTED), default=None)

    def note_told(self, case: Case, now: datetime) -> None:
        """Note that a pair is told of an incident: now, where it was muted, or else in event time."""
        key = incident_of(case.candidate)
        if key is not None:
            self.last[key, case.pair] = now if case.mutes else case.moment

    def last_told(self, case: Case) -> datetime | None:
        """Say when a pair was last told of a case's incident; `None`: that is not known."""
        key = incident_of(case.candidate)
        return None if key is None else self.last.get((key, case.pair))

    def read_told_events(self, candidates: Iterable[AlertCandidate]) -> None:
        """Read by which candidates these events were told, of whatever rule."""
        ids = dict.fromkeys(one.event_ids[0] for one in candidates if one.opened_at is None and one.event_ids)
        kinds, names_of_kinds = named(sorted(kind.value for kind in TOLD_KINDS), "kind")
        rows = execute_for(
            self.tx,
            "SELECT event_id, group_name, channel, candidate_id, monitor, rule"
            f" FROM {self.tx.get_full_table_name('_tocsin_decisions')}"
            f" WHERE event_id IN ({{values}}) AND condition = 'event' AND kind IN ({kinds})"
            " ORDER BY decided_at, decision_id",
            ids,
            names_of_kinds,
        )
        for row in rows:
            by = row["candidate_id"], f"{row['monitor']} (rule {row['rule']})"
            self.told_events.setdefault((row["event_id"], row["group_name"], row["channel"]), by)

    def told_event(self, candidate: AlertCandidate, pair: Pair) -> str | None:
        """Say which other rule told a pair of the event that a candidate is; from now on this one did."""
        if candidate.opened_at is not None or not candidate.event_ids:
            return None
        own = candidate.id, f"{candidate.monitor} (rule {candidate.rule})"
        identity, by = self.told_events.setdefault((candidate.event_ids[0], *pair), own)
        return None if identity == candidate.id else by

    def why_untold(self, candidate: AlertCandidate, pair: Pair) -> str:
        """Say why a pair was not told of the beginning of a candidate's incident."""
        opening = opening_decisions(self.tx, candidate)
        reasons = [one.reason for one in opening if (one.group, one.channel) == pair]
        others = [one.reason for one in opening if one.kind not in TOLD_KINDS]
        if not reasons and len(others) < len(opening):
            return "others were told of it"
        return (reasons or others or ["nothing is known of it"])[-1]


def _read_decided(tx: Transaction, ids: Iterable[str]) -> _Decided:
    found: _Decided = {}
    rows = execute_for(
        tx,
        "SELECT candidate_id, group_name, channel, kind, reason, decided_at"
        f" FROM {tx.get_full_table_name('_tocsin_decisions')} WHERE candidate_id IN ({{values}})"
        " ORDER BY decided_at, decision_id",
        ids,
    )
    for row in rows:
        key = row["candidate_id"], row["group_name"], row["channel"]
        found.setdefault(key, []).append((DecisionKind(row["kind"]), row["reason"], row["decided_at"]))
    return found


def read_standing(
    tx: Transaction, series: Iterable[str]
) -> tuple[dict[IncidentKey, datetime | None], dict[IncidentKey, Standing]]:
    """Read the incidents of series: which point ended each, and where it stands."""
    rows = execute_for(
        tx,
        "SELECT series, rule, condition, opened_at, resolved_at, anomalies, last_anomaly_at, severity"
        f" FROM {tx.get_full_table_name('_tocsin_incidents')} WHERE series IN ({{values}})",
        series,
    )
    ends: dict[IncidentKey, datetime | None] = {}
    standing: dict[IncidentKey, Standing] = {}
    for row in rows:
        key = row["series"], row["rule"], row["condition"], row["opened_at"]
        ends[key] = row["resolved_at"]
        standing[key] = Standing(row["anomalies"], row["last_anomaly_at"], row["severity"])
    return ends, standing
