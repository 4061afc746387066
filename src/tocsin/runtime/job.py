"""One monitor in one run: what its steps work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tocsin.database import BaseDatabaseManager
    from tocsin.model import Lease
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.gate import Gate
    from tocsin.runtime.pipeline import RunOptions
    from tocsin.runtime.run_report import MonitorReport

__all__ = ["Job"]

_M = TypeVar("_M")


@dataclass(frozen=True, slots=True)
class Job(Generic[_M]):
    """What the steps of a monitor share.

    Attributes:
        monitor: The monitor.
        project: The project that it belongs to.
        memory: The project's memory.
        lease: The lease under which everything is written.
        options: What the run is asked to do.
        report: Where the steps count what they do.
        now: The run's idea of now, whole milliseconds, UTC.
        gate: What lets one thread work at a time.
        progress: Hears how much is done, and of how much.
    """

    monitor: _M
    project: Project
    memory: BaseDatabaseManager
    lease: Lease
    options: RunOptions
    report: MonitorReport
    now: datetime
    gate: Gate
    progress: Callable[[int, int], None]
