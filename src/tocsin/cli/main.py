"""The command `tocsin`: its options for all commands, and how errors become sentences and exit codes."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tocsin import __version__
from tocsin.cli import (
    channel_check,
    clean,
    init,
    ls,
    plot,
    report,
    run,
    schema,
    status,
    unlock,
    validate,
)
from tocsin.errors import TocsinError

__all__ = ["app", "main"]

app = typer.Typer(
    name="tocsin",
    help="Anomaly detection that remembers: metrics in, anomalies and alerts out.",
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
        import logging

        logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(name)s %(message)s")


app.command("init", cls=init.InitCommand)(init.init)
app.command("run")(run.run)
app.command("ls")(ls.ls)
app.command("status")(status.status)
app.command("validate")(validate.validate)
app.command("schema")(schema.schema)
app.command("plot")(plot.plot)
app.command("report")(report.report)
app.command("clean")(clean.clean)
app.command("unlock")(unlock.unlock)
app.command("test-alert")(channel_check.send_test_alert)


def main() -> None:
    """Run the command line; every error of Tocsin is one sentence and an exit code."""
    debug = "--debug" in sys.argv[1:]
    try:
        app()
    except TocsinError as error:
        if debug:
            raise
        from tocsin.cli.console import exit_with

        exit_with(error)
    except BrokenPipeError:  # the reader of our output (head, less) has gone
        sys.stderr.close()
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
