"""The command `tocsin`: its options for all commands, and how errors become sentences and exit codes."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin import __version__
from tocsin.cli import (
    alerts,
    channel_check,
    clean,
    events,
    init,
    ls,
    plot,
    report,
    run,
    schema,
    state,
    status,
    unlock,
    validate,
    watch,
)
from tocsin.cli.output import OutputError, checked_output
from tocsin.errors import TocsinError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app", "main"]

_SILENCE = logging.NullHandler()
_DRIVERS = {"psycopg": "PostgreSQL needs psycopg: pip install 'tocsin[postgres]'"}
_YES = frozenset({"1", "true", "t", "yes", "y", "on"})

app = typer.Typer(
    name="tocsin",
    help="Anomaly detection that remembers: metrics, logs and security events in, alerts out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: it appears in half the time
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:  # noqa: FBT001  # typer calls it with the flag's value
    if value:
        typer.echo(f"tocsin {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    *,
    version: Annotated[  # noqa: ARG001  # its callback does the work
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.", envvar="TOCSIN_DEBUG")] = False,
) -> None:
    if debug:
        logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(name)s %(message)s")
    else:  # what matters is in the reports; without a handler Python would write warnings to stderr
        logging.getLogger("tocsin").addHandler(_SILENCE)


app.command("init", cls=init.InitCommand)(init.init)
app.command("run")(run.run)
app.command("watch")(watch.watch)
app.command("ls")(ls.ls)
app.command("status")(status.status)
app.command("validate")(validate.validate)
app.command("schema")(schema.schema)
app.add_typer(state.app, name="state")
app.add_typer(events.app, name="events")
app.add_typer(alerts.app, name="alerts")
app.command("plot")(plot.plot)
app.command("report")(report.report)
app.command("clean")(clean.clean)
app.command("unlock")(unlock.unlock)
app.command("test-alert")(channel_check.send_test_alert)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; every error is one sentence and an exit code.

    Args:
        arguments: What to do, without the program's name; by default those of the process.

    Raises:
        SystemExit: Always, with the exit code.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    _open_what_is_closed()
    with checked_output():
        _run(words)


def _run(words: list[str]) -> None:
    debug = "--debug" in words or os.environ.get("TOCSIN_DEBUG", "").lower() in _YES
    try:
        app(args=words, prog_name="tocsin")
    except TocsinError as error:
        if debug:
            raise
        from tocsin.cli.console import exit_with

        exit_with(error)
    except OutputError:
        raise
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if debug:
            raise
        if isinstance(error, ModuleNotFoundError) and error.name in _DRIVERS:
            typer.echo(f"error: {_DRIVERS[error.name]}", err=True)
            sys.exit(1)
        from tocsin.cli.console import visible_lines

        typer.echo(
            f"error: unexpected {type(error).__name__}: {visible_lines(str(error))}: please report it, with"
            " what `tocsin --debug …` shows",
            err=True,
        )
        sys.exit(1)


def _open_what_is_closed() -> None:
    """Have somewhere to write to when we were started without (`>&-`); nobody hears what is said there."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115  # until the end
