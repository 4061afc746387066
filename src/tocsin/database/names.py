"""Names of tables: checked, quoted, and what the project calls the internal ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tocsin.database.tables import INTERNAL_TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TableNames", "quote"]

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)


def quote(name: str) -> str:
    """Quote an identifier.

    Raises:
        ValueError: It has other characters than letters, digits and `_`, or more than 63.
    """
    if not _IDENTIFIER.fullmatch(name):
        raise ValueError(f"{name!r} is not a name: letters, digits and _ only, at most 63")
    return f'"{name}"'


class TableNames:
    """What the project calls the internal tables.

    Args:
        tables: Internal name → the project's name for it; those left out keep their own.
        internal_schema: Where the internal tables are, `None`: where the database looks first.
        data_schema: The same for the user's tables.

    Raises:
        ValueError: A key is no internal table, a name is not an identifier, or two tables share one.
    """

    def __init__(
        self,
        tables: Mapping[str, str] | None = None,
        *,
        internal_schema: str | None = None,
        data_schema: str | None = None,
    ) -> None:
        self.internal_schema = internal_schema
        self.data_schema = data_schema
        for schema in (internal_schema, data_schema):
            if schema is not None:
                quote(schema)
        self._names = {name: name for name in INTERNAL_TABLES} | dict(tables or {})
        unknown = set(self._names) - set(INTERNAL_TABLES)
        if unknown:
            raise ValueError(f"no internal tables: {', '.join(sorted(unknown))}")
        for name in self._names.values():
            quote(name)
        if len({name.lower() for name in self._names.values()}) < len(self._names):
            raise ValueError(f"two internal tables have one name: {self._names}")

    def actual(self, table: str) -> str:
        """Give the name that a table has in the database, unquoted."""
        return self._names.get(table, table)

    def quoted(self, table: str, *, internal: bool = True) -> str:
        """Give the quoted name of a table, of a user's also as `schema.table`.

        Raises:
            ValueError: The name is not an identifier.
        """
        parts = [self.actual(table)] if internal else table.split(".")
        schema = self.internal_schema if internal else self.data_schema
        if schema is not None and len(parts) == 1:
            parts.insert(0, schema)
        return ".".join(map(quote, parts))
