"""Sends what is in the outbox through the channels of the profile."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

from tocsin.database.leases import is_dead, this_process
from tocsin.database.tables import TABLE_OUTBOX
from tocsin.errors import ConfigError
from tocsin.model import OutboxState
from tocsin.runtime.project_state import metric_of

if TYPE_CHECKING:
    from tocsin.abc import Channel, Clock
    from tocsin.alerting.rate_limit import TokenBucket
    from tocsin.database import BaseDatabaseManager
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.run_report import RunReport

__all__ = ["build_buckets", "build_channels", "deliver_messages"]


def build_channels(project: Project, clock: Clock) -> tuple[dict[str, Channel], dict[str, ConfigError]]:
    """Make the channels of a project, and the errors of those whose configuration is wrong, by name."""
    from tocsin.alerting.channels import build_channel
    from tocsin.runtime.alerts.patience import PatientChannel

    channels: dict[str, Channel] = {}
    errors: dict[str, ConfigError] = {}
    for name, settings in project.channels.items():
        rest = dict(settings)
        try:
            channel = build_channel(name, str(rest.pop("type", "")), rest, clock=clock)
            channels[name] = PatientChannel(name, channel)
        except ConfigError as error:
            errors[name] = error
    return channels, errors


def build_buckets(project: Project, memory: BaseDatabaseManager, clock: Clock) -> dict[str, TokenBucket]:
    """Make the buckets of the channels that have a `rate_limit`; what was sent lately counts."""
    from tocsin.alerting.outbox import sent_since
    from tocsin.alerting.rate_limit import RateLimit, TokenBucket

    buckets: dict[str, TokenBucket] = {}
    for name, settings in project.channels.items():
        if settings.get("rate_limit") is None:
            continue
        try:
            limit = RateLimit.parse(str(settings["rate_limit"]))
        except ValueError:
            continue  # the channel is not built, and says why
        now = clock.now()
        buckets[name] = TokenBucket(limit, now, sent_since(memory, name, now - limit.period, now))
    return buckets


def deliver_messages(project: Project, memory: BaseDatabaseManager, clock: Clock, report: RunReport) -> None:
    """Send what is due, and add to the report what was sent and what was not."""
    if not _any_waiting(memory):
        return
    from tocsin.alerting.outbox import deliver

    channels, broken = build_channels(project, clock)
    buckets = build_buckets(project, memory, clock)
    sent: Counter[str] = Counter()
    problems: dict[str, str] = {}
    given_up = 0
    while True:
        delivery = deliver(
            memory,
            channels,
            clock=clock,
            rng=random.Random(),  # noqa: S311  # jitter, not a secret
            owner=this_process(),
            is_dead=is_dead,
            broken=broken,
            buckets=buckets,
        )
        for series, count in delivery.sent_of.items():
            sent[metric_of(series)] += count
        problems |= delivery.errors
        given_up += delivery.dead
        if not delivery.sent:
            break
        # Look again: a run that found this one sending leaves its own messages to it.
    for monitor in report.monitors:
        monitor.alerts_sent += sent[monitor.name]
    report.notes.extend(str(error) for error in broken.values())
    report.notes.extend(f"channel {name}: {problem}" for name, problem in problems.items())
    if given_up:
        report.notes.append(f"messages that were given up: {given_up}")
    if delivery.pending:
        report.notes.append(f"messages that wait to be sent again by a later run: {delivery.pending}")


def _any_waiting(memory: BaseDatabaseManager) -> bool:
    query = f"SELECT 1 FROM {memory.get_full_table_name(TABLE_OUTBOX)} WHERE state = %(state)s LIMIT 1"
    return bool(memory.execute_query(query, {"state": str(OutboxState.PENDING)}))
