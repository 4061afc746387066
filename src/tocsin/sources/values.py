"""Columns of values in whatever form a database gives them: numbers, and the names of series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["factorise_texts", "numbers_of_column", "text_of_value"]

_CHUNK = 4096


def numbers_of_column(column: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Read a column of numbers.

    Numbers, booleans (0 and 1), `Decimal` and text that is a number are numbers; NULL, NaN, infinities
    and empty text are missing; anything else is not a number.

    Returns:
        float64, NaN where missing or not a number; and which rows are not a number.
    """
    kind = column.dtype.kind
    if kind in "iufb":
        numbers, bad = column.astype(np.float64), np.zeros(len(column), dtype=np.bool_)
    elif kind in "OUT":
        numbers, bad = _of_objects(column.astype(object))
    else:  # times, for one, are not numbers; NULL is still only missing
        bad = ~np.isnat(column) if kind in "mM" else np.ones(len(column), dtype=np.bool_)
        numbers = np.full(len(column), np.nan)
    numbers[~np.isfinite(numbers)] = np.nan
    return numbers, bad


def _of_objects(column: NDArray[np.object_]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    numbers = np.empty(len(column), dtype=np.float64)
    bad = np.zeros(len(column), dtype=np.bool_)
    for begin in range(0, len(column), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        cells = column[part]
        try:
            if not _is_plain(cells):
                raise ValueError  # noqa: TRY301 (the slow path is for both)
            numbers[part] = cells.astype(np.float64)
        except (ValueError, TypeError, OverflowError):
            numbers[part], bad[part] = _one_by_one(cells)
    return numbers, bad


def _is_plain(cells: NDArray[np.object_]) -> bool:
    """Say whether the cells are such that Python's `float` reads them as a database would."""
    if not set(map(type, cells)) <= {str, int, float, bool, type(None)}:
        return False
    return "_" not in "".join(cell for cell in cells.tolist() if isinstance(cell, str))


def _one_by_one(cells: NDArray[np.object_]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    read = [_number(cell) for cell in cells.tolist()]
    bad = np.array([number is None for number in read], dtype=np.bool_)
    return np.array([np.nan if number is None else number for number in read]), bad


def _number(cell: Any) -> float | None:
    """Read one cell; `None` when it is not a number, NaN when it is missing."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return float("nan")
    # Digits with _ between them are Python's own way to write a number, nobody else's.
    if isinstance(cell, bytes) or (isinstance(cell, str) and "_" in cell):
        return None
    try:
        return float(cell)
    except OverflowError:
        return float("inf")
    except (ValueError, TypeError):
        return None


def text_of_value(value: Any) -> str:
    """Write a value of any type as text, the same whether or not other rows of its column are NULL.

    >>> text_of_value(7.0), text_of_value(None), text_of_value(True)
    ('7', '', 'true')
    """
    if value is None or value != value:  # noqa: PLR0124 (NaN and NaT are the values that differ from themselves)
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def factorise_texts(column: NDArray[Any]) -> tuple[NDArray[np.int64], list[str]]:
    """Give every value as text a number, in the order of the texts.

    Returns:
        int64 codes of the column's length, and the distinct texts, sorted, that they are places in.
    """
    if column.dtype.kind == "O":
        codes, values = _factorise_objects(column)
    else:
        distinct, inverse = np.unique(column, return_inverse=True)
        codes, values = inverse.astype(np.int64), list(distinct)
    texts = [text_of_value(value) for value in values]
    names = sorted(set(texts))
    places = {name: place for place, name in enumerate(names)}
    return np.array([places[text] for text in texts], dtype=np.int64)[codes], names


def _factorise_objects(column: NDArray[np.object_]) -> tuple[NDArray[np.int64], list[Any]]:
    try:
        places = {value: place for place, value in enumerate(dict.fromkeys(column))}
        if len(set(map(type, places))) > 1:  # 1, 1.0 and true would be one key
            raise TypeError  # noqa: TRY301 (the slow path is for both)
        keys = column
    except TypeError:  # a list or a dict cannot be a key
        keys = np.array([text_of_value(value) for value in column], dtype=object)
        places = {value: place for place, value in enumerate(dict.fromkeys(keys))}
    codes = np.fromiter(map(places.__getitem__, keys), dtype=np.int64, count=len(keys))
    return codes, list(places)
