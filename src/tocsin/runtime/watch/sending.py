"""Sends from the outbox: a thread a channel, so that one that fails or is slow delays no other."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

from tocsin.alerting.outbox import deliver
from tocsin.database.leases import is_dead, this_process
from tocsin.runtime.alerts.delivery import build_buckets, build_channels
from tocsin.runtime.watch.routine import Routine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from tocsin.abc import Channel, Clock
    from tocsin.alerting.rate_limit import TokenBucket
    from tocsin.database import BaseDatabaseManager
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.watch.figures import Figures
    from tocsin.runtime.watch.listener import WatchListener

__all__ = ["Senders"]

_LOOK_EVERY = 5.0  # another process may have put something into the outbox
_SHORTEST_WAIT = 0.05
_AT_ONCE = 50


class Senders:
    """The senders of a project's channels.

    Args:
        memory: The project's memory.
        clock: The present.
        figures: Where to count.
        listener: Who hears of it.
        failed: Told of errors that are not those of a channel, and of `None` when what failed works again.
    """

    def __init__(
        self,
        memory: BaseDatabaseManager,
        clock: Clock,
        figures: Figures,
        listener: WatchListener,
        failed: Callable[[str, Exception | None], None],
    ) -> None:
        self._memory, self._clock, self._figures = memory, clock, figures
        self._listener, self._failed = listener, failed
        self._settings: Mapping[str, Mapping[str, Any]] = {}
        self._lock = threading.Lock()
        self._senders: dict[str, _Sender] = {}

    def use(self, project: Project) -> None:
        """Serve the channels of a project, in place of those before; one that did not change goes on."""
        channels, errors = build_channels(project, self._clock)
        buckets = build_buckets(project, self._memory, self._clock)
        for error in errors.values():
            self._listener.said("error", str(error))
        with self._lock:
            before, self._settings = self._settings, project.channels
            for name, sender in list(self._senders.items()):
                if name not in channels or before.get(name) != project.channels[name]:
                    sender.routine.stop()
                    del self._senders[name]
            for name, channel in channels.items():
                if name not in self._senders:
                    self._senders[name] = _Sender(self, name, channel, buckets.get(name))
                    self._senders[name].routine.start()

    def wake(self) -> None:
        """Have all look into the outbox now."""
        for sender in self._all():
            sender.routine.wake()

    def busy(self) -> dict[str, float]:
        """Say for how many seconds each channel has been at its present step."""
        return {sender.name: sender.routine.busy_seconds for sender in self._all()}

    @property
    def names(self) -> list[str]:
        """The channels that are served."""
        return [sender.name for sender in self._all()]

    def stop(self) -> None:
        """Begin with no further message."""
        for sender in self._all():
            sender.routine.stop()

    def join(self, seconds: Callable[[], float]) -> list[str]:
        """Wait for the messages under way, and give the channels that hang even then."""
        return [sender.name for sender in self._all() if not sender.routine.join(seconds())]

    def send(self, name: str, channel: Channel, bucket: TokenBucket | None, routine: Routine) -> float:
        """Send what is due to one channel; give how long to wait until there may be more."""
        report = deliver(
            self._memory,
            {name: channel},
            clock=self._clock,
            rng=random.Random(),  # noqa: S311 - jitter, not a secret
            limit=_AT_ONCE,
            owner=this_process(),
            is_dead=is_dead,
            only=name,
            buckets={} if bucket is None else {name: bucket},
            stopped=lambda: routine.stopped,
        )
        self._figures.delivered(name, report)
        tried = report.sent + report.failed + report.dead
        if tried:
            problem = report.errors.get(name)
            self._listener.said(
                "sent" if problem is None else "error",
                f"channel {name}: {report.sent} sent"
                + (f", {report.pending} wait" if report.pending else "")
                + ("" if problem is None else f"; {problem}"),
                {"channel": name, "sent": report.sent, "failed": report.failed, "dead": report.dead,
                 "pending": report.pending, "error": problem},
            )  # fmt: skip
        if tried >= _AT_ONCE:
            return 0.0
        if report.next_attempt_at is None:
            return _LOOK_EVERY
        wait = (report.next_attempt_at - self._clock.now()).total_seconds()
        return min(_LOOK_EVERY, max(_SHORTEST_WAIT, wait))

    def fail(self, name: str, error: Exception | None) -> None:
        """Say that the memory failed, or works again."""
        self._failed(name, error)

    def _all(self) -> list[_Sender]:
        with self._lock:
            return list(self._senders.values())


class _Sender:
    def __init__(self, owner: Senders, name: str, channel: Channel, bucket: TokenBucket | None) -> None:
        self.name = name
        self.routine = Routine(
            f"sending to {name}", lambda: owner.send(name, channel, bucket, self.routine), owner.fail
        )
