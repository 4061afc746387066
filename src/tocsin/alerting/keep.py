"""Writes what the stages decided: every decision with its reason, and a notice of each that is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.alerting.batches import Notice, notice_id, queue_notices
from tocsin.alerting.case import MUTED
from tocsin.alerting.event_message import late_lines, message_about
from tocsin.alerting.message import utc
from tocsin.alerting.record import decision_about, write_decisions
from tocsin.alerting.route import may_leave, next_open
from tocsin.alerting.rows import execute_for, storable
from tocsin.model import DecisionKind

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence
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
    subjects: Sequence[Hashable] | None = None,
) -> None:
    """Write decisions and notices; groups that share a channel are told the same once, by one notice.

    Args:
        tx: Where.
        outcomes: What was decided, in the order in which it is to be told.
        project: The project's name.
        now: The present.
        payloads: What notices say, one an outcome, where it is not what its candidate says.
        subjects: What each is about, the same for all groups, where it is not its candidate.
    """
    notices: list[Notice] = []
    decisions = []
    tellers = _tellers(outcomes, subjects or [one.case.candidate.id for one in outcomes], now)
    names: dict[int, list[str]] = {}
    for place, teller in tellers.items():
        names.setdefault(teller, []).append(outcomes[place].case.group.name)
    ids = {place: _notice_id(outcomes[teller]) for place, teller in tellers.items()}
    for place, outcome in enumerate(outcomes):
        reason = outcome.decision.reason
        if place in names:
            payload = None if payloads is None else payloads[place]
            notices.append(notice_of(outcome, project, now, payload, groups=names[place]))
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
                notice_id=ids.get(place),
                again=outcome.decision.kind in outcome.case.before,
                times=_times(outcome),
            )
        )
    write_decisions(tx, decisions, now)
    queue_notices(tx, notices, now)
    for place, outcome in enumerate(outcomes):
        if place in ids and outcome.answer is not None and outcome.answer.held_ids:
            _link_held(tx, outcome.answer, ids[place])


def _times(outcome: Outcome) -> int:
    """Count how often the same muted something before; another one did last."""
    if outcome.decision.kind not in MUTED:
        return 0
    return outcome.case.mutes.count(storable(outcome.decision.reason))


def _tellers(outcomes: Sequence[Outcome], subjects: Sequence[Hashable], now: datetime) -> dict[int, int]:
    """Give for what is told (its place) the outcome whose notice tells it: its own, or that of another group.

    In a channel the same is told once: to a group that is told at once, and to the others with it. Where all
    of them wait, for a batch or for their hours, each waits for its own.
    """
    shared: dict[tuple[Hashable, str], list[int]] = {}
    for place, outcome in enumerate(outcomes):
        if outcome.is_told:
            shared.setdefault((subjects[place], outcome.case.channel), []).append(place)
    tellers: dict[int, int] = {}
    for places in shared.values():
        ready = [place for place in places if _leaves_now(outcomes[place].case, now)]
        first = min(ready, key=lambda place: outcomes[place].case.group.name, default=None)
        tellers |= {place: place if first is None else first for place in places}
    return tellers


def _leaves_now(case: Case, now: datetime) -> bool:
    return not case.group.group_wait and may_leave(case.group, case.candidate.severity, now)


def _notice_id(outcome: Outcome) -> str:
    return notice_id(outcome.case.candidate.id, *outcome.case.pair)


def notice_of(
    outcome: Outcome,
    project: str,
    now: datetime,
    payload: dict[str, Any] | None = None,
    *,
    groups: Sequence[str] = (),
) -> Notice:
    """Make the notice of what is told; `groups` are all that are told by it, its own among them."""
    case = outcome.case
    told = sorted(groups) or [case.group.name]
    about = payload or message_about(
        case.candidate,
        outcome.decision,
        group=case.group.name,
        project=project,
        now=now,
        answer=outcome.answer,
    )
    about = {**about, "groups": told}
    if case.may_wait and case.mutes:
        about["text"] = "\n".join([str(about["text"]), *late_lines(about, case.mutes[-1], case.standing)])
    if len(told) > 1:
        about["text"] = f"{about['text']}\nFor {', '.join(told[:-1])} and {told[-1]}."
    return Notice(
        id=_notice_id(outcome),
        group=case.group,
        channel=case.channel,
        severity=case.candidate.severity,
        event_at=case.moment,
        payload=about,
        is_late=bool(case.may_wait and case.mutes),
    )


def _waits(case: Case, now: datetime) -> str:
    """Say that a notice waits for the hours of its group."""
    schedule = case.group.schedule
    if schedule is None or may_leave(case.group, case.candidate.severity, now):
        return ""
    then = next_open(schedule, now.replace(second=0, microsecond=0))
    return f"; it waits for the hours of {case.group.name}" + (f", from {utc(then)} on" if then else "")


def _link_held(tx: Transaction, answer: Answer, notice: str) -> None:
    """Note at what was held back the notice that tells of it now."""
    execute_for(
        tx,
        f"UPDATE {tx.get_full_table_name('_tocsin_decisions')} SET notice_id = %(notice)s"
        " WHERE (event_id IN ({values}) OR candidate_id IN ({values})) AND group_name = %(group)s"
        " AND channel = %(channel)s AND kind = %(held)s AND notice_id IS NULL",
        answer.held_ids,
        {
            "notice": notice,
            "group": answer.group,
            "channel": answer.channel,
            "held": DecisionKind.HELD.value,
        },
    )
