"""Sends what is in the outbox through the channels of the profile."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tocsin.errors import ConfigError

if TYPE_CHECKING:
    from tocsin.abc import Channel, Clock
    from tocsin.database import BaseDatabaseManager
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.run_report import RunReport

__all__ = ["build_channels", "deliver_messages"]


def build_channels(project: Project) -> tuple[dict[str, Channel], list[ConfigError]]:
    """Make the channels of a project; those whose configuration is wrong are told, the others work."""
    from tocsin.alerting.channels import build_channel

    channels: dict[str, Channel] = {}
    errors: list[ConfigError] = []
    for name, settings in project.channels.items():
        rest = dict(settings)
        try:
            channels[name] = build_channel(name, str(rest.pop("type", "")), rest)
        except ConfigError as error:
            errors.append(error)
    return channels, errors


def deliver_messages(project: Project, memory: BaseDatabaseManager, clock: Clock, report: RunReport) -> None:
    """Send what is due, and add to the report what was sent and what was not."""
    from tocsin.alerting.outbox import deliver, has_due

    if not has_due(memory, clock.now()):
        return
    channels, errors = build_channels(project)
    report.notes.extend(str(error) for error in errors)
    delivery = deliver(memory, channels, clock=clock, rng=random.Random())  # noqa: S311  # jitter, not a secret
    sent_by = delivery.sent_by_monitor
    for monitor in report.monitors:
        monitor.alerts_sent += sent_by.get(monitor.name, 0)
    report.notes.extend(delivery.problems)
