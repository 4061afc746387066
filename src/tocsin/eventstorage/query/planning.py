"""Where a search begins.

PostgreSQL knows its data, but takes longer to plan for all partitions of three tables than to find a few
events. So a look into a side table alone comes first; when it gives few, only their partitions are planned
for.

SQLite does not know its data: it is told to begin with the filter that leaves the fewest events, if these are
few; otherwise with the order, so that a page of the latest is full soon. Which filter that is, a short look
into the indexes tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.eventstorage.query.statements import Statement

if TYPE_CHECKING:
    from tocsin.eventstorage.query.parameters import SearchParameters
    from tocsin.eventstorage.session import Session

__all__ = ["plan"]

_FEW = 5_000
_FEW_KNOWN = 1_000


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
    if not statement.conditions:
        return statement
    sizes = {
        place: size
        for place, one in enumerate(statement.conditions)
        if one.can_lead and (size := _size(session, statement, place)) <= _FEW
    }
    if sizes:  # nothing else need be found by an index
        statement.lead({min(sizes, key=lambda place: sizes[place])}, sort_by_index=False)
    elif ordered:
        column = statement.order.column
        times = {place for place, one in enumerate(statement.conditions) if one.time_column == column}
        statement.lead(times, sort_by_index=True)
    else:  # a look into the side tables for each event is faster than collecting most events from them
        columns = {
            place for place, one in enumerate(statement.conditions) if not one.write(statement.sql).rows
        }
        statement.lead(columns, sort_by_index=False)
    return statement


def _size(session: Session, statement: Statement, place: int) -> int:
    """Count the events for which a condition holds, as far as they are few."""
    condition = statement.conditions[place].write(statement.sql)
    rows = condition.rows or f"SELECT 1 FROM events e WHERE {condition.sql}"
    [(count,)] = session.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM ({rows}) LIMIT %s)", (*condition.args, _FEW + 1)
    )
    return int(count)


def _look_ahead(session: Session, statement: Statement) -> None:
    """Tell a statement for PostgreSQL which few events a condition leaves, if there is such a one."""
    for place, one in enumerate(statement.conditions):
        condition = one.write(statement.sql)
        if one.can_lead and condition.rows is not None:
            rows = session.execute(f"{condition.rows} LIMIT %s", (*condition.args, _FEW_KNOWN + 1))
            if len(rows) <= _FEW_KNOWN:
                statement.know(place, rows)
                return
