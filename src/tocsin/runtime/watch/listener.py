"""Who hears what a watch does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.runtime.run_report import MonitorReport

__all__ = ["WatchListener"]


class WatchListener(Protocol):
    """Hears what a watch does; called by many threads."""

    def ran(self, report: MonitorReport, seconds: float) -> None:
        """A monitor was run."""
        ...

    def said(self, what: str, text: str, facts: Mapping[str, Any] | None = None) -> None:
        """Something else was done, or is to be known.

        Args:
            what: A word for programs: `started`, `note`, `error`, `told`, `sent`, `pruned`, `reloaded`, ….
                An `error` of a part that is tried again comes each time it fails, `works` when that is over.
            text: A sentence for people.
            facts: What else programs may want; JSON values.
        """
        ...
