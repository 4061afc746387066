"""Values that PostgreSQL does not know to be rare.

Of a value that is not among the frequent ones of a list, PostgreSQL assumes that one event in two hundred has
it. So for a page of the latest it goes through the events in their order, and through all of them when
nearly none has the value. Who asks for such a value begins at the index of values instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.eventstorage.columns import ARRAY_COLUMNS
from tocsin.eventstorage.query.fragments import any_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.eventstorage.query.dialects import SQL
    from tocsin.eventstorage.query.fragments import Fragment
    from tocsin.eventstorage.query.parameters import ListFilter, SearchParameters
    from tocsin.eventstorage.session import Session

__all__ = ["rare_values"]

_FREQUENT = """\
SELECT 1 FROM pg_stats s WHERE s.schemaname = current_schema() AND s.tablename = 'events'
    AND s.attname = ANY(%s::text[]) AND s.most_common_elems::text::text[] && %s::text[] LIMIT 1"""


def rare_values(session: Session, sql: SQL, parameters: SearchParameters) -> Iterator[Fragment]:
    """Give a condition with `rows` for each list of values that are all rare.

    Args:
        session: Of PostgreSQL.
        sql: Its dialect.
        parameters: What is searched for.
    """
    for columns, values in parameters.values:
        if _are_listed(values) and set(columns) <= set(ARRAY_COLUMNS):
            items = list(values.items)
            if not session.execute(_FREQUENT, (list(columns), items), again=True):
                has = any_of(sql.array_has(column, items) for column in columns)
                rows = f"SELECT e.seq, e.storagetime FROM events e WHERE {has.sql}"
                yield has._replace(rows=rows)


def _are_listed(values: ListFilter[str]) -> bool:
    return bool(values.items) and not (values.negated or values.empty or values.some)
