"""Collects why somebody was told of something that was found, or not."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from tocsin.alerting.acknowledgements import read_acknowledgements
from tocsin.alerting.records import incident_key, select_incidents
from tocsin.alerting.silence_book import read_silences
from tocsin.database.tables import TABLE_CANDIDATES, TABLE_DECISIONS
from tocsin.model import DecisionKind
from tocsin.runtime.alerts.history import DecisionRow, read_decisions
from tocsin.runtime.alerts.memory import events_to_read
from tocsin.runtime.alerts.views import incident_id
from tocsin.runtime.project_state import metric_of
from tocsin.runtime.why.answers import AnswerReader
from tocsin.runtime.why.facts import HeldBack, IncidentStory, RuleStory, Why
from tocsin.runtime.why.found import find
from tocsin.runtime.why.watchers import watchers_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from tocsin.database import BaseDatabaseManager
    from tocsin.eventstorage import EventStorageService
    from tocsin.model import Silence
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.why.found import Found

__all__ = ["explain"]

_FEW_IDS = 3
_SILENCE_ID = re.compile(r"\b[0-9a-f]{8}\b")
_IS_ABOUT = (
    "series = %(series)s AND rule = %(rule)s AND opened_at = %(opened_at)s AND condition = %(condition)s"
)

_About = tuple[str, str, str, "datetime | None"]  # series, rule, condition, the incident's first point


def explain(
    project: Project, memory: BaseDatabaseManager, asked: str, *, at: datetime | None = None, now: datetime
) -> Why:
    """Collect what was found, what was decided about it and why, and when it will be told again.

    Nothing is written.

    Args:
        project: The project.
        memory: Its memory.
        asked: The id of an event or the beginning of one; a monitor or a series.
        at: Of a monitor or a series: what was found last at this time or before; `None`: last of all.
        now: The present.

    Raises:
        ConfigError: There is nothing of that name, or there are several; nothing was found at that time.
        EventStorageException: The events cannot be read.
        DatabaseError: The memory cannot be read.
    """
    with events_to_read(project, memory) as events:
        found = find(project, memory, events, asked, at)
        reader = _Reader(project, memory, events, found, now)
        stories = reader.stories()
        watchers = () if stories else watchers_of(project, memory, events, found)
        return Why(asked, found, stories, reader.silences(stories), watchers)


class _Reader:
    """Reads what is known of one thing that was found."""

    def __init__(
        self,
        project: Project,
        memory: BaseDatabaseManager,
        events: EventStorageService | None,
        found: Found,
        now: datetime,
    ) -> None:
        self._project, self._memory, self._found = project, memory, found
        self._kinds = {monitor.name: monitor.kind for monitor in project.monitors}
        self._acknowledged = read_acknowledgements(memory)
        self._answers = AnswerReader(project, memory, events, found, now)

    def stories(self) -> tuple[RuleStory, ...]:
        """Tell for each rule that looked at it what came of it."""
        rows = self._direct()
        about: dict[_About, list[DecisionRow]] = {}
        for row in rows:
            about.setdefault((row.series, row.rule, row.condition, row.opened_at), []).append(row)
        stories = [self._story(key, members) for key, members in _best(about).items()]
        return tuple(sorted(stories, key=lambda story: (story.monitor, story.rule)))

    def _direct(self) -> list[DecisionRow]:
        """Read what was decided about the event, or about its point of the series."""
        conditions, params = [], dict[str, Any]()
        if self._found.event_id is not None:
            conditions.append("event_id = %(event)s")
            params["event"] = self._found.event_id
        if self._found.series is not None and self._found.at is not None:
            conditions.append("(series = %(series)s AND event_at = %(at)s AND condition <> 'event')")
            params |= {"series": self._found.series, "at": self._found.at}
        return read_decisions(self._memory, " OR ".join(conditions), params) if conditions else []

    def _story(self, about: _About, rows: Sequence[DecisionRow]) -> RuleStory:
        _, rule, _, opened_at = about
        point = next((row for row in rows if not row.candidate_id), None)
        decided = [row for row in rows if row.candidate_id]
        incident = None
        if opened_at is not None:
            decided = self._of_incident(about)
            incident = self._incident(about)
        monitor = rows[0].monitor
        return RuleStory(
            monitor=monitor,
            kind=self._kinds.get(monitor),
            rule=rule,
            point=point,
            incident=incident,
            answers=self._answers.of(decided, incident),
            waits=not decided and opened_at is not None and self._waits(about),
        )

    def _of_incident(self, about: _About) -> list[DecisionRow]:
        return read_decisions(
            self._memory,
            f"{_IS_ABOUT} AND candidate_id <> ''",
            _params(about),
        )

    def _incident(self, about: _About) -> IncidentStory | None:
        rows = select_incidents(self._memory, _IS_ABOUT, _params(about), order="opened_at")
        if not rows:
            return None
        incident = rows[0].incident
        key = incident_key(incident)
        return IncidentStory(
            id=incident_id(key),
            incident=incident,
            last_reason=rows[0].decision.reason,
            points=HeldBack(
                incident.anomalies, incident.opened_at, incident.last_anomaly_at, self._ids_of(about)
            ),
            acknowledged=self._acknowledged.get(key),
            is_looked_after=self._project.plan.looks_after(metric_of(incident.series), incident.rule),
        )

    def _ids_of(self, about: _About) -> tuple[str, ...]:
        rows = self._memory.execute_query(
            f"SELECT event_id FROM {self._memory.get_full_table_name(TABLE_DECISIONS)}"
            f" WHERE {_IS_ABOUT} AND event_id IS NOT NULL"
            " GROUP BY event_id ORDER BY min(event_at), event_id LIMIT %(limit)s",
            {**_params(about), "limit": _FEW_IDS},
        )
        return tuple(str(row["event_id"]) for row in rows)

    def _waits(self, about: _About) -> bool:
        rows = self._memory.execute_query(
            f"SELECT 1 AS one FROM {self._memory.get_full_table_name(TABLE_CANDIDATES)}"
            f" WHERE {_IS_ABOUT} LIMIT 1",
            _params(about),
        )
        return bool(rows)

    def silences(self, stories: Iterable[RuleStory]) -> tuple[Silence, ...]:
        """Give the silences that the decisions name."""
        named = {
            name
            for story in stories
            for answer in story.answers
            for row in (*answer.decisions, answer.relapse)
            if row is not None and row.kind is DecisionKind.SILENCED
            for name in _SILENCE_ID.findall(row.reason)
        }
        return tuple(one for one in read_silences(self._memory) if one.id in named) if named else ()


def _params(about: _About) -> dict[str, Any]:
    series, rule, condition, opened_at = about
    return {"series": series, "rule": rule, "condition": condition, "opened_at": opened_at}


def _best(about: dict[_About, list[DecisionRow]]) -> dict[_About, list[DecisionRow]]:
    """Leave out that a rule did not take a point for an incident yet, when it did so later."""
    of_incidents = Counter((series, rule) for series, rule, _, opened_at in about if opened_at is not None)
    return {
        key: rows
        for key, rows in about.items()
        if key[3] is not None or key[2] == "event" or not of_incidents[key[0], key[1]]
    }
