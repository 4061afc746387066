"""How the columns of a CSV file become events."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from tocsin.errors import ConfigError
from tocsin.sources.idea_files.idea_paths import IdeaPath, PathKind, parse_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.sources.parsers.times import TimeReader

__all__ = ["KNOWN_FILES", "ColumnMapping", "CsvMapping", "check_constant", "mapping_of_header"]

_REQUIRED = ("DetectTime", "Category")
_CONSTANTS: dict[PathKind, tuple[type | tuple[type, ...], str]] = {
    PathKind.TEXT: (str, "a text; put numbers in quotes"),
    PathKind.ADDRESS: (str, "a text"),
    PathKind.NUMBER: ((int, float), "a number"),
    PathKind.FLAG: (bool, "true or false"),
    PathKind.TIME: ((str, int, date), "a time, written as in the columns"),
}
"""Kind of a place → what a constant there is, in types and in words."""


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Where the values of a column go.

    Attributes:
        column: Its name in the header.
        to: Places in the message, as `parse_path` reads them.
        split: What separates several values, `None` when there is only one.
    """

    column: str
    to: tuple[str, ...]
    split: str | None = None


@dataclass(frozen=True, slots=True)
class CsvMapping:
    """How a CSV file is read.

    Attributes:
        columns: Where each column goes; what is not named is left out.
        joined: Place → the columns whose values, with a space between them, are the value there.
        constants: Place → what every event has there, which `check_constant` lets through.
        delimiter: What separates the columns.
        encoding: The text's encoding.
        header: The columns' names when the first line does not give them.
        empty: Values that mean nothing.
        time_format: How times are written, in the words of `datetime.strptime`; `None` recognises them.
        timezone: The zone of times that name none.
        id_columns: The columns whose values make the ID; `None` for the whole row and how often it came.

    Raises:
        ConfigError: A place does not exist or is filled twice, or none gives what every event needs.
    """

    columns: tuple[ColumnMapping, ...]
    joined: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    delimiter: str = ","
    encoding: str = "utf-8"
    header: tuple[str, ...] | None = None
    empty: frozenset[str] = frozenset({""})
    time_format: str | None = None
    timezone: str = "UTC"
    id_columns: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        paths = [parse_path(path) for column in self.columns for path in column.to]
        paths += [parse_path(path) for path in (*self.joined, *self.constants)]
        for column in self.columns:
            for path in map(parse_path, column.to):
                if column.split is not None and not path.is_list:
                    raise ConfigError(f"{path} can have one value", hint=f"do not split {column.column!r}")
        single = [path for path in paths if not path.is_list]
        for path in single:
            if single.count(path) > 1:
                hint = f"it can have one value; `joined: {{{path}: [...]}}` makes one of several columns"
                raise ConfigError(f"{path} is filled twice", hint=hint)
        for name in _REQUIRED:
            if not any(path.name == name and not path.group for path in paths):
                raise ConfigError(
                    f"nothing gives {name}", hint="every event has it: name its column, or a constant"
                )
        self._check_id()

    def _check_id(self) -> None:
        if any(parse_path(path) == parse_path("ID") for path in self.joined):
            raise ConfigError("the ID cannot be joined", hint="name its columns with `id: [...]`")
        if any(parse_path(path).name == "ID" for path in self.constants):
            raise ConfigError("the ID cannot be a constant", hint="every event has its own")
        if self.id_columns is not None and (not self.id_columns or self.has_own_ids):
            raise ConfigError("the ID comes from one place", hint="name columns for it, or map one to ID")

    @property
    def has_own_ids(self) -> bool:
        """Whether a column is the ID as it stands."""
        return any(parse_path(path) == parse_path("ID") for column in self.columns for path in column.to)

    def paths(self) -> list[tuple[IdeaPath, ColumnMapping]]:
        """Give each place that a column fills."""
        return [(parse_path(path), column) for column in self.columns for path in column.to]


def check_constant(path: IdeaPath, value: Any, times: TimeReader) -> None:
    """Make sure that every event can have a value at a place.

    Args:
        path: The place; one of the user's own takes anything.
        value: The value; a list of them where several can stand.
        times: What reads times.

    Raises:
        ConfigError: It cannot.
    """
    if path.is_own:
        return
    kinds, form = _CONSTANTS[path.kind]
    for item in value if path.is_list and isinstance(value, list | tuple) else (value,):
        is_flag = isinstance(item, bool)  # which Python takes for a number
        fits = isinstance(item, kinds) and is_flag == (path.kind is PathKind.FLAG)
        if not fits or (path.kind is PathKind.TIME and times.read(str(item)) is None):
            raise ConfigError(f"the constant {path} cannot be {item!r}", hint=f"it is {form}")


KNOWN_FILES: dict[tuple[str, ...], CsvMapping] = {
    ("time", "name", "ip", "host", "short", "time_label", "event_label"): CsvMapping(
        columns=(
            ColumnMapping("time", ("DetectTime",)),
            ColumnMapping("name", ("Category", "Description")),
            ColumnMapping("ip", ("Target.IP",)),
            ColumnMapping("host", ("Target.Hostname", "Node.Name")),
        ),
    ),
}
"""Header → mapping of files that are recognised: AIT-ADS. Its labels, which detectors are measured with, are
no part of the events."""


def mapping_of_header(line: bytes) -> CsvMapping | None:
    """Give the mapping of a file whose first line is known."""
    return KNOWN_FILES.get(tuple(line.decode("utf-8", "replace").strip().split(",")))
