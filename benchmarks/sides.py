"""Our worker and the peer's, asked in turns."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, Self

from benchmarks.worker import Worker, WorkerError

if TYPE_CHECKING:
    from types import TracebackType

    from benchmarks.peer import Peer

__all__ = ["Replies", "Sides", "tell"]

Request = dict[str, Any]
_LONGEST_MESSAGE = 300


def tell(text: str) -> None:
    """Tell people how far it is."""
    print(text, file=sys.stderr, flush=True)


@dataclass(slots=True)
class Replies:
    """What both sides answered, turn by turn; a list is empty when that side could not do it."""

    ours: list[dict[str, Any]] = field(default_factory=list)
    peer: list[dict[str, Any]] = field(default_factory=list)

    def median(self, name: str) -> tuple[float | None, float | None]:
        """Give the medians of a figure, ours and the peer's."""
        ours, peer = ([float(reply[name]) for reply in replies] for replies in (self.ours, self.peer))
        return (median(ours) if ours else None), (median(peer) if peer else None)

    def rates(
        self, count: int, peer_count: int | None = None, name: str = "seconds"
    ) -> tuple[float | None, float | None]:
        """Give the medians of seconds as how many a second."""
        ours, peer = self.median(name)
        return (count / ours if ours else None), ((peer_count or count) / peer if peer else None)


class Sides:
    """The two workers of a program of this package; also a context manager that ends them."""

    def __init__(self, module: str, peer: Peer | None) -> None:
        self._module = module
        self._peer = peer
        self._workers: dict[str, Worker] = {}

    @property
    def has_peer(self) -> bool:
        """Whether there is a peer to ask."""
        return self._peer is not None

    def take_turns(
        self, turns: int, ours: Request | None, peer: Request | None = None, *, warm_up: bool = True
    ) -> Replies:
        """Ask both sides in turns; a side that fails is asked no more, and why is told.

        Args:
            turns: How often.
            ours: What to ask our side, `None` for nothing.
            peer: What to ask the peer.
            warm_up: Begin with a round that does not count, when there are several.
        """
        replies = Replies()
        sides = [("ours", ours, replies.ours), ("peer", peer if self._peer else None, replies.peer)]
        broken = set()
        unused = int(warm_up and turns > 1)
        for turn in range(turns + unused):
            for side, request, kept in sides:
                if request is None or side in broken:
                    continue
                try:
                    reply = self._worker(side).ask(side=side, **request)
                except WorkerError as error:
                    tell(f"{side}: {str(error)[:_LONGEST_MESSAGE]}")
                    self._end(side)
                    broken.add(side)
                    kept.clear()
                else:
                    if turn >= unused:
                        kept.append(reply)
        return replies

    def ask_afresh(self, ours: Request | None, peer: Request | None = None) -> Replies:
        """Ask each side once, in a process that has done nothing else."""
        self.close()
        replies = self.take_turns(1, ours, peer)
        self.close()
        return replies

    def _worker(self, side: str) -> Worker:
        if side not in self._workers:
            python = self._peer.python if side == "peer" and self._peer else sys.executable
            self._workers[side] = Worker(python, self._module)
        return self._workers[side]

    def _end(self, side: str) -> None:
        self._workers.pop(side).close()

    def close(self) -> None:
        """End the workers; they start anew when they are asked again."""
        for side in list(self._workers):
            self._end(side)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
