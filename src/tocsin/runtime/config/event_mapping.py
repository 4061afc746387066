"""The configuration of a CSV file's columns: one YAML file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from tocsin.errors import ConfigError
from tocsin.runtime.config.fields import TimeZone
from tocsin.runtime.config.yaml_file import StrictModel, error_at, read_text, validate
from tocsin.sources.idea_files.idea_paths import parse_path
from tocsin.sources.idea_files.mapping import ColumnMapping, CsvMapping, check_constant
from tocsin.sources.parsers.times import TimeReader

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ColumnConfig", "EventMappingConfig", "load_mapping"]

_Texts = Annotated[
    tuple[str, ...],
    Field(min_length=1),
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value, json_schema_input_type=Any),
]


class ColumnConfig(StrictModel):
    """Where the values of a column go."""

    to: _Texts
    split: Annotated[str, Field(min_length=1)] | None = None


_Column = Annotated[
    ColumnConfig,
    BeforeValidator(
        lambda value: {"to": value} if isinstance(value, str | list) else value,
        json_schema_input_type=str | list[str] | ColumnConfig,
    ),
]


class EventMappingConfig(StrictModel):
    """A mapping file: `tocsin events import --mapping FILE`."""

    columns: Annotated[dict[str, _Column], Field(min_length=1)]
    joined: dict[str, Annotated[tuple[str, ...], Field(min_length=2)]] = Field(default_factory=dict)
    constants: dict[str, Any] = Field(default_factory=dict)
    id: Literal["row"] | Annotated[list[str], Field(min_length=1)] = "row"
    time_format: str | None = None
    timezone: TimeZone = "UTC"
    delimiter: Annotated[
        str,
        Field(min_length=1, max_length=1, pattern=r'^[^"\r\n]$'),
        BeforeValidator(lambda value: "\t" if value == r"\t" else value),  # what single quotes make of it
    ] = ","
    encoding: str = "utf-8"
    header: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    empty: tuple[str, ...] = ()

    def mapping(self) -> CsvMapping:
        """Give what the reader takes.

        Raises:
            ConfigError: The parts do not fit together.
        """
        return CsvMapping(
            columns=tuple(ColumnMapping(name, one.to, one.split) for name, one in self.columns.items()),
            joined=self.joined,
            constants=self.constants,
            delimiter=self.delimiter,
            encoding=self.encoding,
            header=self.header,
            empty=frozenset({"", *self.empty}),
            time_format=self.time_format,
            timezone=self.timezone,
            id_columns=None if self.id == "row" else tuple(self.id),
        )


def load_mapping(path: Path) -> CsvMapping:
    """Read a mapping file.

    Raises:
        ConfigError: It is wrong; with file and line.
    """
    text = read_text(path)
    config = validate(EventMappingConfig, text, path)
    places = [(("columns", name), one.to) for name, one in config.columns.items()]
    places += [(("joined", name), (name,)) for name in config.joined]
    places += [(("constants", name), (name,)) for name in config.constants]
    for location, to in places:
        for place in to:
            try:
                parse_path(place)
            except ConfigError as error:
                raise error_at(error.message, text, path, location, error.hint) from None
    times = TimeReader(config.time_format, config.timezone)
    for name, value in config.constants.items():
        try:
            check_constant(parse_path(name), value, times)
        except ConfigError as error:
            raise error_at(error.message, text, path, ("constants", name), error.hint) from None
    try:
        return config.mapping()
    except ConfigError as error:
        raise error_at(error.message, text, path, ("columns",), error.hint) from None
