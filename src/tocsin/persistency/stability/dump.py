"""A tracker's variables as bytes, and back.

Tables (see `arrow_codec`), in each the variables one after the other, in the order in which they came:
`runs` (lengths of runs, or the ones of blocks), `slots` (instant, values, new values), `values` (tag, text,
count, first, last) and `blobs` (name, content). The attributes say how many rows each variable has in each,
and what else there is of it.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.persistency.arrow_codec import (
    blob_column,
    decode,
    encode,
    key_columns,
    number_column,
    read_keys,
    read_numbers,
    text_column,
)
from tocsin.persistency.distinct import DistinctState
from tocsin.persistency.stability.state import VariableState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from tocsin.persistency.stability.variable import VariableTracker

__all__ = ["dump_variables", "load_variables"]

_VERSION = 1
_NO_TIME = int(np.iinfo(np.int64).min)
_EMPTY = np.zeros(0, dtype=np.int64)
_SLOTS = ("slot", "values", "ones")


def dump_variables(kind: str, variables: Mapping[str, VariableTracker], latest: int | None) -> bytes:
    """Write the variables; they must not change meanwhile."""
    states = [variable.state() for variable in variables.values()]
    tables = {name: table for name, table in _tables(states).items() if table.num_rows}
    entries = [
        {
            "name": name,
            "rows": [len(state.runs), len(state.slots[0]), len(state.values.keys), len(state.values.blobs)],
            "values": state.values.attributes,
            **state.attributes,
        }
        for name, state in zip(variables, states, strict=True)
    ]
    return encode(kind, _VERSION, tables, {"latest": latest, "variables": entries})


def _tables(states: list[VariableState]) -> dict[str, pa.Table]:
    import pyarrow as pa

    values = [state.values for state in states]
    slots = {
        name: number_column(np.concatenate([_EMPTY, *(state.slots[place] for state in states)]))
        for place, name in enumerate(_SLOTS)
    }
    keys = list(chain.from_iterable(one.keys for one in values))
    columns = {
        "count": number_column(
            np.fromiter(chain.from_iterable(one.counts for one in values), dtype=np.int64)
        ),
        "first": number_column(_times(chain.from_iterable(one.firsts for one in values))),
        "last": number_column(_times(chain.from_iterable(one.lasts for one in values))),
    }
    blobs = {
        "name": text_column(list(chain.from_iterable(one.blobs for one in values))),
        "content": blob_column(list(chain.from_iterable(one.blobs.values() for one in values))),
    }
    return {
        "runs": pa.table({"length": number_column(np.concatenate([_EMPTY, *(one.runs for one in states)]))}),
        "slots": pa.table(slots),
        "values": pa.table({**key_columns(keys), **columns}),
        "blobs": pa.table(blobs),
    }


def _times(times: Iterable[int | None]) -> NDArray[np.int64]:
    return np.fromiter((_NO_TIME if time is None else time for time in times), dtype=np.int64)


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
    variables: dict[str, VariableTracker] = {}
    try:
        reader = _Reader(decoded.tables)
        for entry in decoded.attributes["variables"]:
            name = entry["name"]
            if type(name) is not str or name in variables:
                message = f"{name!r} is no name, or it is there twice"
                raise ValueError(message)
            variables[name] = make(name)
            variables[name].set_state(reader.next_state(entry))
        latest = decoded.attributes["latest"]
    except (LookupError, TypeError, ArithmeticError, AttributeError) as error:
        message = f"this is not the state of a {kind}: {error!r}"
        raise ValueError(message) from error
    if not reader.is_used_up() or not (latest is None or type(latest) is int):
        message = f"this is not the state of a {kind}: it has other rows than it says"
        raise ValueError(message)
    return variables, latest


class _Reader:
    """Hands out the rows of the tables in order."""

    def __init__(self, tables: Mapping[str, pa.Table]) -> None:
        def numbers(table: str, name: str) -> NDArray[np.int64]:
            return read_numbers(tables[table], name) if table in tables else _EMPTY

        self._runs = numbers("runs", "length")
        self._slots = [numbers("slots", name) for name in _SLOTS]
        self._keys = read_keys(tables["values"]) if "values" in tables else []
        self._columns = [numbers("values", name).tolist() for name in ("count", "first", "last")]
        self._blobs: list[tuple[str, bytes]] = []
        if "blobs" in tables:
            columns = (tables["blobs"].column(name).to_pylist() for name in ("name", "content"))
            self._blobs = list(zip(*columns, strict=True))
        self._places = [0, 0, 0, 0]
        self._ends = [len(self._runs), len(self._slots[0]), len(self._keys), len(self._blobs)]

    def next_state(self, entry: Mapping[str, Any]) -> VariableState:
        """Give the next variable."""
        counts = entry["rows"]
        if len(counts) != len(self._places) or any(type(count) is not int or count < 0 for count in counts):
            message = f"{counts!r} are not numbers of rows"
            raise ValueError(message)
        starts = self._places
        self._places = [start + count for start, count in zip(starts, counts, strict=True)]
        runs, slots, keys, blobs = map(slice, starts, self._places)
        numbers, first, last = (column[keys] for column in self._columns)
        values = DistinctState(
            attributes=entry["values"],
            keys=self._keys[keys],
            counts=numbers,
            firsts=[None if time == _NO_TIME else time for time in first],
            lasts=[None if time == _NO_TIME else time for time in last],
            blobs=dict(self._blobs[blobs]),
        )
        return VariableState(entry, self._runs[runs], [column[slots] for column in self._slots], values)

    def is_used_up(self) -> bool:
        """Tell whether every row was handed out, and none that is not there."""
        return self._places == self._ends
