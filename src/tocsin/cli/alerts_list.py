"""`tocsin alerts list`: what fires now, what is silent, and what waits."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.cli.alerts_places import (
    incident_facts,
    moment,
    reading,
    short,
    silence_facts,
    silence_state,
)
from tocsin.cli.console import (
    JsonOption,
    ProfileOption,
    ProjectDir,
    count,
    print_json,
    print_line,
    print_table,
    visible,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tocsin.model import Silence
    from tocsin.runtime.alerts.views import (
        OpenIncident,
        SilentNow,
        WaitingMessages,
        WaitingNotices,
    )

__all__ = ["list_alerts"]

_MOST_SILENT = 20
_MOST_INCIDENTS = 1_000  # a table of a hundred thousand rows takes minutes, and nobody reads it
_APART = timedelta(minutes=10)


def list_alerts(
    *,
    group: Annotated[
        str | None, typer.Option("--group", help="Only what concerns this group.", metavar="NAME")
    ] = None,
    monitor: Annotated[
        str | None,
        typer.Option(
            "--monitor", help="Only what this monitor found; * and ? as in file names.", metavar="NAME"
        ),
    ] = None,
    all_silences: Annotated[
        bool, typer.Option("--all", help="Show the silences that are over, too.")
    ] = False,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what fires, what is silent, what waits."""
    from tocsin.alerting.silence_book import read_silences
    from tocsin.runtime.alerts.views import (
        SilentNow,
        open_incidents,
        silent_now,
        waiting_messages,
        waiting_notices,
    )

    with reading(project_dir, profile) as (project, memory, clock):
        now = clock.now()
        incidents = open_incidents(project, memory, group=group, monitor=monitor)
        # What is silent is known by what and whom it is about, not by the monitor that found it.
        silent = (
            SilentNow() if monitor else silent_now(project, memory, now=now, group=group, limit=_MOST_SILENT)
        )
        silences = [one for one in read_silences(memory) if all_silences or one.ends_at > now]
        notices = waiting_notices(project, memory, now=now, group=group)
        messages = waiting_messages(memory)
    if as_json:
        print_json(
            {
                "schema_version": 1,
                "incidents": [incident_facts(one) for one in incidents],
                "silent": _silent_facts(silent),
                "silences": [silence_facts(one, now) for one in silences],
                "notices": [
                    {
                        "group": one.group,
                        "channel": one.channel,
                        "count": one.notices,
                        "due_at": one.due_at and one.due_at.isoformat(),
                    }
                    for one in notices
                ],
                "messages": [
                    {
                        "channel": one.channel,
                        "waiting": one.waiting,
                        "next_attempt_at": one.next_attempt_at and one.next_attempt_at.isoformat(),
                        "last_error": one.last_error,
                        "given_up": one.given_up,
                    }
                    for one in messages
                ],
            }
        )
        return
    _show_incidents(incidents, is_part=bool(group or monitor))
    if not monitor:
        _show_silent(silent, now)
    _show_silences(silences, now)
    _show_waiting(notices, messages, now)


def _silent_facts(silent: SilentNow) -> dict[str, Any]:
    return {
        "total": silent.total,
        "at": silent.at and silent.at.isoformat(),
        "first": [
            {
                "classes": list(one.classes),
                "entity": one.entity,
                "group": one.group,
                "channel": one.channel,
                "severity": one.severity.value,
                "until": one.until.isoformat(),
                "held": one.held,
            }
            for one in silent.first
        ],
    }


def _show_incidents(incidents: Sequence[OpenIncident], *, is_part: bool) -> None:
    if not incidents:
        typer.echo("Nothing like that fires." if is_part else "Nothing fires.")
        return
    shown = incidents[:_MOST_INCIDENTS]
    more = f", the worst {len(shown):,} (--json has all)" if len(incidents) > len(shown) else ""
    typer.echo(f"What fires now: {count(len(incidents), 'incident')}{more}")
    print_table(
        None,
        [
            "id",
            "series",
            "since (UTC)",
            "last seen (UTC)",
            "#points",
            "severity",
            "told (UTC)",
            "whom",
            "ack",
        ],
        [
            (
                one.id,
                one.incident.series,
                moment(one.incident.opened_at),
                moment(one.incident.last_anomaly_at),
                f"{one.incident.anomalies:,}",
                one.severity,
                moment(max(row.at for row in one.told)) if one.told else "-",
                ", ".join(_whom(one)) or "nobody",
                "-" if one.acknowledged is None else one.acknowledged.author,
            )
            for one in shown
        ],
    )
    for one in shown:
        for reason in dict.fromkeys(row.reason for row in one.held):
            print_line(f"nobody is told of {one.id}: {visible(reason.removeprefix('nobody is told: '))}")


def _whom(one: OpenIncident) -> list[str]:
    """Give who is told by what; `waits`, for others or for the hours of a group: no message is made yet."""
    made: dict[str, bool] = {}
    for row in one.told:
        whom = f"{row.group} by {row.channel}"
        made[whom] = made.get(whom, False) or row.message_id is not None
    return [whom if left else f"{whom} (waits)" for whom, left in made.items()]


def _show_silent(silent: SilentNow, now: datetime) -> None:
    if not silent.total:
        return
    from tocsin.runtime.alerts.views import MOST_COUNTED

    more = f", the first {len(silent.first)} to end" if silent.total > len(silent.first) else ""
    number = f"{silent.total:,}" + (" or more" if silent.total >= MOST_COUNTED else "")
    if silent.at is not None and abs(silent.at - now) > _APART:
        number += f", by the time of the events ({moment(silent.at)} UTC)"
    typer.echo()
    typer.echo(f"Silent, as it was told: {number}{more}")
    print_table(
        None,
        ["what", "who", "group", "channel", "severity", "until (UTC)", "#held back"],
        [
            (
                ", ".join(one.classes) or "-",
                one.entity or "-",
                one.group,
                one.channel,
                one.severity,
                moment(one.until),
                f"{one.held:,}",
            )
            for one in silent.first
        ],
    )


def _show_silences(silences: Sequence[Silence], now: datetime) -> None:
    if not silences:
        return
    typer.echo()
    typer.echo("Silences")
    print_table(
        None,
        ["id", "state", "of", "from (UTC)", "until (UTC)", "by", "#matched", "comment"],
        [
            (
                one.id,
                silence_state(one, now),
                " ".join(one.matchers),
                moment(one.starts_at),
                moment(one.ends_at),
                one.author,
                f"{one.matched:,}",
                one.comment,
            )
            for one in silences
        ],
    )


def _show_waiting(
    notices: Sequence[WaitingNotices], messages: Sequence[WaitingMessages], now: datetime
) -> None:
    if notices or messages:
        typer.echo()
    for one in notices:
        due, when = one.due_at, "by the next `tocsin run`"
        if due is None:
            when = "never, by the hours of the group"
        elif due > now:
            when = f"at {moment(due)} UTC ({short(due, now)})"
        print_line(f"{count(one.notices, 'notice')} for {one.group} by {one.channel}, to be sent {when}")
    for waiting in messages:
        said = f": {visible(waiting.last_error)}" if waiting.last_error else ""
        if waiting.waiting:
            print_line(f"{count(waiting.waiting, 'message')} for {waiting.channel} to be sent{said}")
        if waiting.given_up:
            said = "" if waiting.waiting else said
            print_line(f"{count(waiting.given_up, 'message')} for {waiting.channel} given up{said}")
