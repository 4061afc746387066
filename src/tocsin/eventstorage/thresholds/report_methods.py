"""Deciding about events by what was told before: the methods that a service and its cursors share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tocsin.eventstorage.idea.times import MICROSECOND, microseconds
from tocsin.eventstorage.methods import Methods
from tocsin.eventstorage.query.values import instant_of
from tocsin.eventstorage.thresholds.fetching import events_with
from tocsin.eventstorage.thresholds.judge import judge, question_of
from tocsin.eventstorage.thresholds.looking import look_up
from tocsin.eventstorage.thresholds.report_table import (
    find_reports,
    forget,
    locked_reports,
    recompute,
    save,
    sweep,
)
from tocsin.eventstorage.thresholds.rules import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import timedelta
    from typing import TypeAlias

    from tocsin.eventstorage.idea import Idea
    from tocsin.eventstorage.session import Session
    from tocsin.eventstorage.thresholds.judge import Candidate
    from tocsin.eventstorage.thresholds.keys import ThresholdKey
    from tocsin.eventstorage.thresholds.looking import Holding
    from tocsin.eventstorage.thresholds.reports import Report
    from tocsin.eventstorage.thresholds.rules import ThresholdRule
    from tocsin.eventstorage.thresholds.verdicts import Verdict

    Rules: TypeAlias = Mapping[Severity, ThresholdRule]

__all__ = ["ReportMethods"]

_EARLIEST = microseconds(datetime.min.replace(tzinfo=UTC))
_LATEST = microseconds(datetime.max.replace(tzinfo=UTC))
_NEVER = 2**62
_FORGOTTEN = "severity = %s AND reported_at < %s AND (last_held_after IS NULL OR last_held_after < %s)"
_ENDED = """
SELECT reported_at FROM threshold_reports
WHERE severity = %s AND reported_at <= %s AND last_held_after >= %s ORDER BY reported_at LIMIT 1"""
_ENDING = """
SELECT reported_at FROM threshold_reports WHERE severity = %s AND reported_at > %s
ORDER BY reported_at LIMIT 1"""
_EVENTS = "SELECT eventid FROM events_thresholded WHERE keyid = %s ORDER BY createtime, eventid LIMIT %s"


class ReportMethods(Methods):
    """What a `Thresholder` does in the database."""

    def report_events(self, candidates: Iterable[Candidate], rules: Rules) -> list[Verdict]:
        """Decide about events, in order, in one transaction; see `Thresholder.admit_all`."""
        questions = [question_of(candidate) for candidate in candidates]
        if not questions:
            return []
        return self._run(lambda session: judge(session, questions, rules), replay=True)

    def report_relapses(self, now: datetime, rules: Rules, limit: int) -> list[Verdict]:
        """Tell again what was still going on when its silence ended; see `Thresholder.due`."""
        occasion = f"due {uuid4().hex}"
        attempts = 0

        def work(session: Session) -> list[Verdict]:
            nonlocal attempts
            attempts += 1
            told = _told_at(session, occasion, rules) if attempts > 1 else []
            return told or _relapses(session, occasion, now, rules, limit)

        return self._run(work, replay=True)

    def report_forget(self, keys: Sequence[ThresholdKey]) -> None:
        """Forget what was told of some keys; see `Thresholder.forget`."""

        def work(session: Session) -> None:
            session.begin()
            forget(session, list(locked_reports(session, {key.id: key for key in keys}).values()))

        if keys:
            self._run(work, replay=True)

    def report_next_due(self, now: datetime, rules: Rules) -> datetime | None:
        """Say when the first of the silences ended that have ended and relapse."""
        return self._first_end(_ENDED, now, rules, relapsing=True)

    def report_next_end(self, now: datetime, rules: Rules) -> datetime | None:
        """Say when the next silence ends that may relapse by then."""
        return self._first_end(_ENDING, now, rules, relapsing=False)

    def _first_end(self, query: str, now: datetime, rules: Rules, *, relapsing: bool) -> datetime | None:
        def work(session: Session) -> datetime | None:
            ends = []
            for severity, rule in rules.items():
                if rule.relapse:
                    args = [severity.value, _away(session, now, -rule.silence)]
                    rows = session.execute(query, [*args, _relapse_from(rule)] if relapsing else args)
                    ends += [_later(session.from_time(reported_at), rule.silence) for (reported_at,) in rows]
            return min(ends, default=None)

        return self._run(work, replay=True)

    def report_held_events(self, held_under: str, limit: int | None) -> list[Idea]:
        """Give the events that were held back under a key, in the order in which they were."""

        def work(session: Session) -> list[Idea]:
            args = held_under, _NEVER if limit is None else limit
            return events_with(session, [ident for (ident,) in session.execute(_EVENTS, args)])

        return self._run(work, replay=True)

    def report_held_ids(self, held_under: str, limit: int) -> list[str]:
        """Give the IDs of the events that were held back under a key, in the order in which they were."""

        def work(session: Session) -> list[str]:
            return [ident for (ident,) in session.execute(_EVENTS, (held_under, limit))]

        return self._run(work, replay=True)

    def report_silences(self, now: datetime, rules: Rules, group: str | None, limit: int) -> list[Verdict]:
        """Give what is silent; see `Thresholder.silences`."""

        def work(session: Session) -> list[Verdict]:
            found: list[Report] = []
            for severity, rule in rules.items():
                args = [severity.value, _away(session, now, -rule.silence), _away(session, now, rule.silence)]
                condition = "severity = %s AND reported_at BETWEEN %s AND %s"
                if group is not None:
                    condition, args = f"{condition} AND groupname = %s", [*args, group]
                found += find_reports(session, condition, args, limit, lock=False)
            silent = [one.said_held(one.number, rules) for one in found]
            return sorted(silent, key=lambda one: one.until)[:limit]

        return self._run(work, replay=True)

    def report_holdings(
        self, event: str, keys: Sequence[ThresholdKey], rules: Rules, most_ids: int
    ) -> list[Holding]:
        """Look up what was said of an event; see `Thresholder.look_up`."""
        return self._run(lambda session: look_up(session, event, keys, rules, most_ids), replay=True)

    def reports_clean(self, now: datetime, rules: Rules, limit: int) -> int:
        """Forget some of what is over and does not relapse, and give of how many keys; 0: nothing is left."""

        def work(session: Session) -> int:
            over: list[Report] = []
            for severity, rule in rules.items():
                over += find_reports(
                    session,
                    _FORGOTTEN,
                    (severity.value, _away(session, now, -rule.silence), _relapse_from(rule)),
                    limit - len(over),
                    lock=True,
                )
            forget(session, over)
            return len(over) + sweep(session, limit)

        return self._run(work, replay=True)

    def reports_recompute(self, rules: Rules) -> int:
        """Write the times of what is silent anew by other rules; see `Thresholder.recompute`."""
        return self._run(lambda session: recompute(session, rules), replay=True)


def _relapses(session: Session, occasion: str, now: datetime, rules: Rules, limit: int) -> list[Verdict]:
    verdicts: list[Verdict] = []
    changed: list[tuple[Report, Report]] = []
    for severity in reversed(Severity):
        rule = rules[severity]
        if rule.relapse:
            condition = "severity = %s AND reported_at <= %s AND last_held_after >= %s"
            args = (severity.value, _away(session, now, -rule.silence), _relapse_from(rule))
            for report in find_reports(session, condition, args, limit - len(verdicts), lock=True):
                told = report.relapsed(occasion, now, rules)
                if told is not None:
                    changed.append((report, told[0]))
                    verdicts.append(told[1])
    save(session, changed, [], rules)
    return verdicts


def _told_at(session: Session, occasion: str, rules: Rules) -> list[Verdict]:
    """Give what an earlier attempt told, whose commit was done although nobody heard of it."""
    pattern = f'%"{occasion}"%'
    found = find_reports(session, "told LIKE %s", (pattern,), _NEVER, lock=False)
    said = [report.said(occasion, rules) for report in found]
    return [verdict for verdict in said if verdict is not None]


def _away(session: Session, now: datetime, distance: timedelta) -> Any:
    """Give the instant at a distance, within the years that there are."""
    micros = microseconds(now) + distance // MICROSECOND
    return session.to_time(instant_of(min(max(micros, _EARLIEST), _LATEST)))


def _later(at: datetime, distance: timedelta) -> datetime:
    return instant_of(min(microseconds(at) + distance // MICROSECOND, _LATEST))


def _relapse_from(rule: ThresholdRule) -> int:
    """Say how many microseconds after a report what is held back is a relapse."""
    return (rule.silence - rule.relapse) // MICROSECOND if rule.relapse else _NEVER
