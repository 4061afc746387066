"""Where the values of each row of a batch are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tocsin.persistency.batch_table import coded, dictionary_of, ranges, whole_column

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from tocsin.persistency.columns import Dictionary
    from tocsin.persistency.layout import Layout, Layouts

__all__ = ["Place", "Plan", "Source", "variables_of"]


class Source(NamedTuple):
    """Where values come from.

    Attributes:
        dictionary: The different values.
        wrong: By code, what is wrong with those that cannot be kept.
        codes: The codes of all values.
        starts: Where in the codes the values of each row begin.
    """

    dictionary: Dictionary
    wrong: dict[int, str]
    codes: NDArray[np.int64]
    starts: NDArray[np.int64]


class Place(NamedTuple):
    """Where the value of a variable is: a source, and how far behind the begin of the row's values."""

    source: Source
    offset: int


class Plan(NamedTuple):
    """What rows of one shape have: the names that are kept, and the place of each."""

    names: tuple[str, ...]
    places: list[Place]


class _Named(NamedTuple):
    """For each row, which of the shapes its named variables have."""

    which: NDArray[np.int64]
    shapes: list[dict[str, Place]]


def variables_of(table: pa.Table, layouts: Layouts) -> tuple[list[Plan], NDArray[np.int64]]:
    """Give the plans of a table's rows, and for each row which of them it has.

    Raises:
        TypeError: A column is of a wrong type.
        ValueError: Two variables have one name.
    """
    rows = table.num_rows
    positional, lengths = _positional(whole_column(table, "variables"), rows)
    named = _named(whole_column(table, "named_variables"), rows)
    shapes, shape_of_row = _distinct(lengths * len(named.shapes) + named.which)
    plans = []
    for shape in shapes.tolist():
        length, which = divmod(shape, len(named.shapes))
        layout = _layout(layouts, length, tuple(named.shapes[which]))
        places = [Place(positional, offset) for offset in range(length)] if positional is not None else []
        places += named.shapes[which].values()
        plans.append(Plan(layout.names, list(places if layout.pick is None else layout.pick(places))))
    return plans, shape_of_row


def _layout(layouts: Layouts, length: int, named: tuple[str, ...]) -> Layout:
    return layouts.mixed(length, named) if named else layouts.positional(length)


def _positional(array: pa.Array | None, rows: int) -> tuple[Source | None, NDArray[np.int64]]:
    if array is None:
        return None, np.zeros(rows, dtype=np.int64)
    starts, lengths, flat = ranges(array, "variables")
    return _source(flat, starts), lengths


def _source(flat: pa.Array, starts: NDArray[np.int64]) -> Source:
    values, codes = coded(flat)
    return Source(*dictionary_of(values), codes, starts)


def _named(array: pa.Array | None, rows: int) -> _Named:
    """Find the named variables of each row: a null among the fields of a struct is the value `None`."""
    import pyarrow.types as kinds

    if array is None or kinds.is_null(array.type):
        return _Named(np.zeros(rows, dtype=np.int64), [{}])
    if kinds.is_map(array.type):
        return _named_by_maps(array)
    if not kinds.is_struct(array.type):
        message = f"column 'named_variables' is a struct or a map in each row, not {array.type}"
        raise TypeError(message)
    names = [field.name for field in array.type]
    if len(set(names)) < len(names):
        message = f"column 'named_variables' has a field twice: {', '.join(names)}"
        raise ValueError(message)
    every = np.arange(rows)
    fields = array.flatten()  # what is behind a null may be anything; flattened, it is null
    shape = {name: Place(_source(field, every), 0) for name, field in zip(names, fields, strict=True)}
    return _Named(array.is_valid().to_numpy(zero_copy_only=False).astype(np.int64), [{}, shape])


def _named_by_maps(array: pa.Array) -> _Named:
    """Find the rows whose maps have the same keys; of a key that comes twice the last value counts."""
    starts, lengths, flat_items = ranges(array, "named_variables")
    flat_keys, flat_values = flat_items
    names, codes = coded(flat_keys)
    source = _source(flat_values, starts)
    which = []
    shapes: list[dict[str, Place]] = []
    known: dict[bytes, int] = {}
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        mine = codes[start : start + length]
        mark = mine.tobytes()
        if mark not in known:
            known[mark] = len(shapes)
            shapes.append({names[code]: Place(source, offset) for offset, code in enumerate(mine)})
        which.append(known[mark])
    return _Named(np.array(which, dtype=np.int64), shapes)


def _distinct(numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the different numbers, and for each place which of them it has."""
    least, most = int(numbers.min()), int(numbers.max())
    if most - least >= len(numbers):
        return np.unique(numbers, return_inverse=True)
    there = np.bincount(numbers - least) > 0
    return there.nonzero()[0] + least, (np.cumsum(there) - 1)[numbers - least]
