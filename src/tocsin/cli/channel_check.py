"""`tocsin test-alert`: is a monitor's alert really delivered?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.cli.console import JsonOption, ProfileOption, ProjectDir, print_json, visible
from tocsin.errors import ChannelError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tocsin.abc import Channel
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.config.monitors import EventsMonitor, LogMonitor, MetricMonitor

__all__ = ["send_test_alert"]


def send_test_alert(
    asked: Annotated[str, typer.Argument(help="The monitor whose channels are tried.", metavar="MONITOR")],
    *,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a test message to every channel of a monitor.

    Those that its rules name; for a rule that names none those of the groups that own the monitor. Exit
    code 1 when one of them did not take it.
    """
    from tocsin.alerting.channels import test_message
    from tocsin.runtime.alerts.delivery import build_channels
    from tocsin.runtime.clock import SystemClock
    from tocsin.runtime.config.loader import load_project
    from tocsin.runtime.config.monitors import BrokenMonitor
    from tocsin.runtime.selection import select_monitors

    project = load_project(project_dir.resolve(), profile)
    monitor = select_monitors(project.monitors, asked, None, in_state=lambda _: set())[0]
    if isinstance(monitor, BrokenMonitor):
        raise monitor.error
    clock = SystemClock()
    names = sorted(_channels_of(monitor, project, clock.now()))
    if not names:
        raise ConfigError(
            f"{monitor.name} has no alert channels",
            hint="name one under alerting: channels: in its file, or for a group of groups.yml that owns it",
        )
    channels, errors = build_channels(project, clock)
    answers = []
    for name in names:
        answer: dict[str, Any] = {"channel": name, "delivered": False, "error": None}
        if name in errors:
            answer["error"] = str(errors[name])
        else:
            answer["delivered"], answer["error"] = _send(
                channels[name], test_message(monitor.name, clock.now())
            )
        answers.append(answer)
    if as_json:
        print_json({"schema_version": 1, "metric": monitor.name, "channels": answers})
    else:
        for answer in answers:
            said = [*(["delivered"] if answer["delivered"] else []), *filter(None, [answer["error"]])]
            typer.echo(f"{answer['channel']}: {visible('; '.join(said))}")
    sys.exit(0 if all(answer["delivered"] for answer in answers) else 1)


def _channels_of(
    monitor: MetricMonitor | LogMonitor | EventsMonitor, project: Project, now: datetime
) -> set[str]:
    """Give by what a monitor's rules tell, as far as it is known before anything with an address is found."""
    from tocsin.alerting.group import compile_owners
    from tocsin.model import AlertCandidate, DecisionKind, MonitorKind

    rules: Sequence[Any] = [rule for rule in monitor.config.alerting if rule.enabled]
    names = {channel for rule in rules for channel in rule.channels}
    if all(rule.channels for rule in rules):
        return names
    found = AlertCandidate(
        id="",
        monitor=monitor.name,
        source=MonitorKind(monitor.kind),
        series=monitor.name,
        rule="",
        kind=DecisionKind.FIRST,
        reason="",
        at=now,
        tags=monitor.tags,
    )
    owners = compile_owners(project.plan.groups, project.plan.fallback).of(found)
    return names.union(*(owner.group.channels for owner in owners))


def _send(channel: Channel, message: Mapping[str, Any]) -> tuple[bool, str | None]:
    """Send a message; give whether it was delivered, and what went wrong, or `None`."""
    try:
        return True, channel.send(message)
    except ChannelError as error:
        return False, str(error)
    except Exception as error:  # noqa: BLE001  # its text may hold a URL with a secret
        return False, f"unexpected {type(error).__name__}, please report it"
