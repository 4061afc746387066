"""`tocsin init`: a new project; empty, from files, or the seeded example."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from tocsin.cli.console import JsonOption, print_json, warn
from tocsin.errors import ConfigError

__all__ = ["InitCommand", "init"]


class InitCommand(TyperCommand):
    """Lets `--from` take several files, as a shell writes them for `--from *.csv`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option for each file up to the next option."""
        expanded: list[str] = []
        taking = False
        for index, word in enumerate(args):
            if word == "--from":
                taking = True
                if index + 1 == len(args) or args[index + 1].startswith("-"):
                    expanded.append(word)  # click says that its value is missing
            elif word.startswith("--from="):
                taking = True
                expanded.append(word)
            elif word.startswith("-"):
                taking = False
                expanded.append(word)
            else:
                expanded.extend(["--from", word] if taking else [word])
        return super().parse_args(ctx, expanded)


def init(
    name: Annotated[
        Path | None,
        typer.Argument(help="The project's folder [the current one].", show_default=False, metavar="NAME"),
    ] = None,
    *,
    files: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            help="Logs, or CSV, Parquet or JSON files, to watch: all up to the next option.",
            metavar="FILE...",
        ),
    ] = None,
    train: Annotated[
        int | None,
        typer.Option(
            "--train",
            min=1,
            help="Logs: from how many lines to learn before judging [half of a short log, else 10,000].",
            metavar="LINES",
            show_default=False,
        ),
    ] = None,
    example: Annotated[
        bool,
        typer.Option("--example", help="A seeded example: series, a log and events with labelled incidents."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Create a project.

    It has one small example, or, with --from, a metric for every column of values in the files: times,
    values, series, interval and anchor are found by looking at the data, and written as YAML. For a log the
    parser is found by looking at its first lines, and the detectors are tried on them. In a folder that is a
    project already, --from adds to it.
    """
    from tocsin.runtime.create_project import create_project, is_project
    from tocsin.runtime.propose.logs import LogProposal
    from tocsin.runtime.propose.metrics import propose_monitors

    folder = (name or Path()).resolve()
    if files and example:
        raise ConfigError("--from and --example exclude each other", hint="keep one")
    if train is not None and not files:
        raise ConfigError("--train is for --from", hint="name a log: --from x.log --train 1000")
    adds = bool(files) and is_project(folder)
    # Look before writing: a file that cannot be used must not leave half a project.
    proposals = propose_monitors(files, folder, train=train) if files else []
    if not adds:
        create_project(folder, folder.name, example=not files and not example)
    if example:
        from tocsin.runtime.example import write_example

        write_example(folder)
    for proposal in proposals:
        proposal.write()
    # Those of a file once, however many metrics it has.
    for note in dict.fromkeys(note for proposal in proposals for note in proposal.notes):
        warn(note)
    if as_json:
        found: dict[str, list[dict[str, str]]] = {"metrics": [], "logs": []}
        for proposal in proposals:
            kind = "logs" if isinstance(proposal, LogProposal) else "metrics"
            found[kind].append({"path": str(proposal.path), "found": proposal.reason})
        print_json({"schema_version": 1, "project": str(folder), "created": not adds, **found})
        return
    for proposal in proposals:
        typer.echo(f"{proposal.path.name}: {proposal.reason}")
    where = "" if folder == Path.cwd() else f"cd {shlex.quote(str(name))} && "
    typer.echo(f"{'added to' if adds else 'created'} {folder.name}. Next: {where}tocsin run")
