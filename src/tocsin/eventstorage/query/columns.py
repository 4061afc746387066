"""Which columns can be counted by, and under what names people ask for them."""

from __future__ import annotations

from tocsin.errors import DataError
from tocsin.eventstorage.columns import ARRAY_COLUMNS, SCALAR_COLUMNS, VALUE_COLUMNS
from tocsin.eventstorage.query.parameters import VALUE_PARAMETERS

__all__ = ["NUMBER_COLUMNS", "counted_column", "value_column"]

NUMBER_COLUMNS = ("source_port", "target_port")
_COUNTED = (*SCALAR_COLUMNS, *ARRAY_COLUMNS)
_PARAMETERS = {
    **{name: columns[0] for name, columns in VALUE_PARAMETERS.items() if len(columns) == 1},
    "source_addrs": "source_ip",
    "target_addrs": "target_ip",
    "source_ports": "source_port",
    "target_ports": "target_port",
}


def counted_column(name: object, parameter: str = "by") -> str:
    """Give the column of events that a name means: its own, or that of the search parameter.

    Raises:
        DataError: There is none.
    """
    return _column(name, _COUNTED, parameter)


def value_column(name: object) -> str:
    """Give the column whose values are kept that a name means.

    Raises:
        DataError: There is none.
    """
    return _column(name, VALUE_COLUMNS, "column")


def _column(name: object, columns: tuple[str, ...], parameter: str) -> str:
    column = _PARAMETERS.get(name, name) if isinstance(name, str) else None
    if column not in columns:
        raise DataError(
            f"{parameter} cannot be {name!r}", hint=f"one of {', '.join(columns)}", parameter=parameter
        )
    return column
