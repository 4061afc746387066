"""Reports in the database: read under a lock, written back, with what was held back."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from tocsin.eventstorage.idea.times import microseconds
from tocsin.eventstorage.query.values import instant_of
from tocsin.eventstorage.thresholds.keys import ThresholdKey
from tocsin.eventstorage.thresholds.reports import Report, Telling, silence_end
from tocsin.eventstorage.thresholds.rules import Severity
from tocsin.eventstorage.thresholds.verdicts import VerdictKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from tocsin.eventstorage.session import Row, Session
    from tocsin.eventstorage.thresholds.rules import ThresholdRule

__all__ = [
    "HeldEvent",
    "find_reports",
    "forget",
    "held_before",
    "locked_reports",
    "read_reports",
    "recompute",
    "save",
    "sweep",
]

_AT_A_TIME = 200
_ID_LENGTH = 32
_MICROSECOND = timedelta(microseconds=1)

_KEY_COLUMNS = "groupname, channel, side, shadow, classes, entity_from, entity"
_STATE = "id, held_count, last_held_after, worst_held, told"
# Whoever comes second waits here until the first one is done, whether the row was there or not.
_LOCK = f"""
INSERT INTO threshold_reports (id, {_KEY_COLUMNS}) VALUES {{rows}}
ON CONFLICT (id) DO UPDATE SET number = threshold_reports.number RETURNING {_STATE}"""
_UPDATE = """
UPDATE threshold_reports SET number = %s, severity = %s, reported_at = %s, until = %s, held_count = %s,
    last_held_after = %s, worst_held = %s, told = %s WHERE id = %s"""
_SET = """
INSERT INTO thresholds (id, thresholdtime, relapsetime, ttltime) VALUES (%s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET thresholdtime = excluded.thresholdtime,
    relapsetime = excluded.relapsetime, ttltime = excluded.ttltime"""
_SAVE = """
INSERT INTO events_thresholded (keyid, eventid, groupname, eventseverity, createtime)
VALUES (%s, %s, %s, %s, %s) ON CONFLICT (keyid, eventid) DO NOTHING"""
_OPEN = """
SELECT r.id, r.number, t.id, r.severity, r.reported_at, t.relapsetime, t.ttltime
FROM threshold_reports r JOIN thresholds t ON t.id = r.id || '/' || r.number ORDER BY r.id"""
_UNSWEPT = """
SELECT id, first_kept, number FROM threshold_reports WHERE first_kept < number - 1 ORDER BY id LIMIT %s"""


class HeldEvent(NamedTuple):
    """A note that an event was held back: a row of `events_thresholded`, but for the time."""

    keyid: str
    event: str
    group: str
    severity: str
    at: datetime


def locked_reports(session: Session, keys: Mapping[str, ThresholdKey]) -> dict[str, Report]:
    """Give the reports of some keys, made when there are none, and keep others away until the commit.

    Locks are taken in the order of the ids, so that two who want the same do not wait for each other.

    Args:
        session: With a transaction that may write.
        keys: By their digests.
    """
    found: dict[str, Report] = {}
    ids = sorted(keys)
    for start in range(0, len(ids), _AT_A_TIME):
        some = ids[start : start + _AT_A_TIME]
        rows = ", ".join(["(%s, %s, %s, %s, %s, %s, %s, %s)"] * len(some))
        args = [value for ident in some for value in (ident, *_key_row(keys[ident]))]
        for row in session.execute(_LOCK.format(rows=rows), args):
            found[row[0]] = _report(keys[row[0]], row)
    return found


def find_reports(
    session: Session, condition: str, args: Sequence[Any], limit: int, *, lock: bool
) -> list[Report]:
    """Give the reports for which a condition holds, the oldest first.

    Args:
        session: Where.
        condition: On the columns of `threshold_reports`.
        args: Its parameters.
        limit: How many at most.
        lock: Keep others away until the commit, and pass over what others keep away from us: it comes again.
    """
    if lock:
        session.begin()
    suffix = " FOR UPDATE SKIP LOCKED" if lock and session.dialect == "postgresql" else ""
    rows = session.execute(
        f"SELECT {_STATE}, {_KEY_COLUMNS} FROM threshold_reports WHERE {condition} "
        f"ORDER BY reported_at LIMIT %s{suffix}",
        (*args, limit),
    )
    return [_report(_key(row[5:]), row) for row in rows]


def read_reports(session: Session, ids: Iterable[str]) -> list[Report]:
    """Give the reports with some ids as they are, without keeping others away."""
    found = []
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), _AT_A_TIME):
        some = wanted[start : start + _AT_A_TIME]
        places = ", ".join(["%s"] * len(some))
        query = f"SELECT {_STATE}, {_KEY_COLUMNS} FROM threshold_reports WHERE id IN ({places})"
        found += [_report(_key(row[5:]), row) for row in session.execute(query, some)]
    return found


def held_before(session: Session, events: Iterable[str]) -> dict[tuple[str, str], int]:
    """Tell which events were held back: (digest of the key, event) → after which telling of it."""
    held: dict[tuple[str, str], int] = {}
    asked = sorted(set(events))
    for start in range(0, len(asked), _AT_A_TIME):
        some = asked[start : start + _AT_A_TIME]
        places = ", ".join(["%s"] * len(some))
        query = f"SELECT keyid, eventid FROM events_thresholded WHERE eventid IN ({places})"
        for keyid, event in session.execute(query, some):
            ident, slash, number = (
                keyid[:_ID_LENGTH],
                keyid[_ID_LENGTH : _ID_LENGTH + 1],
                keyid[_ID_LENGTH + 1 :],
            )
            if slash == "/" and number.isascii() and number.isdecimal():
                held[ident, event] = max(int(number), held.get((ident, event), 0))
    return held


def save(
    session: Session,
    changed: Iterable[tuple[Report, Report]],
    held: Sequence[HeldEvent],
    rules: Mapping[Severity, ThresholdRule],
) -> None:
    """Write reports, their thresholds, and what was held back.

    Args:
        session: With a transaction in which the reports are locked.
        changed: Each as it was and as it is.
        held: What was held back.
        rules: Today's rules.
    """
    reports, thresholds, ended = [], [], []
    for before, report in changed:
        last = report.tellings[-1]
        times = _times(session, last, rules)
        reports.append((*_state_row(report, times), report.id))
        if report.number != before.number:
            thresholds.append((report.held_under(last.number), *times))
            if before.tellings:
                ended.append((before.held_under(before.number),))
    if ended:
        session.execute_many("DELETE FROM thresholds WHERE id = %s", ended)
    if thresholds:
        session.execute_many(_SET, thresholds)
    if held:
        session.execute_many(_SAVE, [(*note[:4], session.to_time(note.at)) for note in held])
    if reports:
        session.execute_many(_UPDATE, reports)


def recompute(session: Session, rules: Mapping[Severity, ThresholdRule]) -> int:
    """Write the times of what is silent anew where the rules have changed, and give of how many keys."""
    session.begin()
    changed = []
    for ident, number, threshold, severity, at, *times in session.execute(_OPEN):
        telling = Telling(0, "", VerdictKind.FIRST, Severity(severity), session.from_time(at), 0)
        _, *right = _times(session, telling, rules)
        if times != right:
            changed.append((right[1], ident, number, right[0], threshold))
    if changed:
        session.execute_many(
            "UPDATE threshold_reports SET until = %s WHERE id = %s AND number = %s",
            [one[:3] for one in changed],
        )
        session.execute_many(
            "UPDATE thresholds SET relapsetime = %s, ttltime = %s WHERE id = %s",
            [(one[3], one[0], one[4]) for one in changed],
        )
    return len(changed)


def forget(session: Session, reports: Sequence[Report]) -> None:
    """Delete reports with all that was held back after them; they must be locked."""
    if not reports:
        return
    ids = [report.id for report in reports]
    places = ", ".join(["%s"] * len(ids))
    kept = session.execute(
        f"SELECT id, first_kept, number FROM threshold_reports WHERE id IN ({places})", ids
    )
    keyids = [(f"{ident}/{one}",) for ident, first, last in kept for one in range(first, last + 1)]
    session.execute_many("DELETE FROM events_thresholded WHERE keyid = %s", keyids)
    session.execute_many(
        "DELETE FROM thresholds WHERE id = %s", [(one.held_under(one.number),) for one in reports]
    )
    session.execute_many("DELETE FROM threshold_reports WHERE id = %s", [(ident,) for ident in ids])


def sweep(session: Session, limit: int) -> int:
    """Delete what was held back before the last two tellings of some keys, and give of how many keys."""
    session.begin()
    suffix = " FOR UPDATE SKIP LOCKED" if session.dialect == "postgresql" else ""
    unswept = session.execute(_UNSWEPT + suffix, (limit,))
    keyids = [(f"{ident}/{one}",) for ident, first, last in unswept for one in range(first, last - 1)]
    if keyids:
        session.execute_many("DELETE FROM events_thresholded WHERE keyid = %s", keyids)
        session.execute_many(
            "UPDATE threshold_reports SET first_kept = %s WHERE id = %s",
            [(last - 1, ident) for ident, _, last in unswept],
        )
    return len(unswept)


def _times(
    session: Session, telling: Telling, rules: Mapping[Severity, ThresholdRule]
) -> tuple[Any, Any, Any]:
    """Give the times of a threshold: thresholdtime, relapsetime, ttltime."""
    until = silence_end(telling, rules)
    relapse = max(telling.at, until - rules[telling.severity].relapse)
    return session.to_time(telling.at), session.to_time(relapse), session.to_time(until)


def _key_row(key: ThresholdKey) -> tuple[Any, ...]:
    return (*key[:3], int(key.shadow), json.dumps(key.classes, ensure_ascii=False), *key[5:])


def _key(row: Row) -> ThresholdKey:
    group, channel, side, shadow, classes, entity_from, entity = row
    return ThresholdKey(group, channel, side, bool(shadow), tuple(json.loads(classes)), entity_from, entity)


def _report(key: ThresholdKey, row: Row) -> Report:
    ident, held_count, last_held_after, worst_held, told = row[:5]
    return Report(
        key,
        ident,
        tuple(_tellings(told)),
        held_count,
        None if last_held_after is None else timedelta(microseconds=last_held_after),
        None if worst_held is None else Severity(worst_held),
    )


def _tellings(told: str) -> Iterator[Telling]:
    for number, event, kind, severity, at, held_count in json.loads(told):
        yield Telling(number, event, VerdictKind(kind), Severity(severity), instant_of(at), held_count)


def _state_row(report: Report, times: tuple[Any, Any, Any]) -> tuple[Any, ...]:
    last = report.tellings[-1]
    after = report.last_held_after
    told = [
        (one.number, one.event, one.kind, one.severity, microseconds(one.at), one.held_count)
        for one in report.tellings
    ]
    return (
        last.number,
        last.severity.value,
        times[0],
        times[2],
        report.held_count,
        None if after is None else after // _MICROSECOND,
        None if report.worst_held is None else report.worst_held.value,
        json.dumps(told, separators=(",", ":")),
    )
