"""Which telling silenced something, and what it held back: by the thresholds, else by the decisions."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tocsin.alerting.rows import chunks, named, storable
from tocsin.alerting.threshold import held_as
from tocsin.alerting.verdicts import instant
from tocsin.database.tables import TABLE_DECISIONS
from tocsin.eventstorage.thresholds import ThresholdKey, VerdictKind
from tocsin.eventstorage.thresholds.entities import facts_of
from tocsin.eventstorage.thresholds.looking import Holding
from tocsin.model import DecisionKind
from tocsin.runtime.alerts.history import TELLING_KINDS, read_decisions
from tocsin.runtime.alerts.memory import thresholder_of
from tocsin.runtime.alerts.threshold_book import incident_class
from tocsin.runtime.why.facts import HeldBack

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
_ORDER = "event_at, decided_at, decision_id"
_AT_ONCE = 100  # beginnings of reasons in one statement


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
        known: list[str] = []
        if holding is not None:
            known = [one for one in (holding.told_again_event, *holding.held_ids[:1]) if one is not None]
        told = self._told_by(opening, known)
        if told is not None:
            return told
        keys = _keys(opening, self._found.event)
        later = sorted(self._later(opening), key=lambda row: not row.told)
        return next((row for row in later if self._tells_of(row, opening, keys)), None)

    def _told_by(self, opening: DecisionRow, events: Sequence[str]) -> DecisionRow | None:
        """Find the decision by which one of these events was told once more, with what was held back."""
        if not events:
            return None
        names, ids = named(events, "event")
        kinds, names_of_kinds = named([DecisionKind.RELAPSED.value, DecisionKind.ESCALATED.value], "kind")
        found = read_decisions(
            self._memory,
            f"event_id IN ({names}) AND group_name = %(group)s AND channel = %(channel)s"
            f" AND kind IN ({kinds})",
            {**ids, **names_of_kinds, "group": opening.group, "channel": opening.channel},
        )
        return next((row for row in found if not (opening.told and row.event_id == opening.event_id)), None)

    def _later(self, opening: DecisionRow) -> list[DecisionRow]:
        """Read what was decided, other than to hold it back, about what the same silence held back."""
        kinds, names_of_kinds = named([kind.value for kind in (DecisionKind.RELAPSED, *_NOT_TOLD)], "kind")
        # Each of the few is looked up by its event: there may be very many that were held back.
        return read_decisions(
            self._memory,
            "series = %(series)s AND rule = %(rule)s AND group_name = %(group)s AND channel = %(channel)s"
            f" AND kind IN ({kinds}) AND event_id IS NOT NULL"
            f" AND EXISTS (SELECT 1 FROM {self._memory.get_full_table_name(TABLE_DECISIONS)} AS h"
            " WHERE h.event_id = d.event_id AND h.group_name = d.group_name AND h.channel = d.channel"
            " AND h.kind = %(held)s AND h.until = %(until)s)",
            {**_same(opening), **names_of_kinds, "held": DecisionKind.HELD.value},
        )

    def _tells_of(self, row: DecisionRow, opening: DecisionRow, keys: Sequence[ThresholdKey]) -> bool:
        """Tell whether a decision is about what was held back with an event, or after it."""
        if opening.told and row.event_id == opening.event_id:
            return False
        held = read_decisions(
            self._memory,
            "event_id = %(event)s AND kind = %(held)s",
            {"event": row.event_id, "held": DecisionKind.HELD.value},
        )
        return any(_same(one) == _same(opening) and _is_about(one, keys) for one in held)

    def _from_decisions(self, opening: DecisionRow, keys: Sequence[ThresholdKey]) -> Holding | None:
        """Put together from the decisions what the thresholds have forgotten, as they do when it is over."""
        verdicts = {kind.value: kind for kind in VerdictKind}
        told = [opening]
        if not opening.told:
            keys = [key for key in keys if _is_about(opening, [key])]  # it may be about several
            told = self._told_before(opening)
            if len(told) > 1:  # others were told at the same instant
                told = [row for row in told if self._is_told_as(row, keys)]
        if len(told) != 1 or not keys or opening.until is None:
            return None
        held = self._held(opening, keys)
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
            held_count=held.count,
            first_held=held.first,
            last_held=held.last,
            held_ids=held.ids,
            relapses=False,
            told_again=None,
            told_again_event=None,
        )

    def _told_before(self, opening: DecisionRow) -> list[DecisionRow]:
        """Read what was told, and is silent until the same time as what was held back."""
        kinds, names_of_kinds = named([kind.value for kind in TELLING_KINDS], "kind")
        condition = f"{_SAME} AND kind IN ({kinds})"
        return read_decisions(self._memory, condition, {**_same(opening), **names_of_kinds})

    def _held(self, opening: DecisionRow, keys: Sequence[ThresholdKey]) -> HeldBack:
        """Count what one silence held back: that may be very much, so the database does."""
        table = self._memory.get_full_table_name(TABLE_DECISIONS)
        count, lasts, found = 0, list[datetime](), list[dict[str, Any]]()
        for some in chunks([storable(held_as(key.classes, key.entity)) for key in keys], _AT_ONCE):
            said = {f"said{number}": text for number, text in enumerate(some)}
            begins = " OR ".join(
                f"substr(reason, 1, {len(text)}) = %({name})s" for name, text in said.items()
            )
            alike = f"FROM {table} WHERE {_SAME} AND kind = %(held)s AND ({begins})"
            params = {**_same(opening), **said, "held": DecisionKind.HELD.value}
            (total,) = self._memory.execute_query(
                f"SELECT count(*) AS n, max(event_at) AS last {alike}", params
            )
            if not total["n"]:
                continue
            count += int(total["n"])
            lasts.append(_moment(total["last"]))
            found += self._memory.execute_query(
                f"SELECT event_id, candidate_id, {_ORDER} {alike} ORDER BY {_ORDER} LIMIT {_FEW_IDS}", params
            )
        if not found:
            return HeldBack(0)
        found.sort(key=lambda row: (row["event_at"], row["decided_at"], row["decision_id"]))
        ids = tuple(row["event_id"] or row["candidate_id"] for row in found[:_FEW_IDS])
        return HeldBack(count, found[0]["event_at"], max(lasts), ids)

    def _is_told_as(self, row: DecisionRow, keys: Sequence[ThresholdKey]) -> bool:
        """Tell whether the event of a decision, as far as it is stored, is the same thing."""
        event = None if self._events is None or not row.event_id else self._events.fetch_event(row.event_id)
        return not set(_keys(row, event)).isdisjoint(keys)


def _moment(worked_out: Any) -> datetime:
    """Give a time that the database worked out: of such SQLite does not say that they are times."""
    return worked_out if isinstance(worked_out, datetime) else instant(worked_out)


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
    return any(row.reason.startswith(storable(held_as(key.classes, key.entity))) for key in keys)
