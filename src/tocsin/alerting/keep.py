"""Writes what the stages decided: every decision with its reason, and a notice of each that is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.alerting.batches import Notice, notice_id, queue_notices
from tocsin.alerting.event_message import message_about
from tocsin.alerting.message import iso
from tocsin.alerting.record import decision_about, write_decisions
from tocsin.alerting.route import may_leave, next_open
from tocsin.alerting.rows import chunks, named
from tocsin.model import DecisionKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any

    from tocsin.abc import Transaction
    from tocsin.alerting.case import Case, Outcome
    from tocsin.alerting.plan import Answer

__all__ = ["keep", "notice_of"]


def keep(
    tx: Transaction,
    outcomes: Sequence[Outcome],
    *,
    project: str,
    now: datetime,
    payloads: Sequence[dict[str, Any]] | None = None,
) -> None:
    """Write decisions and notices.

    Args:
        tx: Where.
        outcomes: What was decided, in the order in which it is to be told.
        project: The project's name.
        now: The present.
        payloads: What notices say, one an outcome, where it is not what its candidate says.
    """
    notices: list[Notice] = []
    decisions = []
    for place, outcome in enumerate(outcomes):
        notice = None
        reason = outcome.decision.reason
        if outcome.is_told:
            notice = notice_of(outcome, project, now, None if payloads is None else payloads[place])
            notices.append(notice)
            reason += _waits(outcome.case, now)
        decisions.append(
            decision_about(
                outcome.case.candidate,
                outcome.decision.kind,
                outcome.stage,
                reason,
                group=outcome.case.group.name,
                channel=outcome.case.channel,
                until=outcome.until,
                notice_id=None if notice is None else notice.id,
            )
        )
    write_decisions(tx, decisions, now)
    queue_notices(tx, notices, now)
    for outcome in outcomes:
        if outcome.is_told and outcome.answer is not None and outcome.answer.held_ids:
            _link_held(tx, outcome.answer, notice_id(outcome.case.candidate.id, *outcome.case.pair))


def notice_of(outcome: Outcome, project: str, now: datetime, payload: dict[str, Any] | None = None) -> Notice:
    """Make the notice of what is told."""
    case = outcome.case
    about = payload or message_about(
        case.candidate,
        outcome.decision,
        group=case.group.name,
        project=project,
        now=now,
        answer=outcome.answer,
    )
    return Notice(
        id=notice_id(case.candidate.id, *case.pair),
        group=case.group,
        channel=case.channel,
        severity=case.candidate.severity,
        event_at=case.moment,
        payload=about,
    )


def _waits(case: Case, now: datetime) -> str:
    """Say that a notice waits for the hours of its group."""
    schedule = case.group.schedule
    if schedule is None or may_leave(case.group, case.candidate.severity, now):
        return ""
    then = next_open(schedule, now.replace(second=0, microsecond=0))
    return f"; it waits for the hours of {case.group.name}" + (f", from {iso(then)} on" if then else "")


def _link_held(tx: Transaction, answer: Answer, notice: str) -> None:
    """Note at what was held back the notice that tells of it now."""
    for chunk in chunks(answer.held_ids):
        names, params = named(chunk)
        tx.execute_query(
            f"UPDATE {tx.get_full_table_name('_tocsin_decisions')} SET notice_id = %(notice)s"
            f" WHERE (event_id IN ({names}) OR candidate_id IN ({names})) AND group_name = %(group)s"
            " AND channel = %(channel)s AND kind = %(held)s AND notice_id IS NULL",
            {
                **params,
                "notice": notice,
                "group": answer.group,
                "channel": answer.channel,
                "held": DecisionKind.HELD.value,
            },
        )
