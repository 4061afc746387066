"""`tocsin alerts`: what fires, what was told to whom and why, and what people say about it."""

from __future__ import annotations

import typer

from tocsin.cli import alerts_acting, alerts_history, alerts_list, alerts_why

__all__ = ["app"]

app = typer.Typer(
    help="Show what fires, who was told and why.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

app.command("list")(alerts_list.list_alerts)
app.command("history")(alerts_history.history)
app.command("why")(alerts_why.why)
app.command("ack")(alerts_acting.ack)
app.command("silence")(alerts_acting.silence)
app.command("unsilence")(alerts_acting.unsilence)
