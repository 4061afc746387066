"""How the watch is doing, for `/healthz`, `/readyz` and the gauges of `/metrics`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from tocsin.runtime.run_report import RunStatus
from tocsin.runtime.watch.schedule import Moment
from tocsin.runtime.watch.workers import OVERDUE_AFTER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.runtime.run_report import MonitorReport
    from tocsin.runtime.watch.crew import Crew
    from tocsin.runtime.watch.figures import Reading
    from tocsin.runtime.watch.schedule import Schedule
    from tocsin.runtime.watch.sending import Senders
    from tocsin.runtime.watch.telling import Teller
    from tocsin.runtime.watch.tending import Tender
    from tocsin.runtime.watch.workers import Workers

__all__ = ["Health"]

_DEAD_AFTER = 60.0
_SILENT_AFTER = 60.0  # seconds after which a memory that did not answer is none


class _Parts(NamedTuple):
    workers: Workers
    schedule: Schedule
    teller: Teller
    senders: Senders
    tender: Tender


class Health:
    """Looks at the parts of the watch when somebody asks.

    Attributes:
        beat: When the main thread last took a turn, by the monotonic clock.
        is_stopping: Whether the watch is about to end.
    """

    def __init__(self) -> None:
        self.beat = time.monotonic()
        self.is_stopping = False
        self._failing: dict[str, str] = {}
        self._keys: list[str] = []
        self._parts: _Parts | None = None

    def look_after(
        self, workers: Workers, schedule: Schedule, teller: Teller, senders: Senders, tender: Tender
    ) -> None:
        """Take note of the parts."""
        self._parts = _Parts(workers, schedule, teller, senders, tender)

    def use(self, crew: Crew) -> None:
        """Take note of the monitors that there are from now on."""
        self._keys = sorted(crew.monitors)
        self._failing = {key: text for key, text in self._failing.items() if key in crew.monitors}

    def ran(self, key: str, report: MonitorReport) -> None:
        """Take note of how a run ended."""
        if report.status is RunStatus.FAILED:
            self._failing = {**self._failing, key: report.error or ""}
        elif key in self._failing:
            self._failing = {other: text for other, text in self._failing.items() if other != key}

    def alive(self) -> tuple[int, dict[str, Any]]:
        """Say whether the process works; when not, only a new start helps."""
        silent = time.monotonic() - self.beat
        is_alive = silent < _DEAD_AFTER or self.is_stopping
        return (200 if is_alive else 503), {
            "status": "alive" if is_alive else "stuck",
            "hanging": self._hanging(),
            "failing": [key.partition(":")[2] for key in sorted(self._failing)],
        }

    def ready(self) -> tuple[int, dict[str, Any]]:
        """Say whether it does its work: it has begun, the memory answers, and it was not asked to end."""
        reason = None
        if self.is_stopping:
            reason = "it was asked to end"
        elif self._parts is not None:
            counted_at = self._parts.tender.counted_at
            if counted_at is None:
                reason = "it has just begun"
            elif time.monotonic() - counted_at > _SILENT_AFTER:
                reason = "the memory does not answer"
        return (200 if reason is None else 503), {
            "status": "ready" if reason is None else "not ready",
            "reason": reason,
            "tells": self._parts is not None and not self._parts.teller.stands_by,
        }

    def _hanging(self) -> list[dict[str, Any]]:
        if self._parts is None:
            return []
        workers, _, teller, senders, tender = self._parts
        now = time.monotonic()
        seconds = {running.name.partition(":")[2]: now - running.since for running in workers.running()}
        seconds |= {f"sending to {name}": busy for name, busy in senders.busy().items()}
        for routine in (teller.routine, tender.counting, tender.pruning):
            seconds[routine.name] = routine.busy_seconds
        return [
            {"what": what, "seconds": round(busy, 1)}
            for what, busy in sorted(seconds.items())
            if busy > OVERDUE_AFTER
        ]

    def readings(self) -> Iterator[Reading]:
        """Give the gauges."""
        if self._parts is None:
            return
        workers, schedule, teller, senders, tender = self._parts
        now = Moment(0.0, time.monotonic())
        running = workers.running()
        monitors = [
            (dict(zip(("kind", "monitor"), key.split(":", 1), strict=True)), key) for key in self._keys
        ]
        yield (
            "tocsin_lag_seconds",
            "For how long the next run of a monitor has been due; 0 when it is on time.",
            [(labels, schedule.lag(key, now)) for labels, key in monitors],
        )
        yield (
            "tocsin_failing",
            "Whether the last run of a monitor failed.",
            [(labels, float(key in self._failing)) for labels, key in monitors],
        )
        yield "tocsin_queue_depth", "Monitors that are due and wait for a thread.", [({}, workers.waiting)]
        yield "tocsin_running", "Monitors that are being run.", [({}, len(running))]
        yield (
            "tocsin_hanging",
            f"What has been going on for more than {OVERDUE_AFTER:g} s.",
            [({}, len(self._hanging()))],
        )
        names = sorted({*senders.names, *tender.outbox})
        for state, help_ in (("pending", "Messages that wait."), ("dead", "Messages that were given up.")):
            values = [({"channel": name}, float(tender.outbox.get(name, {}).get(state, 0))) for name in names]
            yield f"tocsin_outbox_{state}", help_, values
        yield (
            "tocsin_channel_busy_seconds",
            "For how long a channel has been at its present messages.",
            [({"channel": name}, seconds) for name, seconds in sorted(senders.busy().items())],
        )
        yield "tocsin_telling_behind", "Whether importing waits for telling.", [({}, float(teller.behind))]
