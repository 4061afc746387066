"""What was said of an event, looked up afterwards: which telling made it known, or held it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.eventstorage.thresholds.report_table import held_before, read_reports
from tocsin.eventstorage.thresholds.reports import silence_end
from tocsin.eventstorage.thresholds.verdicts import VerdictKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tocsin.eventstorage.session import Session
    from tocsin.eventstorage.thresholds.keys import ThresholdKey
    from tocsin.eventstorage.thresholds.reports import Report, Telling
    from tocsin.eventstorage.thresholds.rules import Severity, ThresholdRule

__all__ = ["Holding", "look_up"]

_COUNT = "SELECT count(*), min(createtime), max(createtime) FROM events_thresholded WHERE keyid = %s"
_FIRST = "SELECT eventid FROM events_thresholded WHERE keyid = %s ORDER BY createtime, eventid LIMIT %s"


@dataclass(frozen=True, slots=True)
class Holding:
    """A telling that an event caused, or that held it back; and what was held back after it.

    Attributes:
        kind: What was said of the event: `HELD`, or why it was told.
        key: What was told, and is silent.
        told_event: The event that was told; of a relapse that was told without one, a name for the occasion.
        told_at: When.
        severity: What was told.
        until: When the silence that begins with it ends.
        relapse_from: From when on what is held back is a sign that it is still going on; `None`: never.
        before_count: How many events were held back before it, and told with it.
        before_first: When the first of them was.
        before_last: When the last of them was.
        before_ids: The first few of them.
        held_count: How many events were held back after it.
        first_held: When the first of them was.
        last_held: When the last of them was.
        held_ids: The first few of them.
        relapses: Whether all of them are told when the silence ends.
        told_again: When the same was told the next time; `None`: not yet.
        told_again_event: The event that was told then, or a name for the occasion.
    """

    kind: VerdictKind
    key: ThresholdKey
    told_event: str
    told_at: datetime
    severity: Severity
    until: datetime
    relapse_from: datetime | None
    before_count: int
    before_first: datetime | None
    before_last: datetime | None
    before_ids: tuple[str, ...]
    held_count: int
    first_held: datetime | None
    last_held: datetime | None
    held_ids: tuple[str, ...]
    relapses: bool
    told_again: datetime | None
    told_again_event: str | None


def look_up(
    session: Session,
    event: str,
    keys: Sequence[ThresholdKey],
    rules: Mapping[Severity, ThresholdRule],
    most_ids: int,
) -> list[Holding]:
    """Find what was said of an event, without writing anything.

    Args:
        session: Where.
        event: Its ID.
        keys: What the event may have been told as; where it was held back is known without.
        rules: Today's rules.
        most_ids: How many ids of held events to give at most.
    """
    held = {ident: number for (ident, _), number in held_before(session, [event]).items()}
    found = []
    for report in read_reports(session, [*held, *(key.id for key in keys)]):
        for telling in report.tellings:
            if telling.event == event:
                kind = telling.kind
            elif held.get(report.id) == telling.number:
                kind = VerdictKind.HELD
            else:
                continue
            found.append(_holding(session, report, telling, kind, rules, most_ids))
    return found


def _holding(
    session: Session,
    report: Report,
    telling: Telling,
    kind: VerdictKind,
    rules: Mapping[Severity, ThresholdRule],
    most_ids: int,
) -> Holding:
    before = _held(session, report.held_under(telling.number - 1), most_ids)
    told_with_it = max(telling.held_count, before[0])
    if telling.kind is VerdictKind.FIRST:  # what was held back before it is forgotten: it is news again
        told_with_it, before = 0, (0, None, None, ())
    count, first, last, ids = _held(session, report.held_under(telling.number), most_ids)
    following = next((one for one in report.tellings if one.number == telling.number + 1), None)
    is_last = following is None and telling.number == report.number
    until = silence_end(telling, rules)
    relapse = rules[telling.severity].relapse
    known = following.held_count if following else report.held_count if is_last else 0
    return Holding(
        kind=kind,
        key=report.key,
        told_event=telling.event,
        told_at=telling.at,
        severity=telling.severity,
        until=until,
        relapse_from=max(telling.at, until - relapse) if relapse else None,
        before_count=told_with_it,
        before_first=before[1],
        before_last=before[2],
        before_ids=before[3],
        held_count=max(known, count),
        first_held=first,
        last_held=last,
        held_ids=ids,
        relapses=is_last and report.relapses(rules),
        told_again=None if following is None else following.at,
        told_again_event=None if following is None else following.event,
    )


def _held(
    session: Session, under: str, most_ids: int
) -> tuple[int, datetime | None, datetime | None, tuple[str, ...]]:
    """Give how many events are noted as held back under a key, when the first and last was, and a few ids."""
    [(count, first, last)] = session.execute(_COUNT, (under,))
    if first is None:
        return 0, None, None, ()
    ids = tuple(ident for (ident,) in session.execute(_FIRST, (under, most_ids)))
    return int(count), session.from_time(first), session.from_time(last), ids
