"""Where a search begins.

PostgreSQL knows its data, but takes longer to plan for all partitions of three tables than to find a few
events. So a search that a side table can begin is tried as a statement whose plan is kept, which gives up
when there are many. To count events, a look into a side table alone comes first; when it gives few, only
their partitions are planned for.

SQLite does not know its data: it is told to begin with the events of the filter that leaves the fewest, if
these are few; otherwise with the order, so that a page of the latest is full soon. Which events these are, a
short look into the indexes tells. Where only one filter can be the one, it is tried without a look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.eventstorage.addresses import ALL_SIZES
from tocsin.eventstorage.query.fragments import Fragment, all_of
from tocsin.eventstorage.query.kept import FEW, is_refused, write_kept, write_page
from tocsin.eventstorage.query.rare import rare_values
from tocsin.eventstorage.query.statements import Statement

if TYPE_CHECKING:
    from tocsin.eventstorage.query.parameters import SearchParameters
    from tocsin.eventstorage.session import Row, Session

__all__ = ["find", "plan", "plan_since"]

_FEW = 5_000
_FEW_KNOWN = FEW
_FEW_VALUES = 8  # each number of values makes a statement of its own
_FEW_ENOUGH = 100  # it is not worth while to look for a condition that leaves fewer


def find(session: Session, parameters: SearchParameters, qtype: str) -> list[Row]:
    """Search, and give the rows.

    Args:
        session: Where.
        parameters: What is searched for.
        qtype: `select` or `select_ghost`.

    Raises:
        DataError: Full text without an index for it.
    """
    if session.dialect == "postgresql":
        rows = _find_few(session, parameters, qtype)
    else:
        rows = _find_at_once(session, parameters, qtype)
    if rows is not None:
        return rows
    return session.execute(*plan(session, parameters).write(qtype))


def plan(session: Session, parameters: SearchParameters, *, ordered: bool = True) -> Statement:
    """Give the statement of a search, made for the events that are there.

    Args:
        session: Where it will run.
        parameters: What is searched for.
        ordered: Whether the order matters; it does not for counting.

    Raises:
        DataError: Full text without an index for it.
    """
    statement = _statement(session, parameters)
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
    statement = _statement(session, parameters)
    if session.dialect == "postgresql":
        if events > _FEW:
            _look_ahead(session, statement)
    elif statement.conditions and (events <= _FEW or not _begin_with_few(session, statement)):
        statement.lead(set(), sort_by_index=True)
    return statement


def _statement(session: Session, parameters: SearchParameters, sizes: int = ALL_SIZES) -> Statement:
    text_index = session.text_index
    if parameters.text and not text_index:  # somebody may have made the tables anew, for the sake of it
        text_index = session.look_for_text_index()
    return Statement(parameters, session.dialect, text_index=text_index, sizes=sizes)


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
        place, found = fewest
        statement.begin_with(place, statement.sql.among("e.seq", list(found)))
    return fewest is not None


def _find_at_once(session: Session, parameters: SearchParameters, qtype: str) -> list[Row] | None:
    """Search in SQLite by one statement that begins at the only side table there is to begin at.

    Returns:
        `None` when nothing was found, or when there is no such table or it has too many rows.
    """
    statement = _for_known_sizes(session, parameters)
    places = [place for place, one in enumerate(statement.conditions) if one.can_lead and not one.time_column]
    begin = statement.conditions[places[0]].write(statement.sql) if len(places) == 1 else None
    if begin is None or begin.rows is None:
        return None
    few = Fragment(f"(e.seq IN (SELECT seq FROM few) AND (SELECT count(*) FROM few) <= {_FEW_KNOWN})")
    sizes = statement.known_sizes()
    statement.begin_with(places[0], few if sizes is None else all_of((few, sizes)))
    query, args = statement.write(qtype)
    begun = f"WITH few (seq) AS MATERIALIZED ({begin.rows} LIMIT {_FEW_KNOWN + 1})"
    rows = session.execute(f"{begun} {query}", (*begin.args, *args))
    if not rows:
        _look_at_sizes(session, parameters)
    return rows or None


def _for_known_sizes(session: Session, parameters: SearchParameters) -> Statement:
    """Give the statement of a search for the sizes of blocks that are known; it has to ask for them."""
    sizes = session.block_sizes() if parameters.addresses else ALL_SIZES
    return _statement(session, parameters, sizes)


def _look_at_sizes(session: Session, parameters: SearchParameters) -> None:
    """Learn the sizes of blocks anew, as a search for addresses found nothing or gave up."""
    if parameters.addresses:
        session.block_sizes(anew=True)


def _some(session: Session, statement: Statement, place: int) -> list[Row]:
    """Give the events for which a condition holds, or one more than a few of them."""
    condition = statement.conditions[place].write(statement.sql)
    rows = condition.rows or f"SELECT e.seq FROM events e WHERE {condition.sql}"
    return session.execute(f"{rows} LIMIT %s", (*condition.args, _FEW + 1))


def _find_few(session: Session, parameters: SearchParameters, qtype: str) -> list[Row] | None:
    """Search in PostgreSQL by a statement whose plan is kept; `None` when no filter leaves few events."""
    statement = _for_known_sizes(session, parameters)
    if _is_first_page(statement):
        return session.execute(*write_page(statement, qtype), again=True)
    conditions = [one.write(statement.sql) for one in statement.conditions]
    for place, condition in enumerate(conditions):
        can_begin = statement.conditions[place].can_lead and condition.rows is not None
        if can_begin and len(condition.args) <= _FEW_VALUES:
            rest = conditions[:place] + conditions[place + 1 :]
            rows = session.execute(*write_kept(statement, condition, rest, qtype), again=True)
            if not is_refused(rows):
                return rows
    if parameters.order.limit is not None:  # all of them are not looked for in their order
        for condition in rare_values(session, statement.sql, parameters):
            rows = session.execute(*write_kept(statement, condition, conditions, qtype), again=True)
            if not is_refused(rows):
                return rows
    _look_at_sizes(session, parameters)
    return None


def _is_first_page(statement: Statement) -> bool:
    """Tell whether a few events are wanted that an index gives in their order, those in front included."""
    order = statement.order
    is_small = order.limit is not None and order.limit <= FEW and not order.offset
    return is_small and all(one.time_column == order.column for one in statement.conditions)


def _look_ahead(session: Session, statement: Statement) -> None:
    """Tell a statement for PostgreSQL which few events a condition leaves, if there is such a one."""
    for place, one in enumerate(statement.conditions):
        condition = one.write(statement.sql)
        if one.can_lead and condition.rows is not None:
            rows = session.execute(f"{condition.rows} LIMIT %s", (*condition.args, _FEW_KNOWN + 1))
            if len(rows) <= _FEW_KNOWN:
                statement.know(place, rows)
                return
