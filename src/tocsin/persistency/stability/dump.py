"""A tracker's variables as bytes, and back.

Tables of all variables with one name and schema are joined, so that a state is a few Arrow streams however
many variables there are; the attributes say in which table each variable has how many rows. A variable has
`runs` (lengths of runs, or the ones of blocks), `slots` (instant, values, new values), and the tables of its
distinct values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.persistency.arrow_codec import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa

    from tocsin.persistency.stability.variable import VariableTracker

__all__ = ["dump_variables", "load_variables"]

_VERSION = 1


def dump_variables(kind: str, variables: Mapping[str, VariableTracker], latest: int | None) -> bytes:
    """Write the variables; they must not change meanwhile."""
    import pyarrow as pa

    parts: dict[tuple[str, str], list[pa.Table]] = {}
    entries = []
    for name, variable in variables.items():
        tables, attributes = variable.to_tables()
        rows = {}
        for table_name, table in tables.items():
            if table.num_rows:
                key = (table_name, str(table.schema))
                parts.setdefault(key, []).append(table)
                rows[table_name] = [list(parts).index(key), table.num_rows]
        entries.append({"name": name, "rows": rows, **attributes})
    joined = {f"{place}.{name}": pa.concat_tables(some) for place, ((name, _), some) in enumerate(parts.items())}
    return encode(kind, _VERSION, joined, {"latest": latest, "variables": entries})


def load_variables(
    kind: str, content: bytes, make: Callable[[str], VariableTracker]
) -> tuple[dict[str, VariableTracker], int | None]:
    """Read variables, and the latest time they know.

    Args:
        kind: The kind of state that the content must be.
        content: What `dump_variables` gave.
        make: Makes an empty variable of a name.

    Raises:
        ValueError: The content is not what `dump_variables` wrote.
    """
    decoded = decode(content, kind, _VERSION)
    try:
        reader = _Reader(decoded.tables)
        variables = {}
        for entry in decoded.attributes["variables"]:
            name = entry["name"]
            if type(name) is not str or name in variables:
                message = f"{name!r} is no name, or it is there twice"
                raise ValueError(message)
            variables[name] = make(name)
            variables[name].fill(reader.tables_of(entry["rows"]), entry)
        latest = decoded.attributes["latest"]
    except (LookupError, TypeError, ArithmeticError, AttributeError) as error:
        message = f"this is not the state of a {kind}: {error!r}"
        raise ValueError(message) from error
    if not reader.is_used_up() or not (latest is None or type(latest) is int):
        message = f"this is not the state of a {kind}: it has other rows than it says"
        raise ValueError(message)
    return variables, latest


class _Reader:
    """Hands out the rows of joined tables in order."""

    def __init__(self, joined: Mapping[str, pa.Table]) -> None:
        self._names = [name.partition(".")[2] for name in joined]
        self._left = list(joined.values())

    def tables_of(self, rows: Mapping[str, Any]) -> dict[str, pa.Table]:
        """Give the next rows of each table that a variable names."""
        tables = {}
        for name, (place, count) in rows.items():
            table = self._left[place]
            if type(count) is not int or not 0 < count <= table.num_rows or self._names[place] != name:
                message = f"{count!r} rows of table {name!r} are not there"
                raise ValueError(message)
            tables[name] = table.slice(0, count)
            self._left[place] = table.slice(count)
        return tables

    def is_used_up(self) -> bool:
        """Tell whether every row was handed out."""
        return not any(table.num_rows for table in self._left)
