"""What to load, and what came of it: the values between a metric's configuration and its series."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, get_args

from tocsin.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from tocsin.model import Interval, SeriesData

__all__ = [
    "SEASONALITY_COLUMNS",
    "Aggregate",
    "Align",
    "LoadResult",
    "LoadSpec",
    "LoadedSeries",
    "RejectedRow",
]

Align = Literal["floor", "nearest", "error"]
Aggregate = Literal["last", "mean", "sum", "min", "max", "count"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SEASONALITY_COLUMNS = (
    "minute",
    "hour",
    "day_of_week",
    "day_of_month",
    "week_of_month",
    "month",
    "is_weekend",
    "is_holiday",
)


@dataclass(frozen=True, slots=True)
class LoadSpec:
    """How a metric is read.

    Attributes:
        name: The metric's name.
        query: The query, a Jinja template (see `render_query`).
        interval: The distance between two slots.
        timestamp_column: The query's column with the time of a row.
        metric_column: The query's column with the value.
        seasonality_source_columns: Columns of the query that go into `seasonality_data` as they are.
        dimension: The query's column whose values each make a series of their own, or `None`.
        anchor: An instant on the grid (naive is UTC).
        align: What happens to rows between two slots: `floor`, `nearest` (half goes up), `error`.
        aggregate: What several rows in one slot become.
        seasonality_columns: What is computed from each slot's time, of `SEASONALITY_COLUMNS`.
        timezone: The IANA zone in which it is computed.
        holidays: The country (`DE`) or subdivision (`DE-BY`) whose holidays `is_holiday` knows.
        variables: The user's variables for the query.
        fill: The value of a slot without a row, where having none means something (a count of 0);
            `None`: it is a gap.

    Raises:
        ConfigError: A key has a value that it cannot have.
    """

    name: str
    query: str
    interval: Interval
    timestamp_column: str = "timestamp"
    metric_column: str = "value"
    seasonality_source_columns: tuple[str, ...] = ()
    dimension: str | None = None
    anchor: datetime = EPOCH
    align: Align = "floor"
    aggregate: Aggregate = "last"
    seasonality_columns: tuple[str, ...] = ()
    timezone: str = "UTC"
    holidays: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    fill: float | None = None

    def __post_init__(self) -> None:
        _check_choice("align", self.align, get_args(Align))
        _check_choice("aggregate", self.aggregate, get_args(Aggregate))
        for column in self.seasonality_columns:
            _check_choice("seasonality_columns", column, SEASONALITY_COLUMNS)
        names = (*self.seasonality_columns, *self.seasonality_source_columns)
        for name in names:
            if names.count(name) > 1:
                message = f"the seasonality column {name!r} is named twice"
                raise ConfigError(message, hint="give the query's column another name with AS")
        if "is_holiday" in self.seasonality_columns and self.holidays is None:
            message = "is_holiday needs to know whose holidays"
            raise ConfigError(message, hint="add holidays: with a country, such as DE, or DE-BY")


def _check_choice(key: str, value: object, choices: tuple[str, ...]) -> None:
    if value in choices:
        return
    near = get_close_matches(str(value), choices, n=1)
    hint = f"did you mean {near[0]}?" if near else f"write one of {', '.join(choices)}"
    message = f"{key} cannot be {value!r}"
    raise ConfigError(message, hint=hint)


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row of the source that could not be used, and why.

    Attributes:
        number: Its number in the query's result, from 1.
        series: The series it would have belonged to.
        timestamp: Its time, aware, UTC; `None` when that is what is wrong.
        value: What stood where the problem is, as text, cut to a readable length.
        reason: `no timestamp` or `not a number`.
    """

    number: int
    series: str
    timestamp: datetime | None
    value: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class LoadedSeries:
    """One series of a load: its slots, and for each slot what became of the source's rows.

    Every row of a slot is stored (the first accepted one), merged (the other accepted ones) or rejected.

    Attributes:
        name: `metric`, or `metric{dimension=value}`.
        data: The slots, gaps included.
        rows: int64, how many accepted rows of the source fell into each slot.
        merged: int64, how many of them beyond the first: `max(rows - 1, 0)`.
        rejected: int64, how many further rows have a value that is not a number.
    """

    name: str
    data: SeriesData
    rows: NDArray[np.int64]
    merged: NDArray[np.int64]
    rejected: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class LoadResult:
    """Everything that one reading of a source gave.

    `rows_read == rows_stored + rows_merged + rows_rejected + rows_ignored`, `unplaced` being among the
    rejected.

    Attributes:
        series: Sorted by name.
        rows_read: How many rows the query gave.
        rows_ignored: How many of them lie outside the window asked for.
        unplaced: How many have no usable timestamp.
        rejected: The first rejected rows, in the order of the query's result.
        last_timestamp: The latest time of a row within the window, over all series; `None` without rows.
        end: The end (exclusive) of all series; `None` when there was neither a row nor an end given.
        astray: The first slot of rows that were ignored since they lie astray, far ahead of the present.
    """

    series: tuple[LoadedSeries, ...]
    rows_read: int
    rows_ignored: int
    unplaced: int
    rejected: tuple[RejectedRow, ...]
    last_timestamp: datetime | None
    end: datetime | None
    astray: datetime | None = None

    @property
    def rows_stored(self) -> int:
        """How many rows of the source became the first of their slot."""
        return sum(int(one.rows.sum() - one.merged.sum()) for one in self.series)

    @property
    def rows_merged(self) -> int:
        """How many further rows were merged into a slot that had one."""
        return sum(int(one.merged.sum()) for one in self.series)

    @property
    def rows_rejected(self) -> int:
        """How many rows could not be used, those without a timestamp included."""
        return self.unplaced + sum(int(one.rejected.sum()) for one in self.series)
