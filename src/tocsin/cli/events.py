"""`tocsin events`: security events: taken in, searched, counted, tended."""

from __future__ import annotations

import typer

from tocsin.cli import events_counting, events_import, events_search, events_tending

__all__ = ["app"]

app = typer.Typer(
    help="Keep, search and count security events.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

app.command("import")(events_import.import_events)
app.command("search")(events_search.search)
app.command("count")(events_counting.count_events)
app.command("show")(events_search.show)
app.command("export")(events_search.export)
app.command("stats")(events_counting.stats)
app.command("timeline")(events_counting.timeline)
app.command("top")(events_counting.top)
app.command("watchdog")(events_tending.watchdog)
app.command("delete")(events_tending.delete)
app.command("retention")(events_tending.retention)
app.command("queries")(events_tending.queries)
app.command("cancel")(events_tending.cancel)
