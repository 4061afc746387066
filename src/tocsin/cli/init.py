"""`tocsin init`: a new project; empty, from files, or the seeded example."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from tocsin.errors import ConfigError

if TYPE_CHECKING:
    from tocsin.runtime.propose import Proposal

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
            elif word.startswith("-"):
                taking = False
                expanded.append(word)
            else:
                expanded.extend(["--from", word] if taking else [word])
        return super().parse_args(ctx, expanded)


def init(
    name: Annotated[
        Path | None, typer.Argument(help="The project's folder [the current one].", show_default=False)
    ] = None,
    *,
    files: Annotated[
        list[str] | None,
        typer.Option("--from", help="CSV, Parquet or JSON files to watch: all up to the next option."),
    ] = None,
    example: Annotated[
        bool, typer.Option("--example", help="A seeded example: six series with labelled incidents.")
    ] = False,
) -> None:
    """Create a project. With --from it looks at the files, and writes what it proposes as YAML."""
    from tocsin.runtime.config.loader import PROJECT_FILE
    from tocsin.runtime.create_project import create_project

    folder = (name or Path()).resolve()
    if files and example:
        raise ConfigError("--from and --example exclude each other", hint="keep one")
    # Look before writing: a file that cannot be used must not leave half a project.
    proposals = _propose(files, folder) if files else []
    if not (files and (folder / PROJECT_FILE).exists()):
        create_project(folder, folder.name, example=not files and not example)
    if example:
        from tocsin.runtime.example import write_example

        write_example(folder)
    for proposal in proposals:
        proposal.write()
        typer.echo(f"{proposal.path.name}: {proposal.reason}")
    where = "" if folder == Path.cwd() else f"cd {name} && "
    typer.echo(f"created {folder.name}. Next: {where}tocsin run")


def _propose(files: list[str], folder: Path) -> list[Proposal]:
    from tocsin.runtime.propose import propose_metrics

    return propose_metrics([Path(file) for file in files], folder)
