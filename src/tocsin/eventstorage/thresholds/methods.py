"""Thresholds by key: the methods that a service and its cursors share."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, TypeAlias

from tocsin.errors import DataError
from tocsin.eventstorage.idea.texts import clean
from tocsin.eventstorage.query.values import instant_of, read_text, read_time
from tocsin.eventstorage.thresholds.fetching import events_with
from tocsin.eventstorage.thresholds.report_methods import ReportMethods

if TYPE_CHECKING:
    from tocsin.eventstorage.idea import Idea
    from tocsin.eventstorage.session import Session

__all__ = ["Threshold", "ThresholdMethods"]

Threshold: TypeAlias = tuple[str, datetime, datetime, datetime]
"""(id, thresholdtime, relapsetime, ttltime)"""

_LONGEST_KEY = 512  # bytes: with the event's id, an index of PostgreSQL holds less than 2,700

_SET = """
INSERT INTO thresholds (id, thresholdtime, relapsetime, ttltime) VALUES (%s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET thresholdtime = excluded.thresholdtime,
    relapsetime = excluded.relapsetime, ttltime = excluded.ttltime"""
_CHECK = "SELECT thresholdtime, relapsetime, ttltime FROM thresholds WHERE id = %s AND ttltime >= %s"
_SAVE = """
INSERT INTO events_thresholded (keyid, eventid, groupname, eventseverity, createtime)
VALUES (%s, %s, %s, %s, %s) ON CONFLICT (keyid, eventid) DO NOTHING"""
_RELAPSED = """
WITH relapsed AS (
    SELECT t.id, t.thresholdtime FROM thresholds t
    WHERE t.ttltime <= %s AND t.relapsetime < t.ttltime AND EXISTS (
        SELECT 1 FROM events_thresholded late WHERE late.keyid = t.id AND late.groupname = %s
            AND late.eventseverity = %s AND late.createtime >= t.relapsetime)
)
SELECT h.eventid, min(h.createtime) AS since FROM relapsed r JOIN events_thresholded h ON h.keyid = r.id
WHERE h.createtime >= r.thresholdtime AND h.groupname = %s AND h.eventseverity = %s
GROUP BY h.eventid ORDER BY since, h.eventid"""
# What a Thresholder held back before its last report of a key can be read until the next one.
_CLEAN = """
DELETE FROM events_thresholded WHERE NOT EXISTS (
    SELECT 1 FROM thresholds t
    WHERE t.id = events_thresholded.keyid AND t.thresholdtime <= events_thresholded.createtime
) AND NOT EXISTS (
    SELECT 1 FROM threshold_reports r WHERE r.id = substr(events_thresholded.keyid, 1, 32)
        AND events_thresholded.keyid IN (r.id || '/' || r.number, r.id || '/' || (r.number - 1))
)"""


class ThresholdMethods(ReportMethods):
    """Operations on thresholds: what is silent until when, and what was held back meanwhile.

    Keys, groups and severities are any text; a key may have any length. `Thresholder` is built on these.
    """

    def threshold_set(self, key: str, thresholdtime: datetime, relapsetime: datetime, ttl: datetime) -> None:
        """Make a key silent, or change how long it is.

        Args:
            key: What was told.
            thresholdtime: When it was told: the end of the report's window.
            relapsetime: From when on it relapses when something is held back.
            ttl: Until when it is silent.
        """
        ident = _stored_key(key)
        times = [
            _instant("thresholdtime", thresholdtime),
            _instant("relapsetime", relapsetime),
            _instant("ttl", ttl),
        ]
        self._run(lambda session: session.execute(_SET, (ident, *map(session.to_time, times))), replay=True)

    def threshold_check(self, key: str, ttl: datetime) -> list[Threshold]:
        """Tell whether a key is silent at an instant, the last one of its silence included.

        Returns:
            `(id, thresholdtime, relapsetime, ttltime)` with `ttltime >= ttl`, times aware in UTC; `[]` when
            it may be told.
        """
        ident, at = _stored_key(key), _instant("ttl", ttl)

        def work(session: Session) -> list[Threshold]:
            rows = session.execute(_CHECK, (ident, session.to_time(at)))
            return [
                (clean(key), session.from_time(told), session.from_time(relapse), session.from_time(until))
                for told, relapse, until in rows
            ]

        return self._run(work, replay=True)

    def threshold_save(
        self, eventid: str, keyid: str, group_name: str, severity: str | None, createtime: datetime
    ) -> None:
        """Note that an event was held back under a key; of what is said twice, the first stays."""
        ident, event = _stored_key(keyid), _event_id(eventid)
        group, level = read_text("group_name", group_name), _severity(severity)
        at = _instant("createtime", createtime)
        self._run(
            lambda session: session.execute(_SAVE, (ident, event, group, level, session.to_time(at))),
            replay=True,
        )

    def thresholds_count(self) -> int:
        """Count the thresholds."""
        return self._run(lambda session: _count(session, "thresholds"), replay=True)

    def thresholds_clean(self, ttl: datetime) -> int:
        """Delete the thresholds whose silence ended before an instant, and give how many.

        Search for relapses first: what is deleted here does not relapse.
        """
        at = _instant("ttl", ttl)
        return self._run(
            lambda session: session.execute_count(
                "DELETE FROM thresholds WHERE ttltime < %s", (session.to_time(at),)
            ),
            replay=True,
        )

    def search_relapsed_events(self, group_name: str, severity: str | None, ttl: datetime) -> list[Idea]:
        """Give what was held back and must be told, as it was still going on near the end of its silence.

        Args:
            group_name: Of which group.
            severity: Of which severity.
            ttl: The keys whose silence ended by then, this instant included.

        Returns:
            For each key of which an event was held back from its relapse time on, all events of the group and
            the severity held back since it was told, each once, in the order in which they were; those that
            are no longer stored are missing.
        """
        args = (read_text("group_name", group_name), _severity(severity))
        at = _instant("ttl", ttl)

        def work(session: Session) -> list[Idea]:
            rows = session.execute(_RELAPSED, (session.to_time(at), *args, *args))
            return events_with(session, [ident for ident, _ in rows])

        return self._run(work, replay=True)

    def thresholded_events_count(self) -> int:
        """Count the notes that an event was held back."""
        return self._run(lambda session: _count(session, "events_thresholded"), replay=True)

    def thresholded_events_clean(self) -> int:
        """Delete the notes whose key has no threshold, or from before it was told, and give how many."""
        return self._run(lambda session: session.execute_count(_CLEAN), replay=True)


def _count(session: Session, table: str) -> int:
    [(count,)] = session.execute(f"SELECT count(*) FROM {table}")
    return int(count)


def _instant(parameter: str, value: object) -> datetime:
    return instant_of(read_time(parameter, value))


def _severity(severity: str | None) -> str:
    return "" if severity is None else read_text("severity", severity)


def _event_id(eventid: str) -> str:
    ident = read_text("eventid", eventid)
    if len(ident) > 255:  # noqa: PLR2004 - what an event may have
        raise DataError("an event's id has at most 255 characters", parameter="eventid")
    return ident


def _stored_key(key: str) -> str:
    """Give what stands for a key in the tables: itself, or its beginning with a digest of the whole."""
    key = read_text("key", key)
    whole = key.encode()
    if len(whole) <= _LONGEST_KEY:
        return key
    return f"{whole[:_LONGEST_KEY].decode(errors='ignore')}…{sha256(whole).hexdigest()}"
