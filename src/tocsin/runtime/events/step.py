"""Takes the events that wait in a monitor's folder into the project's event store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.runtime.events.facts import events_waiting
from tocsin.runtime.events.importing import import_queue
from tocsin.sources.idea_files import FolderQueue

if TYPE_CHECKING:
    from tocsin.eventstorage import EventStorageService
    from tocsin.runtime.config.monitors import EventsMonitor
    from tocsin.runtime.events.importing import ImportReport
    from tocsin.runtime.job import Job

__all__ = ["run_events"]

_MOST_NOTES = 5
_OF_NO_USE = "it has no rule under `alerting`, and no folder to take events from: it looks at nothing"


def run_events(job: Job[EventsMonitor], events: EventStorageService, *, limit: int | None = None) -> bool:
    """Take what waits in the folder of an events monitor; one without a folder has nothing to take.

    Each file is stored whole, then moved to `done`, or to `errors` when something in it was wrong. A run that
    is killed has lost nothing: the next one takes the file again, and what is stored already is a duplicate.

    Args:
        job: The monitor, and where to count.
        events: The project's events.
        limit: Begin with no further file after so many events; `None` takes all files that wait now.

    Returns:
        Whether files are left, as the limit was reached.

    Raises:
        EventStorageException: The storage failed; files that are not stored stay where they are.
        LoadError: The folder is not there, or cannot be read; or a file in it has to stay, while all others
            were taken.
    """
    source, name = job.monitor.config.source, job.monitor.name
    more = False
    if source is not None:
        queue = FolderQueue(job.project.folder / source.folder)
        taken = import_queue(events, queue, job.monitor.mapping, limit=limit)
        _count(job, taken)
        if taken.stuck:  # a failure is tried again after a wait, and not all the time
            raise taken.stuck[0].error
        more = taken.more
    elif not job.monitor.config.alerting:
        job.report.notes.append(_OF_NO_USE)
    job.report.events_waiting = events_waiting(job.memory, job.monitor)
    with job.memory.transaction(lease=job.lease):
        job.memory.upsert_task_status(name, "load", "load", "completed")
    return more


def _count(job: Job[EventsMonitor], taken: ImportReport) -> None:
    report = job.report
    report.events_new += taken.new
    report.events_duplicate += taken.duplicate
    report.events_rejected += taken.rejected
    notes = [f"{one.file}: {one.error}" for one in taken.failed]
    notes += [str(one.error) for one in taken.stuck[1:]]
    notes += [f"{one.place}: {one.reason}" for one in taken.rejections]
    report.notes += notes[:_MOST_NOTES]
    more = len(taken.failed) + len(taken.stuck[1:]) + taken.rejected - _MOST_NOTES
    if more > 0:
        report.notes.append(f"and {more:,} more that could not be read")
