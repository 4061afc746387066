"""A thread that does one thing again and again: when it is woken, and when its time has come."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Routine"]

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0


class Routine:
    """A thread of its own for one thing, one step at a time.

    Calls that come while a step goes on make one further step.

    Args:
        name: What it is called.
        step: Does it, and gives how many seconds to wait at most until it is to be done again.
        failed: Told of what a step raised, and of `None` when one works again after that. What failed is
            tried again, after a wait that grows.
        gap: Seconds between two steps at least.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], float],
        failed: Callable[[str, Exception | None], None],
        *,
        gap: float = 0.0,
    ) -> None:
        self.name = name
        self._step, self._failed, self._gap = step, failed, gap
        self._woken, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"tocsin-{name}", daemon=True)
        self._failures = 0
        self._ends_with_a_step = False
        self._since: float | None = None

    @property
    def stopped(self) -> bool:
        """Whether it was asked to stop."""
        return self._stopped.is_set()

    @property
    def busy_seconds(self) -> float:
        """For how long the present step has been going on; 0 between steps."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Have a step done soon."""
        self._woken.set()

    def stop(self, *, after_another_step: bool = False) -> None:
        """Begin no further step, or only one more."""
        self._ends_with_a_step = after_another_step
        self._stopped.set()
        self._woken.set()

    def join(self, seconds: float) -> bool:
        """Wait for the end of the thread, and say whether it has come."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self.stopped:
            self._woken.clear()
            wait = self._do()
            if wait is None:  # it failed: even who wakes it waits
                self._stopped.wait(min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(self._failures - 1, 16)))
            elif not (self._gap and self._stopped.wait(self._gap)):
                self._woken.wait(wait)
        if self._ends_with_a_step:
            self._do()

    def _do(self) -> float | None:
        self._since = time.monotonic()
        try:
            wait = self._step()
        except Exception as error:  # noqa: BLE001  # the border of a thread: it is told, and tried again
            self._failures += 1
            self._failed(self.name, error)
            return None
        finally:
            self._since = None
        if self._failures:
            self._failures = 0
            self._failed(self.name, None)
        return wait
