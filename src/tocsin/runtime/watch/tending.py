"""Keeps the house: prunes by retention, counts what waits, names messages that nobody can send."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from tocsin.alerting.strays import give_up_strays, name_strays
from tocsin.database.tables import TABLE_OUTBOX
from tocsin.model import OutboxState
from tocsin.runtime.retention import prune
from tocsin.runtime.watch.heap import free_cache, trim_heap
from tocsin.runtime.watch.routine import Routine

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.abc import Clock
    from tocsin.database import BaseDatabaseManager
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.watch.figures import Figures
    from tocsin.runtime.watch.listener import WatchListener

__all__ = ["Tender"]

_COUNT_EVERY = 5.0
_PRUNE_EVERY = 3600.0
_PRUNE_FIRST = 60.0
_BREATH = 0.05  # seconds between two batches, for others that want to write


class Tender:
    """What is to be done now and then.

    Args:
        project: The project.
        memory: Its memory.
        clock: The present.
        figures: Where to count.
        listener: Who hears of it.
        failed: Told of errors, and of `None` when what failed works again.

    Attributes:
        project: The project; a new one counts from the next step on.
        outbox: Channel → state → how many messages, as last counted: those that wait, and those given up.
        counted_at: When that was, by the monotonic clock; `None`: the memory has not answered yet.
    """

    def __init__(
        self,
        project: Project,
        memory: BaseDatabaseManager,
        clock: Clock,
        figures: Figures,
        listener: WatchListener,
        failed: Callable[[str, Exception | None], None],
    ) -> None:
        self.project = project
        self.outbox: dict[str, dict[str, int]] = {}
        self.counted_at: float | None = None
        self.counting = Routine("counting", self._count, failed)
        self.pruning = Routine("pruning", self._prune, failed)
        self._memory, self._clock, self._figures, self._listener = memory, clock, figures, listener
        self._prune_at = time.monotonic() + _PRUNE_FIRST
        self._unknown: set[str] = set()

    def _count(self) -> float:
        rows = self._memory.execute_query(
            f"SELECT channel, state, count(*) AS n FROM {self._memory.get_full_table_name(TABLE_OUTBOX)}"
            " WHERE state IN (%(pending)s, %(dead)s) GROUP BY channel, state",
            {"pending": OutboxState.PENDING.value, "dead": OutboxState.DEAD.value},
        )
        found: dict[str, dict[str, int]] = {}
        for row in rows:
            found.setdefault(row["channel"], {})[row["state"]] = int(row["n"])
        self.outbox, self.counted_at = found, time.monotonic()
        pending = OutboxState.PENDING.value
        unknown = {name for name in found if pending in found[name] and name not in self.project.channels}
        for text in name_strays(self._memory, sorted(unknown - self._unknown)).values():
            self._listener.said("error", text)
        given_up = give_up_strays(self._memory, sorted(unknown), self._clock.now())
        if given_up:
            self._listener.said("error", f"messages for channels that are not there, given up: {given_up}")
        self._unknown = unknown
        trim_heap()
        return _COUNT_EVERY

    def _prune(self) -> float:
        wait = self._prune_at - time.monotonic()
        if wait > 0:
            return wait
        deleted: Counter[str] = Counter()
        for batch in prune(self.project, self._memory, self._clock.now()):
            deleted += batch
            self._figures.pruned(batch)
            if self.pruning.stopped:
                break
            time.sleep(_BREATH)
        free_cache(self._memory)
        self._prune_at = time.monotonic() + _PRUNE_EVERY
        if deleted:
            text = ", ".join(f"{number:,} of {what}" for what, number in sorted(deleted.items()))
            self._listener.said("pruned", f"deleted what is older than it is kept: {text}", dict(deleted))
        return _PRUNE_EVERY
