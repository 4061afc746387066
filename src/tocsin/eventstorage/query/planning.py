"""Where a search begins.

PostgreSQL knows its data, but takes longer to plan for all partitions of three tables than to find a few
events. So a look into a side table alone comes first; when it gives few, only their partitions are planned
for.

SQLite does not know its data: it is told to begin with the events of the filter that leaves the fewest, if
these are few; otherwise with the order, so that a page of the latest is full soon. Which events these are, a
short look into the indexes tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.eventstorage.query.statements import Statement

if TYPE_CHECKING:
    from tocsin.eventstorage.query.parameters import SearchParameters
    from tocsin.eventstorage.session import Row, Session

__all__ = ["plan", "plan_since"]

_FEW = 5_000
_FEW_KNOWN = 1_000
_FEW_ENOUGH = 100  # it is not worth while to look for a condition that leaves fewer


def plan(session: Session, parameters: SearchParameters, *, ordered: bool = True) -> Statement:
    """Give the statement of a search, made for the events that are there.

    Args:
        session: Where it will run.
        parameters: What is searched for.
        ordered: Whether the order matters; it does not for counting.

    Raises:
        DataError: Full text without an index for it.
    """
    statement = Statement(parameters, session.dialect, text_index=session.text_index)
    if session.dialect == "postgresql":
        _look_ahead(session, statement)
        return statement
    if not statement.conditions or _begin_with_few(session, statement):
        return statement
    if ordered:
        column = statement.order.column
        times = {place for place, one in enumerate(statement.conditions) if one.time_column == column}
        statement.lead(times, sort_by_index=True)
    else:  # a look into the side tables for each event is faster than collecting most events from them
        columns = {
            place for place, one in enumerate(statement.conditions) if not one.write(statement.sql).rows
        }
        statement.lead(columns, sort_by_index=False)
    return statement


def plan_since(session: Session, parameters: SearchParameters, events: int) -> Statement:
    """Give the statement for those of the latest events that match; it is written by `write_since`.

    Args:
        session: Where it will run.
        parameters: What is searched for; its order plays no part.
        events: How many are looked at, at most. A few are gone through one by one.

    Raises:
        DataError: Full text without an index for it.
    """
    statement = Statement(parameters, session.dialect, text_index=session.text_index)
    if session.dialect == "postgresql":
        if events > _FEW:
            _look_ahead(session, statement)
    elif statement.conditions and (events <= _FEW or not _begin_with_few(session, statement)):
        statement.lead(set(), sort_by_index=True)
    return statement


def _begin_with_few(session: Session, statement: Statement) -> bool:
    """Tell SQLite to begin with the condition that leaves the fewest events; false when all leave many."""
    places = [place for place, one in enumerate(statement.conditions) if one.can_lead]
    places.sort(key=lambda place: statement.conditions[place].time_column is not None)  # these leave many
    fewest: tuple[int, set[int]] | None = None
    for place in places:
        seqs = _some(session, statement, place)
        if len(seqs) <= _FEW and (fewest is None or len(seqs) < len(fewest[1])):
            fewest = place, {seq for (seq,) in seqs}
            if len(seqs) <= _FEW_ENOUGH:
                break
    if fewest is not None:
        statement.begin_with(*fewest)
    return fewest is not None


def _some(session: Session, statement: Statement, place: int) -> list[Row]:
    """Give the events for which a condition holds, or one more than a few of them."""
    condition = statement.conditions[place].write(statement.sql)
    rows = condition.rows or f"SELECT e.seq FROM events e WHERE {condition.sql}"
    return session.execute(f"{rows} LIMIT %s", (*condition.args, _FEW + 1))


def _look_ahead(session: Session, statement: Statement) -> None:
    """Tell a statement for PostgreSQL which few events a condition leaves, if there is such a one."""
    for place, one in enumerate(statement.conditions):
        condition = one.write(statement.sql)
        if one.can_lead and condition.rows is not None:
            rows = session.execute(f"{condition.rows} LIMIT %s", (*condition.args, _FEW_KNOWN + 1))
            if len(rows) <= _FEW_KNOWN:
                statement.know(place, rows)
                return
