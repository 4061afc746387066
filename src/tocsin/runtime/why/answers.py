"""What became of a finding for each group and channel: the message, what is held back, what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.alerting.case import MUTED
from tocsin.alerting.rows import execute_for
from tocsin.database.tables import TABLE_CANDIDATES, TABLE_DECISIONS, TABLE_NOTICES, TABLE_OUTBOX
from tocsin.model import DecisionKind, OutboxState
from tocsin.runtime.alerts.memory import event_time, leaves_at
from tocsin.runtime.why.facts import Again, Answer, Message, MessageState, Next
from tocsin.runtime.why.holding import HoldingReader

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from tocsin.database import BaseDatabaseManager
    from tocsin.eventstorage import EventStorageService
    from tocsin.eventstorage.thresholds.looking import Holding
    from tocsin.runtime.alerts.history import DecisionRow
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.why.facts import IncidentStory
    from tocsin.runtime.why.found import Found

__all__ = ["AnswerReader"]

_STATES = {
    OutboxState.PENDING: MessageState.WAITING,
    OutboxState.SENT: MessageState.DELIVERED,
    OutboxState.DEAD: MessageState.GIVEN_UP,
}


class AnswerReader:
    """Reads what came of decisions.

    Args:
        project: The project.
        memory: Its memory.
        events: Its events, `None` when there are none.
        found: What was found.
        now: The present.
    """

    def __init__(
        self,
        project: Project,
        memory: BaseDatabaseManager,
        events: EventStorageService | None,
        found: Found,
        now: datetime,
    ) -> None:
        self._memory, self._now, self._plan = memory, now, project.plan
        self._event_time = event_time(memory, now)
        self._holdings = HoldingReader(project, memory, events, found)
        self._rules = project.alert_rules

    def of(self, decisions: Sequence[DecisionRow], incident: IncidentStory | None) -> tuple[Answer, ...]:
        """Put together what was decided for each group and channel.

        Args:
            decisions: About one event under one rule, or about one incident; in order.
            incident: The incident.
        """
        pairs: dict[tuple[str, str], list[DecisionRow]] = {}
        for row in decisions:
            pairs.setdefault((row.group, row.channel), []).append(row)
        return tuple(self._answer(group, channel, rows, incident) for (group, channel), rows in pairs.items())

    def _answer(
        self, group: str, channel: str, rows: list[DecisionRow], incident: IncidentStory | None
    ) -> Answer:
        # What was held back first is told with the others later, which is a decision about all of them.
        own = [row for row in rows if row.candidate_id == rows[0].candidate_id or row.opened_at is not None]
        own.sort(key=lambda row: (row.at, row.decided_at, row.told))  # what was held back is told after that
        told = [row for row in own if row.told]
        holding = self._holdings.of(own)
        relapse = None
        if own[0].opened_at is None and not self._is_silent(holding):
            relapse = self._holdings.relapse(own, holding)
        return Answer(
            group,
            channel,
            tuple(own),
            tuple(self._message(row) for row in told),
            relapse,
            None if relapse is None or not relapse.told else self._message(relapse),
            holding,
            self._again(own, told, holding, incident) if relapse is None else Again(Next.NEVER),
        )

    def _again(
        self,
        own: Sequence[DecisionRow],
        told: Sequence[DecisionRow],
        holding: Holding | None,
        incident: IncidentStory | None,
    ) -> Again:
        if told and incident is not None and _is_end_silenced(own[-1], incident):
            return Again(Next.SILENCED_END, own[-1].until)
        if incident is not None and incident.goes_on:
            again = self._of_what_goes_on(own, told, incident)
            if again is not None:
                return again
        if holding is not None and holding.told_again is None:
            return self._of_silent(holding)
        return Again(Next.NEVER)

    def _of_what_goes_on(
        self, own: Sequence[DecisionRow], told: Sequence[DecisionRow], incident: IncidentStory
    ) -> Again | None:
        if not incident.is_looked_after:
            return Again(Next.NOBODY)
        waiting = self._waiting(own)
        if waiting is not None:
            return _when_unmuted(waiting, was_told=bool(told))
        if not told:
            return self._of_outlasting(own)
        last = own[-1]
        if last.kind is DecisionKind.SILENCED and last.until is not None and last.until > self._now:
            return Again(Next.SILENCED, last.until)
        return self._of_open_incident(told, incident)

    def _of_outlasting(self, own: Sequence[DecisionRow]) -> Again | None:
        """Say when an incident is told that a threshold held back when it began: when it outlasts that."""
        held = [row for row in own if row.kind is DecisionKind.HELD and row.until is not None]
        if not held:
            return None
        last = max(held, key=lambda row: row.decided_at)
        later = [row for row in own if row.kind in MUTED and last.until is not None and row.at > last.until]
        if later:
            return _when_unmuted(max(later, key=lambda row: row.decided_at), was_told=False)
        return Again(Next.IF_IT_GOES_ON, last.until)

    def _waiting(self, own: Sequence[DecisionRow]) -> DecisionRow | None:
        """Give what mutes something that is told when that is over: its beginning, or that it got worse."""
        latest: dict[str, DecisionRow] = {}
        for row in sorted(own, key=lambda row: row.decided_at):
            latest[row.candidate_id] = row
        muted = {identity: row for identity, row in latest.items() if row.kind in MUTED}
        found = execute_for(
            self._memory,
            f"SELECT candidate_id FROM {self._memory.get_full_table_name(TABLE_CANDIDATES)}"
            " WHERE candidate_id IN ({values})",
            muted,
        )
        waiting = {row["candidate_id"] for row in found}
        return next((row for identity, row in reversed(muted.items()) if identity in waiting), None)

    def _of_open_incident(self, told: Sequence[DecisionRow], incident: IncidentStory) -> Again:
        if incident.acknowledged is not None:
            return Again(Next.ACKNOWLEDGED)
        rule = self._rules.get((told[-1].monitor, incident.incident.rule))
        every: timedelta | None = None if rule is None else rule.renotify_every
        last_told = incident.incident.told_at
        if every is None or last_told is None:
            return Again(Next.CHANGE)
        return Again(Next.REPEAT, last_told + every)

    def _is_silent(self, holding: Holding | None) -> bool:
        """Tell whether a silence lasts, so that nothing came due; what the thresholds forgot is over."""
        if holding is None or holding.told_again is not None or holding.relapse_from is None:
            return False
        return holding.until > self._event_time

    def _of_silent(self, holding: Holding) -> Again:
        if holding.relapses:
            return Again(Next.RELAPSE, holding.until)
        if holding.until <= self._event_time:
            return Again(Next.NEVER)
        if holding.relapse_from is None:
            return Again(Next.QUIET, holding.until)
        return Again(Next.IF_IT_GOES_ON, holding.until)

    def _message(self, row: DecisionRow) -> Message:
        if row.message_id is None:
            return self._notice(row)
        rows = self._memory.execute_query(
            "SELECT state, attempts, next_attempt_at, last_error, sent_at"
            f" FROM {self._memory.get_full_table_name(TABLE_OUTBOX)} WHERE message_id = %(id)s",
            {"id": row.message_id},
        )
        together = self._together(row)
        if not rows:
            return Message(row.message_id, MessageState.UNKNOWN, together=together)
        found = rows[0]
        state = _STATES[OutboxState(found["state"])]
        at = {MessageState.DELIVERED: found["sent_at"], MessageState.WAITING: found["next_attempt_at"]}
        return Message(
            row.message_id, state, at.get(state), int(found["attempts"]), found["last_error"], together
        )

    def _notice(self, row: DecisionRow) -> Message:
        rows = self._memory.execute_query(
            f"SELECT due_at FROM {self._memory.get_full_table_name(TABLE_NOTICES)} WHERE notice_id = %(id)s",
            {"id": row.notice_id},
        )
        if not rows:
            return Message(row.notice_id or "", MessageState.UNKNOWN)
        at = leaves_at(self._plan, row.group, row.severity, rows[0]["due_at"], self._now)
        return Message(row.notice_id or "", MessageState.COLLECTING, at)

    def _together(self, row: DecisionRow) -> int:
        """Count the notices of a message; one whose id is that of its notice has no other."""
        if row.message_id == row.notice_id:
            return 1
        found = self._memory.execute_query(
            "SELECT count(DISTINCT notice_id) AS n"
            f" FROM {self._memory.get_full_table_name(TABLE_DECISIONS)} WHERE message_id = %(id)s",
            {"id": row.message_id},
        )
        return int(found[0]["n"])


def _when_unmuted(row: DecisionRow, *, was_told: bool) -> Again:
    """Say when what waits is told: that an incident began, or, where that was told, that it got worse."""
    if row.kind is DecisionKind.SILENCED:
        return Again(Next.WORSE_UNSILENCED if was_told else Next.UNSILENCED, row.until)
    return Again(Next.WORSE_UNINHIBITED if was_told else Next.UNINHIBITED)


def _is_end_silenced(last: DecisionRow, incident: IncidentStory) -> bool:
    """Tell whether what was decided last is that the end of an incident is not told yet."""
    end = incident.incident.resolved_at
    return last.kind is DecisionKind.SILENCED and end is not None and last.at >= end
