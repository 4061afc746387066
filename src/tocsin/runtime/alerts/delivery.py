"""Sends what is in the outbox through the channels of the profile."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import TYPE_CHECKING

from tocsin.database.leases import is_dead, this_process
from tocsin.database.tables import TABLE_OUTBOX
from tocsin.errors import ConfigError
from tocsin.model import OutboxState
from tocsin.runtime.project_state import metric_of

if TYPE_CHECKING:
    from tocsin.abc import Channel, Clock
    from tocsin.alerting.outbox import DeliveryReport
    from tocsin.alerting.rate_limit import TokenBucket
    from tocsin.database import BaseDatabaseManager
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.run_report import RunReport

__all__ = ["Delivery", "build_buckets", "build_channels"]

_EVERY = 5.0  # seconds between two times of sending while there is other work
_SHARE = 4.0  # how much longer than such a sending the other work goes on, however slow a receiver is
_SLICE, _LONGEST = 5.0, 60.0  # seconds that a channel is given at once: while there is other work, and then


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


class Delivery:
    """Sends what is due, as often as it is asked to in one run, and tells the run's report at its end.

    Args:
        project: The project.
        memory: Its memory.
        clock: The present.
    """

    def __init__(self, project: Project, memory: BaseDatabaseManager, clock: Clock) -> None:
        self._project, self._memory, self._clock = project, memory, clock
        self._channels: dict[str, Channel] | None = None  # made when there is something to send
        self._broken: dict[str, ConfigError] = {}
        self._buckets: dict[str, TokenBucket] = {}
        self._sent: Counter[str] = Counter()
        self._problems: dict[str, str] = {}
        self._given_up = self._pending = 0
        self._ended_at, self._took = time.monotonic(), 0.0  # the last time of sending in between

    def send_in_between(self, every: float = _EVERY) -> None:
        """Send some of what is due, if that was not done for a while: who asks has other work to do.

        Args:
            every: For how many seconds, at least.
        """
        began = time.monotonic()
        if began - self._ended_at < max(every, _SHARE * self._took):
            return
        if self._any_waiting():
            self._deliver(time_limit=_SLICE)
        self._ended_at = time.monotonic()
        self._took = self._ended_at - began

    def send_all(self) -> None:
        """Send all that is due."""
        if not self._any_waiting():
            return
        while True:
            delivery = self._deliver(time_limit=_LONGEST)
            if not delivery.sent:
                break
            # Look again: a run that found this one sending leaves its own messages to it.
        self._pending = delivery.pending

    def add_to(self, report: RunReport) -> None:
        """Add to the report what was sent and what was not."""
        for monitor in report.monitors:
            monitor.alerts_sent += self._sent[monitor.name]
        report.notes.extend(str(error) for error in self._broken.values())
        report.notes.extend(f"channel {name}: {problem}" for name, problem in self._problems.items())
        if self._given_up:
            report.notes.append(f"messages that were given up: {self._given_up}")
        if self._pending:
            report.notes.append(f"messages that wait to be sent again by a later run: {self._pending}")

    def _deliver(self, *, time_limit: float) -> DeliveryReport:
        from tocsin.alerting.outbox import deliver

        if self._channels is None:
            self._channels, self._broken = build_channels(self._project, self._clock)
            self._buckets = build_buckets(self._project, self._memory, self._clock)
        delivery = deliver(
            self._memory,
            self._channels,
            clock=self._clock,
            rng=random.Random(),  # noqa: S311  # jitter, not a secret
            time_limit=time_limit,
            owner=this_process(),
            is_dead=is_dead,
            broken=self._broken,
            buckets=self._buckets,
        )
        for series, count in delivery.sent_of.items():
            self._sent[metric_of(series)] += count
        self._problems |= delivery.errors
        self._given_up += delivery.dead
        return delivery

    def _any_waiting(self) -> bool:
        """Tell whether there may be anything to send, without loading what sends."""
        table = self._memory.get_full_table_name(TABLE_OUTBOX)
        query = f"SELECT 1 FROM {table} WHERE state = %(state)s LIMIT 1"
        return bool(self._memory.execute_query(query, {"state": str(OutboxState.PENDING)}))
