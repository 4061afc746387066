"""Which telling silenced something, and what it held back: by the thresholds, else by the decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.alerting.threshold import held_as
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
        self._memory, self._found = memory, found
        self._thresholds = None if events is None else thresholder_of(project, events)

    def of(self, rows: Sequence[DecisionRow]) -> Holding | None:
        """Give the telling that what begins here caused, or that held it back.

        Args:
            rows: What was decided about one thing for one group and channel.
        """
        opening = next((row for row in rows if row.kind in _PASS_THRESHOLDS and row.until is not None), None)
        if opening is None:
            return None
        keys = self._keys(opening)
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

    def relapse(self, holding: Holding, told: str | None) -> DecisionRow | None:
        """Find the decision by which what was held back was told, with what came then or by itself.

        Or by which it was not, as something muted it when it was due.

        Args:
            holding: What held it back.
            told: The event by which that was told itself.
        """
        rows = read_decisions(
            self._memory,
            "event_id IN (%(event)s, %(first)s) AND group_name = %(group)s AND channel = %(channel)s"
            " AND (kind IN (%(relapsed)s, %(escalated)s) OR (event_id = %(first)s AND event_at = %(due)s"
            " AND kind IN (%(silenced)s, %(inhibited)s, %(none)s)))",
            {
                "event": holding.told_again_event,
                "first": holding.held_ids[0] if holding.held_ids else None,
                "group": holding.key.group,
                "channel": holding.key.channel,
                "relapsed": DecisionKind.RELAPSED.value,
                "escalated": DecisionKind.ESCALATED.value,
                "due": holding.until,
                "silenced": DecisionKind.SILENCED.value,
                "inhibited": DecisionKind.INHIBITED.value,
                "none": DecisionKind.NONE.value,
            },
        )
        return next((row for row in rows if row.event_id != told), None)

    def _from_decisions(self, opening: DecisionRow, keys: Sequence[ThresholdKey]) -> Holding | None:
        """Put together from the decisions what the thresholds have forgotten, as they do when it is over."""
        verdicts = {kind.value: kind for kind in VerdictKind}
        alike = read_decisions(self._memory, _SAME, _same(opening))
        told = [row for row in alike if row.told]
        if opening.told:
            told = [opening]
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

    def _keys(self, row: DecisionRow) -> list[ThresholdKey]:
        """Give what it may have been told as."""
        if row.condition != "event":
            classes = (incident_class(row.monitor, row.rule),)
            return [_key(row, "source", classes, "node", row.series)]
        event = self._found.event
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
