"""`tocsin state`: what logs have learned: shown, exported, corrected, taken back."""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.console import (
    JsonOption,
    ProfileOption,
    ProjectDir,
    print_json,
    print_table,
    print_written,
    unwritable,
    warn,
)
from tocsin.cli.state_selection import hint_on_event, selections
from tocsin.cli.state_view import generation_facts, show_detector
from tocsin.errors import ConfigError, DetectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tocsin.database import BaseDatabaseManager
    from tocsin.detectors.events import CoreDetector
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.logs.state import LearnedState

__all__ = ["allow", "app", "export", "forget", "generations", "revert", "show"]

app = typer.Typer(
    help="Show, correct and take back what logs have learned.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


LogName = Annotated[
    str | None, typer.Argument(help="The log monitor [the only one].", show_default=False, metavar="LOG")
]
DetectorOption = Annotated[
    str | None, typer.Option("--detector", help="One detector [all].", metavar="NAME", show_default=False)
]
EventOption = Annotated[
    str | None,
    typer.Option(
        "--event", help="An EventID; in quotes ('\"4624\"') text that looks like a number.", metavar="EVENT"
    ),
]
VariableOption = Annotated[str | None, typer.Option("--variable", help="A variable.", metavar="NAME")]
ValueOption = Annotated[
    str | None,
    typer.Option(
        "--value", help="A value; in quotes ('\"7\"') text that looks like a number.", metavar="VALUE"
    ),
]


@app.command("show")
def show(
    log: LogName = None,
    *,
    detector: DetectorOption = None,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what each detector has learned.

    That is: its phase, its events and their variables, which of them are watched, and how values are kept.
    """
    from tocsin.runtime.logs.state import find_log, load_state

    with _memory_to_read(project_dir, profile) as (project, memory):
        state = load_state(find_log(project, log), memory)
    described = [one.describe() for one in _chosen(state, detector)]
    for note in state.notes:
        warn(note)
    if as_json:
        print_json(
            {
                "schema_version": 1,
                "log": state.monitor.name,
                "generation": state.generation,
                "detectors": described,
            }
        )
        return
    typer.echo(
        f"{state.monitor.name}: "
        + ("nothing was learned yet" if state.generation is None else f"generation {state.generation}")
    )
    for one in described:
        show_detector(one, state.detectors[one["name"]])


@app.command("generations")
def generations(
    log: LogName = None,
    *,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the generations that are kept, oldest first."""
    from tocsin.runtime.logs.state import find_log
    from tocsin.runtime.logs.state import generations as kept

    with _memory_to_read(project_dir, profile) as (project, memory):
        monitor = find_log(project, log)
        found = kept(monitor, memory)
    if as_json:
        rows = [generation_facts(info) for info in found]
        print_json({"schema_version": 1, "log": monitor.name, "generations": rows})
        return
    print_table(
        None,
        ["#generation", "made (UTC)", "#from", "#events", "#bytes", "by", "state"],
        [
            (
                info.generation,
                "-" if info.created_at is None else f"{info.created_at:%Y-%m-%d %H:%M:%S}",
                "-" if info.parent is None else info.parent,
                info.events,
                f"{info.size_bytes:,}",
                info.writer,
                info.damage or "whole",
            )
            for info in found
        ],
    )


@app.command("revert")
def revert(
    log: Annotated[str, typer.Argument(help="The log monitor.", metavar="LOG")],
    generation: Annotated[
        int, typer.Argument(help="A generation that `state generations` lists.", min=1, metavar="GENERATION")
    ],
    *,
    keep_position: Annotated[
        bool,
        typer.Option("--keep-position", help="Do not read the lines since then again."),
    ] = False,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go back to an old generation.

    What was learned, phases, counters, and where reading goes on are as they were. The lines since then are
    read and judged again by the next run. Nothing is told twice.
    """
    from tocsin.runtime.clock import SystemClock
    from tocsin.runtime.logs.state import find_log, revert_state

    with _memory(project_dir, profile) as (project, memory):
        monitor = find_log(project, log)
        info = revert_state(monitor, memory, SystemClock(), generation, keep_position=keep_position)
    if as_json:
        print_json({"schema_version": 1, "log": monitor.name, "generation": generation_facts(info)})
    else:
        typer.echo(f"{monitor.name}: generation {info.generation} is as {generation} was")


@app.command("export")
def export(
    log: LogName = None,
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file [standard output].", metavar="FILE")
    ] = None,
    detector: DetectorOption = None,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write all that was learned as JSON.

    Every event, variable and value with its count, and when it came first and last.
    """
    from tocsin.runtime.logs.state import find_log, load_state

    with _memory_to_read(project_dir, profile) as (project, memory):
        state = load_state(find_log(project, log), memory)
    learned = [one.export() for one in _chosen(state, detector)]
    document = {
        "schema_version": 1,
        "log": state.monitor.name,
        "generation": state.generation,
        "detectors": learned,
    }
    if output is None:
        print_json(document)
        return
    try:
        output.write_text(json.dumps(document, indent=1, default=str) + "\n", encoding="utf-8")
    except OSError as error:
        raise unwritable(output, error) from error
    print_written([output], as_json=as_json)


@app.command("forget")
def forget(
    log: LogName = None,
    *,
    event: EventOption = None,
    variable: VariableOption = None,
    value: ValueOption = None,
    detector: DetectorOption = None,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Unlearn an event, a variable or a value.

    It is news again. What is left out means any.
    """
    if event is None and variable is None:
        raise ConfigError(
            "say what to forget: --event EVENT or --variable NAME",
            hint="--value VALUE narrows it down; `tocsin run --full-refresh` forgets everything",
        )
    _need_variable(variable, value)

    def change(state: LearnedState) -> list[str]:
        done: list[str] = []
        cannot: list[DetectorError] = []
        for one in _chosen(state, detector):
            try:
                count = sum(one.forget(**chosen) for chosen in selections(one, event, variable, value))
            except DetectorError as error:
                cannot.append(error)
                continue
            if count:
                done.append(one.name)
        if not done:
            if cannot and len(cannot) == len(_chosen(state, detector)):
                raise cannot[0]
            raise ConfigError(
                "nothing was forgotten: no detector knows that",
                hint="`tocsin state show` lists what is known",
            )
        return done

    _change(log, project_dir, profile, change, "forgotten", as_json=as_json)


@app.command("allow")
def allow(
    log: LogName = None,
    *,
    event: EventOption = None,
    variable: VariableOption = None,
    value: ValueOption = None,
    detector: DetectorOption = None,
    take_back: Annotated[bool, typer.Option("--take-back", help="Alert about it again.")] = False,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Never alert again about an event or a value.

    What is left out means any. What no detector has met so far can be allowed, too; a note says so.
    """
    if event is None and variable is None:
        raise ConfigError("say what is fine: --event EVENT or --variable NAME", hint="and --value VALUE")
    _need_variable(variable, value)

    def change(state: LearnedState) -> list[str]:
        done = []
        for one in _chosen(state, detector):
            act = one.disallow if take_back else one.allow
            changed = [act(**chosen) for chosen in selections(one, event, variable, value)]
            if any(changed):
                done.append(one.name)
        return done

    def hint(state: LearnedState, memory: BaseDatabaseManager) -> str | None:
        from tocsin.runtime.logs.detections import was_detected

        if event is None or take_back:
            return None
        detected = partial(was_detected, memory, state.monitor.name)
        return hint_on_event(event, state.detectors.values(), detected)

    what = "taken back" if take_back else "allowed"
    _change(log, project_dir, profile, change, what, hint=hint, as_json=as_json)


@contextmanager
def _memory(project_dir: Path, profile: str | None) -> Iterator[tuple[Project, BaseDatabaseManager]]:
    from tocsin.runtime.clock import SystemClock
    from tocsin.runtime.config.loader import load_project
    from tocsin.runtime.databases import open_memory

    project = load_project(project_dir.resolve(), profile, tells=False)
    with open_memory(project, SystemClock()) as memory:
        yield project, memory


@contextmanager
def _memory_to_read(project_dir: Path, profile: str | None) -> Iterator[tuple[Project, BaseDatabaseManager]]:
    from tocsin.runtime.alerts.memory import memory_to_read
    from tocsin.runtime.clock import SystemClock
    from tocsin.runtime.config.loader import load_project

    project = load_project(project_dir.resolve(), profile, tells=False)
    with memory_to_read(project, SystemClock()) as memory:
        yield project, memory


def _change(
    log: str | None,
    project_dir: Path,
    profile: str | None,
    change: Callable[[LearnedState], list[str]],
    what: str,
    *,
    hint: Callable[[LearnedState, BaseDatabaseManager], str | None] = lambda *_: None,
    as_json: bool,
) -> None:
    from tocsin.runtime.clock import SystemClock
    from tocsin.runtime.logs.state import change_state, find_log

    done: list[str] = []
    note: str | None = None

    def change_it(state: LearnedState) -> None:
        nonlocal note
        done.extend(change(state))
        note = hint(state, memory)

    with _memory(project_dir, profile) as (project, memory):
        monitor = find_log(project, log)
        info = change_state(monitor, memory, SystemClock(), change_it)
    if note is not None:
        warn(note)
    if as_json:
        found = None if info is None else generation_facts(info)
        print_json({"schema_version": 1, "log": monitor.name, "detectors": done, "generation": found})
    elif done:
        typer.echo(f"{what} by {', '.join(done)}")
    else:
        typer.echo("it was so already")


def _chosen(state: LearnedState, name: str | None) -> list[CoreDetector]:
    if name is None:
        return list(state.detectors.values())
    if name not in state.detectors:
        raise ConfigError(f"there is no detector {name!r}", hint=f"there are {', '.join(state.detectors)}")
    return [state.detectors[name]]


def _need_variable(variable: str | None, value: str | None) -> None:
    if value is not None and variable is None:
        raise ConfigError("--value needs --variable", hint="say of which variable")
