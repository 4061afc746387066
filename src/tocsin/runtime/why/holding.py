"""Which telling silenced something, and what it held back: by the thresholds, else by the decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.alerting.rows import named
from tocsin.alerting.threshold import held_as
from tocsin.database.tables import TABLE_DECISIONS
from tocsin.eventstorage.thresholds import ThresholdKey, VerdictKind
from tocsin.eventstorage.thresholds.entities import facts_of
from tocsin.eventstorage.thresholds.looking import Holding
from tocsin.model import DecisionKind
from tocsin.runtime.alerts.history import read_decisions
from tocsin.runtime.alerts.memory import thresholder_of
from tocsin.runtime.alerts.threshold_book import incident_class

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.database import BaseDatabaseManager
    from tocsin.eventstorage import EventStorageService
    from tocsin.eventstorage.idea import Idea
    from tocsin.eventstorage.thresholds.entities import Side
    from tocsin.runtime.alerts.history import DecisionRow
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.why.found import Found

__all__ = ["HoldingReader"]

_PASS_THRESHOLDS = (
    DecisionKind.FIRST,
    DecisionKind.NO_DATA,
    DecisionKind.ESCALATED,
    DecisionKind.RELAPSED,
    DecisionKind.HELD,
)
_NOT_TOLD = (DecisionKind.SILENCED, DecisionKind.INHIBITED, DecisionKind.NONE)
_SIDES: tuple[Side, ...] = ("source", "target")
_FEW_IDS = 3
_SAME = (
    "series = %(series)s AND rule = %(rule)s AND group_name = %(group)s AND channel = %(channel)s"
    " AND until = %(until)s"
)


class HoldingReader:
    """Looks up what thresholds did.

    Args:
        project: The project.
        memory: Its memory.
        events: Its events, `None` when there are none.
        found: What was found.
    """

    def __init__(
        self,
        project: Project,
        memory: BaseDatabaseManager,
        events: EventStorageService | None,
        found: Found,
    ) -> None:
        self._memory, self._events, self._found = memory, events, found
        self._thresholds = None if events is None else thresholder_of(project, events)

    def of(self, rows: Sequence[DecisionRow]) -> Holding | None:
        """Give the telling that what begins here caused, or that held it back.

        Args:
            rows: What was decided about one thing for one group and channel.
        """
        opening = _opening(rows)
        if opening is None:
            return None
        keys = _keys(opening, self._found.event)
        found = []
        if self._thresholds is not None:
            about = opening.event_id or opening.candidate_id
            found = [
                one
                for one in self._thresholds.look_up(about, keys, most_ids=_FEW_IDS)
                if (one.key.group, one.key.channel, one.key.shadow) == (opening.group, opening.channel, False)
            ]
        # Of several entities the one that silences longest says when it is told again.
        return max(found, key=lambda one: one.until) if found else self._from_decisions(opening, keys)

    def relapse(self, rows: Sequence[DecisionRow], holding: Holding | None) -> DecisionRow | None:
        """Find the decision by which what was held back was told, with what came then or by itself.

        Or by which it was not, as something muted it when it was due. What was told comes before that.

        Args:
            rows: What was decided about one event for one group and channel.
            holding: What told it, or held it back, as far as that is known.
        """
        opening = _opening(rows)
        if opening is None:
            return None
        kinds, names_of_kinds = named([kind.value for kind in (DecisionKind.RELAPSED, *_NOT_TOLD)], "kind")
        found = read_decisions(
            self._memory,
            "group_name = %(group)s AND channel = %(channel)s AND ("
            "(event_id IN (%(event)s, %(first)s) AND kind IN (%(relapsed)s, %(escalated)s))"
            f" OR (series = %(series)s AND rule = %(rule)s AND kind IN ({kinds}) AND event_id IN ("
            f"SELECT event_id FROM {self._memory.get_full_table_name(TABLE_DECISIONS)}"
            f" WHERE kind = %(held)s AND {_SAME})))",
            {
                **_same(opening),
                **names_of_kinds,
                "event": None if holding is None else holding.told_again_event,
                "first": holding.held_ids[0] if holding is not None and holding.held_ids else None,
                "held": DecisionKind.HELD.value,
                "relapsed": DecisionKind.RELAPSED.value,
                "escalated": DecisionKind.ESCALATED.value,
            },
        )
        known = set() if holding is None else {holding.told_again_event, *holding.held_ids[:1]}
        later = (row for row in sorted(found, key=lambda row: not row.told) if row.event_id is not None)
        return next((row for row in later if self._tells_of(row, opening, known)), None)

    def _tells_of(self, row: DecisionRow, opening: DecisionRow, known: set[str | None]) -> bool:
        """Tell whether a decision is about what was held back with an event, or after it."""
        if opening.told and row.event_id == opening.event_id:
            return False
        if row.told and row.event_id in known:
            return True
        keys = _keys(opening, self._found.event)
        held = read_decisions(
            self._memory,
            f"event_id = %(event)s AND kind = %(held)s AND {_SAME}",
            {**_same(opening), "event": row.event_id, "held": DecisionKind.HELD.value},
        )
        return any(_is_about(one, keys) for one in held)

    def _from_decisions(self, opening: DecisionRow, keys: Sequence[ThresholdKey]) -> Holding | None:
        """Put together from the decisions what the thresholds have forgotten, as they do when it is over."""
        verdicts = {kind.value: kind for kind in VerdictKind}
        alike = read_decisions(self._memory, _SAME, _same(opening))
        told = [row for row in alike if row.told]
        if opening.told:
            told = [opening]
        else:
            keys = [key for key in keys if _is_about(opening, [key])]  # it may be about several
            if len(told) > 1:  # others were told at the same instant
                told = [row for row in told if self._is_told_as(row, keys)]
        held = [row for row in alike if row.kind is DecisionKind.HELD and _is_about(row, keys)]
        if len(told) != 1 or not keys or opening.until is None:
            return None
        ids = tuple(row.event_id or row.candidate_id for row in held[:_FEW_IDS])
        return Holding(
            kind=verdicts.get(opening.kind.value, VerdictKind.FIRST),
            key=keys[0],
            told_event=told[0].event_id or told[0].candidate_id,
            told_at=told[0].at,
            severity=told[0].severity,
            until=opening.until,
            relapse_from=None,
            before_count=0,
            before_first=None,
            before_last=None,
            before_ids=(),
            held_count=len(held),
            first_held=held[0].at if held else None,
            last_held=held[-1].at if held else None,
            held_ids=ids,
            relapses=False,
            told_again=None,
            told_again_event=None,
        )

    def _is_told_as(self, row: DecisionRow, keys: Sequence[ThresholdKey]) -> bool:
        """Tell whether the event of a decision, as far as it is stored, is the same thing."""
        event = None if self._events is None or not row.event_id else self._events.fetch_event(row.event_id)
        return not set(_keys(row, event)).isdisjoint(keys)


def _opening(rows: Sequence[DecisionRow]) -> DecisionRow | None:
    asked = [row for row in rows if row.kind in _PASS_THRESHOLDS and row.until is not None]
    return next((row for row in asked if row.told), asked[0] if asked else None)


def _keys(row: DecisionRow, event: Idea | None) -> list[ThresholdKey]:
    """Give what something may have been told as."""
    if row.condition != "event":
        classes = (incident_class(row.monitor, row.rule),)
        return [_key(row, "source", classes, "node", row.series)]
    if event is None:
        return []
    keys: list[ThresholdKey] = []
    for side in _SIDES:
        facts = facts_of(event, side)
        keys += [_key(row, side, facts.classes, facts.entity_from, one) for one in facts.entities]
    return keys


def _key(
    row: DecisionRow, side: Side, classes: tuple[str, ...], entity_from: str, entity: str
) -> ThresholdKey:
    return ThresholdKey(
        row.group,
        row.channel,
        side,
        shadow=False,
        classes=classes,
        entity_from=entity_from,
        entity=entity,
    )


def _same(row: DecisionRow) -> dict[str, Any]:
    return {
        "series": row.series,
        "rule": row.rule,
        "group": row.group,
        "channel": row.channel,
        "until": row.until,
    }


def _is_about(row: DecisionRow, keys: Sequence[ThresholdKey]) -> bool:
    """Tell by its reason whether it was held back as the same thing."""
    return any(row.reason.startswith(held_as(key.classes, key.entity)) for key in keys)
