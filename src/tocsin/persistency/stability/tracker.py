"""How each variable of an event behaves, instead of the event's rows."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar, Self

from tocsin.persistency.distinct import DistinctSettings
from tocsin.persistency.stability.converters import converter_name, find_converter
from tocsin.persistency.stability.dump import dump_variables, load_variables
from tocsin.persistency.stability.rows import RowTimes, lifted, slots_of
from tocsin.persistency.stability.settings import TrackerSettings
from tocsin.persistency.stability.variable import VariableTracker
from tocsin.persistency.structure import BuiltInStructure
from tocsin.persistency.times import micros_of, micros_of_duration
from tocsin.persistency.values import plain_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta

    from tocsin.persistency.stability.classification import Stability
    from tocsin.persistency.stability.converters import Converter
    from tocsin.persistency.stability.settings import Segmentation
    from tocsin.persistency.structure import RowBlock

__all__ = ["EventStabilityTracker"]


class EventStabilityTracker(BuiltInStructure):
    """Per variable a change series, the distinct values with count, first and last seen, and totals.

    Args:
        min_samples: With fewer values a variable is INSUFFICIENT_DATA.
        segmentation: Whether the quarters of the change series have equal length (`count`) or duration
            (`time`), or a stable variable must be stable by `both`.
        max_distinct: How many values a variable keeps exactly; past it hashes, then a filter.
        false_positive_rate: How often the filter may take a new value for a known one.
        forget_after: Values not seen for that long (a timedelta, or seconds) are new again; by the
            timestamps of the event's rows. A row that comes late counts as seen at the latest of them.
        converter_function: Reshapes each row before it is learned: the name of a registered converter, or
            the registered function itself.
        converter_parameters: Keyword arguments for it; JSON.

    >>> tracker = EventStabilityTracker()
    >>> for user in ["root"] * 5:
    ...     tracker.add_data({"user": user})
    >>> str(tracker.get_data()["user"].classify().type)
    'STATIC'
    """

    kind: ClassVar[str] = "stability_tracker"
    takes_codes: ClassVar[bool] = True

    def __init__(
        self,
        *,
        min_samples: int = 3,
        segmentation: Segmentation = "count",
        max_distinct: int = 10_000,
        false_positive_rate: float = 0.001,
        forget_after: timedelta | float | None = None,
        converter_function: str | Converter | None = None,
        converter_parameters: Mapping[str, Any] | None = None,
    ) -> None:
        self.settings = TrackerSettings(
            min_samples=min_samples,
            segmentation=segmentation,
            distinct=DistinctSettings(
                max_distinct=max_distinct,
                false_positive_rate=false_positive_rate,
                forget_after=None if forget_after is None else micros_of_duration(forget_after),
            ),
            converter=None if converter_function is None else converter_name(converter_function),
            converter_parameters=deepcopy(dict(converter_parameters or {})),
        )
        self._converter = None if self.settings.converter is None else find_converter(self.settings.converter)
        self._variables: dict[str, VariableTracker] = {}
        self._latest: int | None = None

    @property
    def converts(self) -> bool:
        """Whether a converter function reshapes the rows."""
        return self._converter is not None

    def convert(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give the row as the converter reshapes it."""
        if self._converter is None:
            return data
        return self._converter(data, **self.settings.converter_parameters)

    def add_data(self, data: Mapping[str, Any], timestamp: datetime | float | None = None) -> None:
        """Learn one row.

        Raises:
            UnsupportedValueError: A value cannot be kept; nothing of the row was.
        """
        row = {name: plain_value(value) for name, value in self.convert(data).items()}
        times = None if timestamp is None else [micros_of(timestamp)]
        with self._changing():
            if row:
                self.add_rows(tuple(row), [[value] for value in row.values()], times)

    def add_rows(
        self, names: tuple[str, ...], columns: Sequence[Sequence[Any]], times: Sequence[int] | None
    ) -> None:
        """Learn rows given as columns, already converted."""
        if times is not None and self.settings.distinct.forget_after is not None:
            times = self._lifted(times)
        rows = None if times is None else RowTimes(times)
        for name, column in zip(names, columns, strict=True):
            self._add(name, column, rows)

    def add_blocks(self, blocks: Sequence[RowBlock]) -> None:
        """Learn blocks of rows: for each variable all of its rows at once, whatever else these have."""
        times: list[int] | None = None
        if blocks[0].times is not None:
            times = [time for block in blocks for time in block.times or ()]
            if self.settings.distinct.forget_after is not None:
                times = self._lifted(times)
        columns: dict[str, tuple[list[Any], list[int]]] = {}
        start = 0
        for block in blocks:
            width = len(block.names)
            stop = start + len(block.values) // width
            for place, name in enumerate(block.names):
                column = columns.get(name)
                if column is None:
                    column = columns[name] = ([], [])
                column[0].extend(block.values[place::width])
                if times is not None:
                    column[1].extend(times[start:stop])
            start = stop
        whole = None if times is None else RowTimes(times)
        for name, (values, instants) in columns.items():
            self._add(name, values, whole if whole is None or len(instants) == start else RowTimes(instants))

    def _lifted(self, times: Sequence[int]) -> list[int]:
        result = lifted(times, self._latest)
        self._latest = result[-1]
        return result

    def _add(self, name: str, column: Sequence[Any], rows: RowTimes | None) -> None:
        variable = self._variables.get(name) or self._new_variable(name)
        distinct = self.settings.distinct
        if rows is None or distinct.forget_after is None:
            variable.add(column, rows)
            return
        for start, stop in slots_of(rows.times, distinct.slot_width):
            variable.add(column[start:stop], rows if stop - start == len(column) else rows.part(start, stop))

    def _new_variable(self, name: str) -> VariableTracker:
        variable = self._variables[name] = VariableTracker(self.settings, self._reading, self._changing)
        return variable

    def get_data(self) -> dict[str, VariableTracker]:
        """Give the tracker of each variable."""
        with self._reading():
            return dict(self._variables)

    def get_variables(self) -> list[str]:
        """Give the names of the variables, in the order they came."""
        with self._reading():
            return list(self._variables)

    def get_features_by_classification(self, type: Stability | str) -> list[str]:  # noqa: A002 - the spec's word
        """Give the variables that are of a type now."""
        with self._reading():
            return [name for name, one in self._variables.items() if one.classify().type == type]

    def dump(self) -> bytes:
        """Give the state as bytes."""
        return self.cut()()

    def cut(self) -> Callable[[], bytes]:
        """Copy the state now, for a later dump."""
        with self._reading():
            variables = {name: variable.copy() for name, variable in self._variables.items()}
            latest = self._latest
        return lambda: dump_variables(self.kind, variables, latest)

    @classmethod
    def load(cls, content: bytes, **kwargs: Any) -> Self:
        """Make a tracker of what `dump` gave, with the parameters that are given here.

        Raises:
            ValueError: It is not the state of a tracker.
        """
        tracker = cls(**kwargs)
        tracker._variables, tracker._latest = load_variables(cls.kind, content, tracker._new_variable)
        return tracker
