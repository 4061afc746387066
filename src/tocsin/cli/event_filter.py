"""The options that say which events are meant, the same for every command that searches."""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.cli.console import check_window, parse_time
from tocsin.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

__all__ = ["FILTERS", "FilterOption", "checked", "duration", "filter_parameters", "instant", "with_filters"]


@dataclass(frozen=True, slots=True)
class FilterOption:
    """An option that narrows a search.

    Attributes:
        name: Without the dashes.
        parameter: The search parameter that it gives.
        metavar: What its value is.
        help: What it chooses.
        kind: `any` may be given several times, each widens the choice, and has an opposite, `--not-…`;
            `ids` has none; `text` is given once; `time` is an instant.
    """

    name: str
    parameter: str
    metavar: str
    help: str
    kind: str = "any"


_PLACE = "an address, network or range, or the name of a host (.example.org: and all below)"
FILTERS = (
    FilterOption("from", "dt_from", "TIME", "Detected at this time or later: 2026-01-31, or 2h ago.", "time"),
    FilterOption("to", "dt_to", "TIME", "Detected at this time or earlier.", "time"),
    FilterOption("stored-from", "st_from", "TIME", "Stored at this time or later.", "time"),
    FilterOption("stored-to", "st_to", "TIME", "Stored at this time or earlier.", "time"),
    FilterOption("source", "source_addrs", "PLACE", f"Source: {_PLACE}."),
    FilterOption("target", "target_addrs", "PLACE", "Target, like --source."),
    FilterOption("host", "host_addrs", "PLACE", "Source or target; takes the place of these two."),
    FilterOption("source-port", "source_ports", "PORT", "Port of the source: 22, or 1000-2000."),
    FilterOption("target-port", "target_ports", "PORT", "Port of the target."),
    FilterOption(
        "host-port", "host_ports", "PORT", "Port of source or target; takes the place of these two."
    ),
    FilterOption("source-type", "source_types", "TYPE", "Type of the source: Botnet."),
    FilterOption("target-type", "target_types", "TYPE", "Type of the target."),
    FilterOption(
        "host-type", "host_types", "TYPE", "Type of source or target; takes the place of these two."
    ),
    FilterOption("protocol", "protocols", "NAME", "Protocol: tcp."),
    FilterOption("category", "categories", "NAME", "Category: Recon.Scanning."),
    FilterOption("class", "classes", "NAME", "Class of the event."),
    FilterOption("severity", "severities", "NAME", "Severity of the event."),
    FilterOption("detector", "detectors", "NAME", "Name of the detector (node)."),
    FilterOption("detector-type", "detector_types", "TYPE", "Type of the detector."),
    FilterOption("group", "groups", "NAME", "Group that owns what the event is about."),
    FilterOption("inspection-error", "inspection_errs", "TEXT", "What is wrong with the message."),
    FilterOption("id", "ids", "ID", "ID of the event.", "ids"),
    FilterOption("description", "description", "TEXT", "The whole description.", "text"),
    FilterOption("description-like", "description_like", "TEXT", "Part of the description.", "text"),
    FilterOption("text", "text", "WORDS", "Words that all occur in the event; wor* is a beginning.", "text"),
)
"""All of them, in the order of the help."""

_LISTS = ("any", "ids")
_OF_PARAMETER = {option.parameter: f"--{option.name}" for option in FILTERS} | {
    "sortby": "--sort",
    "qname": "--name",
}


def instant(text: str | None, option: str, now: datetime | None = None) -> datetime | None:
    """Read an instant from an option: a date or time, or a length of time ago (`2h`, `-7d`).

    Raises:
        ConfigError: It is neither.
    """
    if text is None:
        return None
    from datetime import timedelta

    from tocsin.model.interval import parse_duration
    from tocsin.runtime.clock import SystemClock

    ago = text.strip().removeprefix("-")
    try:
        # A number alone is no length of time here: 2026 is a year.
        length = parse_duration(ago) if ago[-1:].isalpha() and ago[-1:] != "Z" else None
        if length is not None:
            return (now or SystemClock().now()) - max(length, timedelta(0))
    except ValueError:
        pass
    except OverflowError:
        raise ConfigError(f"{option} {text!r} is before all times") from None
    try:
        return parse_time(text, option)
    except ConfigError as error:
        raise ConfigError(
            error.message, hint="write 2024-01-31, 2024-01-31T12:00:00, or 2h for two hours ago"
        ) from None


