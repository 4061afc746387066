"""Decides who is told of what was found: one at a time, soon after something was found, and by a timer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.database.leases import this_process
from tocsin.errors import LeaseLostError
from tocsin.runtime.project_state import lease_holder
from tocsin.runtime.watch.heap import free_cache
from tocsin.runtime.watch.routine import Routine

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.abc import Clock
    from tocsin.database import BaseDatabaseManager
    from tocsin.model import Lease
    from tocsin.runtime.alerts.notify_step import NotifyReport
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.watch.figures import Figures
    from tocsin.runtime.watch.listener import WatchListener

__all__ = ["LEASE", "Teller"]

LEASE = "watch"
"""The lease of the watch that tells, when several work on one project."""

_LEASE_SECONDS = 60.0
_EVERY = 2.0  # for batches, silences and relapses that come due
_GAP = 0.1
_EVENTS_AT_ONCE = 2_000
_KINDS = ("told", "held", "silenced", "inhibited", "silent")


class Teller:
    """The one that tells.

    Args:
        memory: The project's memory.
        clock: The present.
        figures: Where to count.
        listener: Who hears of it.
        failed: Told of errors, and of `None` when what failed works again.
        queued: Called when there is something new in the outbox.

    Attributes:
        project: The project; a new one counts from the next step on.
        behind: Whether more waits than one step decides about: then nothing further is to be imported.
    """

    def __init__(
        self,
        project: Project,
        memory: BaseDatabaseManager,
        clock: Clock,
        figures: Figures,
        listener: WatchListener,
        failed: Callable[[str, Exception | None], None],
        queued: Callable[[], None],
    ) -> None:
        self.project = project
        self.behind = False
        self.routine = Routine("telling", self._step, failed, gap=_GAP)
        self._memory, self._clock = memory, clock
        self._figures, self._listener, self._queued = figures, listener, queued
        self._lease: Lease | None = None
        self._other: str | None = None

    @property
    def stands_by(self) -> bool:
        """Whether another process tells."""
        return self._other is not None

    def release(self) -> None:
        """Let another process tell."""
        lease, self._lease = self._lease, None
        if lease is not None:
            self._memory.release(lease)

    def _step(self) -> float:
        if not self._has_lease():
            self.behind = False
            return _EVERY
        from tocsin.runtime.alerts.notify_step import notify

        report = notify(self.project, self._memory, clock=self._clock, close_all=False, limit=_EVENTS_AT_ONCE)
        self.behind = report.more
        self._hear(report)
        if report.more:
            return 0.0
        free_cache(self._memory)
        return _EVERY

    def _has_lease(self) -> bool:
        """Take the lease, or extend it; false: another process has it."""
        if self._lease is not None:
            try:
                self._lease = self._memory.renew(self._lease, _LEASE_SECONDS)
            except LeaseLostError:
                self._lease = None
            else:
                return True
        self._lease = self._memory.acquire_lease(LEASE, this_process(), _LEASE_SECONDS)
        if self._lease is not None:
            if self._other is not None:
                self._listener.said(
                    "note", f"{self._other} watches no longer: this process tells from now on"
                )
                self._other = None
            return True
        if self._other is None:
            self._other = lease_holder(self._memory, LEASE)
            self._listener.said(
                "note",
                f"{self._other} watches this project, too: each monitor is run by who comes first, "
                "and that process tells what is found",
            )
        return False

    def _hear(self, report: NotifyReport) -> None:
        counts = {kind: getattr(report, kind) for kind in _KINDS}
        self._figures.decided(counts)
        for note in report.notes:
            self._listener.said("note", note)
        if report.messages:
            self._queued()
        if report.events or report.taken or report.messages:
            said = [f"{number} {kind}" for kind, number in counts.items() if number]
            if report.messages and not said:
                said = [f"what waited leaves in {report.messages} message{'s'[: report.messages > 1]}"]
            self._listener.said(
                "told",
                ", ".join(said) or "nothing to tell",
                {"events": report.events, "messages": report.messages, **counts},
            )
