"""`tocsin alerts ack | silence | unsilence`: what people say to what is found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.alerts_places import (
    AuthorOption,
    author_or_user,
    incident_facts,
    moment,
    silence_facts,
    writing,
)
from tocsin.cli.console import (
    JsonOption,
    ProfileOption,
    ProjectDir,
    count,
    parse_time,
    print_json,
    visible,
    warn,
)
from tocsin.cli.event_filter import duration
from tocsin.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from tocsin.runtime.config.loader import Project

__all__ = ["ack", "silence", "unsilence"]


def ack(
    name: Annotated[
        str,
        typer.Argument(
            help="The id of an incident, a monitor or a series.", metavar="INCIDENT|MONITOR|SERIES"
        ),
    ],
    *,
    comment: Annotated[str, typer.Option("--comment", help="What you say about it.", metavar="TEXT")] = "",
    author: AuthorOption = None,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that somebody works on what fires.

    It is not repeated then; that it got worse, and that it is over, is still told.
    """
    from tocsin.alerting.acknowledgements import acknowledge
    from tocsin.runtime.alerts.views import find_open_incidents

    who = author_or_user(author)
    with writing(project_dir, profile) as (project, memory, clock):
        found = find_open_incidents(project, memory, name)
        if not found:
            raise ConfigError(_nothing_fires(project, name), hint="`tocsin alerts list` shows what does")
        if len({one.id for one in found}) > 1 and all(one.id.startswith(name.lower()) for one in found):
            ids = ", ".join(one.id for one in found)
            raise ConfigError(f"{name!r} is the beginning of several incidents", hint=f"say which: {ids}")
        with memory.transaction() as tx:
            for one in found:
                acknowledge(tx, one.key, who, comment, clock.now())
        keys = {one.key for one in found}
        after = [one for one in find_open_incidents(project, memory, name) if one.key in keys]
    if as_json:
        print_json({"schema_version": 1, "incidents": [incident_facts(one) for one in after]})
        return
    for one in found:
        since = moment(one.incident.opened_at)
        typer.echo(
            f"{one.id}: {visible(one.incident.series)}, since {since} UTC, is acknowledged by {visible(who)}"
        )


def _nothing_fires(project: Project, name: str) -> str:
    from tocsin.runtime.project_state import metric_of

    known = {monitor.name for monitor in project.monitors}
    if name in known or metric_of(name) in known:
        return f"nothing of {name} fires"
    return f"nothing that fires is called {name!r}"


def silence(
    matchers: Annotated[
        list[str],
        typer.Argument(help="KEY=PATTERN or KEY!=PATTERN; all of them must hold.", metavar="MATCHER"),
    ],
    *,
    length: Annotated[
        str | None, typer.Option("--for", help="For how long: 2h, 3d.", metavar="TIME", show_default=False)
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Until when (UTC).", metavar="TIME", show_default=False)
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", help="From when on (UTC) [now].", metavar="TIME", show_default=False),
    ] = None,
    comment: Annotated[
        str, typer.Option("--comment", help="Why; for others, and for later.", metavar="TEXT")
    ],
    author: AuthorOption = None,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell nobody of something for a while.

    The keys are monitor, series, rule, group, channel, severity, tag, class, category, source, target and
    host; `*` and `?` in a pattern stand for anything and for one character; addresses may be networks. What
    is found meanwhile is kept, and an incident that goes on when the silence ends is told then.
    """
    from tocsin.alerting.silence_book import add_silence, new_silence

    if (length is None) == (until is None):
        raise ConfigError("say how long to be silent", hint="give either --for 2h or --until TIME")
    with writing(project_dir, profile) as (project, memory, clock):
        now = clock.now()
        begin = parse_time(start, "--from") or now
        made = new_silence(
            matchers,
            starts_at=begin,
            ends_at=_end(begin, length, until),
            author=author_or_user(author),
            comment=comment,
            now=now,
        )
        with memory.transaction() as tx:
            made = add_silence(tx, made, project.plan.longest_silence)
    for text in _without_match(made.matchers, project):
        warn(text)
    if as_json:
        print_json({"schema_version": 1, "silence": silence_facts(made, now)})
        return
    when = f"until {moment(made.ends_at)} UTC"
    if made.starts_at > now:
        when = f"from {moment(made.starts_at)} {when}"
    typer.echo(f"{made.id}: {visible(' '.join(made.matchers))} is silent {when}")


def _without_match(matchers: Sequence[str], project: Project) -> Iterator[str]:
    """Say of the matchers of a silence which nothing of the project fits as it is: most are misspelt."""
    from tocsin.alerting.silence import parse_matcher

    plan = project.plan
    known = {
        "monitor": {monitor.name for monitor in project.monitors},
        "tag": {tag for monitor in project.monitors for tag in monitor.tags},
        "group": {plan.fallback, *(group.name for group in plan.groups)},
        "channel": set(project.channels),
    }
    for text in matchers:
        matcher = parse_matcher(text)
        values = known.get(matcher.key)
        if values is not None and not matcher.negated and not any(map(matcher.fits, values)):
            yield f"{text}: the project has no such {matcher.key} now"


def _end(begin: datetime, length: str | None, until: str | None) -> datetime:
    from datetime import timedelta

    end = parse_time(until, "--until")
    if end is not None:
        return end
    try:
        return begin + timedelta(seconds=duration(length, "--for") or 0)
    except OverflowError:
        raise ConfigError(f"--for {length!r} is beyond all times", hint="write 2h or 3d") from None


def unsilence(
    silence_id: Annotated[str, typer.Argument(help="What `alerts list` calls it.", metavar="ID")],
    *,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a silence now."""
    from tocsin.alerting.silence_book import end_silence

    with writing(project_dir, profile) as (_, memory, clock):
        now = clock.now()
        with memory.transaction() as tx:
            ended = end_silence(tx, silence_id, now)
    if as_json:
        print_json({"schema_version": 1, "silence": silence_facts(ended, now)})
        return
    matched = f"it silenced {count(ended.matched, 'alert')}" if ended.matched else "it silenced nothing"
    if ended.closed_at == now:
        typer.echo(f"{ended.id}: {visible(' '.join(ended.matchers))} is no longer silent; {matched}")
    else:
        typer.echo(f"{ended.id}: was over at {moment(ended.ends_at)} UTC; {matched}")