def duration(text: str | None, option: str) -> float | None:
    """Read a length of time from an option, in seconds.

    Raises:
        ConfigError: It is none.
    """
    if text is None:
        return None
    from tocsin.model.interval import parse_duration

    try:
        seconds = parse_duration(text).total_seconds()
    except ValueError as error:
        raise ConfigError(f"{option}: {error}") from None
    if not seconds:
        raise ConfigError(f"{option} {text!r} is no time at all", hint="write 30s, 10min, 1h or 1d")
    return seconds


def filter_parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """Make search parameters of options.

    Args:
        given: Name of the option (`from`, `not-category`) → its value.

    Raises:
        ConfigError: Two options contradict each other, or a time is none.
    """
    from tocsin.runtime.clock import SystemClock

    now = SystemClock().now()
    parameters: dict[str, Any] = {}
    for option in FILTERS:
        value, opposite = given.get(option.name), given.get(f"not-{option.name}")
        if value and opposite:
            raise ConfigError(
                f"--{option.name} and --not-{option.name} do not go together", hint="give one of them"
            )
        if opposite:
            parameters[option.parameter], parameters[f"not_{option.parameter}"] = list(opposite), True
        elif option.kind == "time":
            parameters[option.parameter] = instant(value, f"--{option.name}", now)
        elif option.kind in _LISTS:
            parameters[option.parameter] = list(value) if value else None
        else:
            parameters[option.parameter] = value
    if parameters["description_like"] == "":  # an empty variable of a shell: `delete` would take nearly all
        raise ConfigError(
            "--description-like is empty, which any description has in it",
            hint="give a part of the description",
        )
    for kind, begin in (("", "dt"), ("stored-", "st")):
        window = parameters.get(f"{begin}_from"), parameters.get(f"{begin}_to")
        check_window(*window, (f"--{kind}from", f"--{kind}to"), with_end=True)
    return {name: value for name, value in parameters.items() if value is not None}


@contextmanager
def checked() -> Iterator[None]:
    """Say what is wrong with a search in terms of the options: it is an error of the command line.

    Raises:
        ConfigError: In place of a `DataError`.
    """
    try:
        yield
    except DataError as error:
        if error.parameter is None:
            raise
        name = error.parameter.removeprefix("not_")
        option = _OF_PARAMETER.get(name, f"--{name.replace('_', '-')}")
        text = error.message.replace(error.parameter, option, 1)
        raise ConfigError(text, hint=error.hint) from error


def with_filters(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a search, in place of its argument `filters`.

    It gets there the search parameters that the options say.
    """
    names = {_identifier(name): name for name in _names()}

    def run(**values: Any) -> None:
        given = {option: values.pop(identifier) for identifier, option in names.items()}
        command(**values, filters=filter_parameters(given))

    own = inspect.signature(command, eval_str=True)
    parameters: list[inspect.Parameter] = []
    for parameter in own.parameters.values():
        if parameter.name == "filters":
            parameters += [_parameter(option, opposite=False) for option in FILTERS]
            parameters += [_parameter(option, opposite=True) for option in FILTERS if option.kind == "any"]
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
    run.__doc__, run.__name__, run.__module__ = command.__doc__, command.__name__, command.__module__
    run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]  # what typer reads
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _names() -> list[str]:
    return [option.name for option in FILTERS] + [
        f"not-{option.name}" for option in FILTERS if option.kind == "any"
    ]


def _identifier(name: str) -> str:
    return f"filter_{name.replace('-', '_')}"


def _parameter(option: FilterOption, *, opposite: bool) -> inspect.Parameter:
    name = f"not-{option.name}" if opposite else option.name
    help_text = f"The opposite of --{option.name}." if opposite else option.help
    info = typer.Option(f"--{name}", help=help_text, metavar=option.metavar, show_default=False)
    kind: Any = list[str] | None if option.kind in _LISTS else str | None
    return inspect.Parameter(
        _identifier(name), inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, info]
    )
