"""What detectors find in the labelled audit log, how fast, and whether a restart makes them forget."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import audit_ours, audit_peer
from benchmarks.public_data import find_audit_log
from benchmarks.result import Better, Result, at_least, at_most
from benchmarks.sides import Sides, tell

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from benchmarks.peer import Peer
    from benchmarks.public_data import AuditLog

__all__ = ["f1_score", "run"]

_MODULE = "benchmarks.audit_worker"
_RESTARTS_AFTER = (1_800, 1_815, 1_830, 1_845, 1_859)
_BATCH_LINES = 1_000


def run(peer: Peer | None, *, seed: int, quick: bool) -> Iterator[Result]:
    """Measure; without the public data there is nothing to measure, and one line says so.

    Args:
        peer: The installed peer, or `None`.
        seed: Not used: the log is what it is.
        quick: Fewer copies of the log, one restart.

    Yields:
        The lines of the benchmark.
    """
    del seed
    audit = find_audit_log()
    if audit is None:
        tell("the public data is not there: set TOCSIN_DATA to its folder")
        yield Result("audit.log, everything about it", "", None)
        return
    with Sides(_MODULE, peer) as sides:
        yield from _speed(sides, audit, quick=quick)
        yield from _restarts(sides, audit, quick=quick)
        yield from _findings(sides, audit)


def _common(audit: AuditLog) -> dict[str, Any]:
    return {
        "log": str(audit.log),
        "templates": str(audit.templates),
        "training_lines": audit.training_lines,
    }


def _speed(sides: Sides, audit: AuditLog, *, quick: bool) -> Iterator[Result]:
    copies, turns = (1, 1) if quick else (10, 5)
    for batch, goal in ((0, 50_000), (_BATCH_LINES, 100_000)):
        how = f"in batches of {batch:,}" if batch else "one by one"
        title = f"audit.log, parser and new-value detector, {how}"
        tell(f"{title} ...")
        request = _common(audit) | {"task": "pipeline", "copies": copies}
        replies = sides.take_turns(turns, request | {"batch": batch}, request | {"batch": 0})
        ours, peer = replies.rates(replies.ours[0]["lines"] if replies.ours else 1)
        if not replies.ours and replies.peer:
            _, peer = replies.rates(1, replies.peer[0]["lines"])
        note = (
            f"{copies} copies one after the other, the first {audit.training_lines:,} lines are for training"
        )
        if batch:
            note += "; the peer has no batches, and went line by line"
        yield Result(title, "events/s", ours, peer, Better.HIGHER, at_least(goal), note, quoted=9_000)


def _restarts(sides: Sides, audit: AuditLog, *, quick: bool) -> Iterator[Result]:
    places = _RESTARTS_AFTER[-1:] if quick else _RESTARTS_AFTER
    tell(f"audit.log, {len(places)} restarts ...")
    ours, peer = [], []
    for place in places:
        with tempfile.TemporaryDirectory() as scratch:
            requests = [_common(audit) | {"state": str(Path(scratch) / side)} for side in ("ours", "peer")]
            sides.ask_afresh(*(request | {"task": "learn", "until": place} for request in requests))
            replies = sides.ask_afresh(*(request | {"task": "go_on", "after": place} for request in requests))
        # a side that cannot go on from what it saved has not seen the attack
        ours.append(any(audit.labels.intersection(reply["alerts"]) for reply in replies.ours))
        peer.append(any(audit.labels.intersection(reply["alerts"]) for reply in replies.peer))
    note = "the new-value detector, which chose its variables itself, is started again before the attack"
    yield Result(
        f"audit.log, attack seen after a restart, of {len(places)}",
        "times",
        sum(ours),
        sum(peer) if sides.has_peer else None,
        Better.HIGHER,
        at_least(len(places)),
        note,
        quoted=0,
    )


def _findings(sides: Sides, audit: AuditLog) -> Iterator[Result]:
    tell("audit.log, what each detector finds ...")
    request = _common(audit) | {"task": "detector"}
    ours, peer = _Union(), _Union()
    for name in audit_ours.DETECTORS:
        score = ours.add(sides.take_turns(1, request | {"name": name}).ours, audit.labels)
        yield Result(f"audit.log, F1, {name}", "", score, None, Better.HIGHER)
    for name in audit_peer.DETECTORS if sides.has_peer else ():
        score = peer.add(sides.take_turns(1, None, request | {"name": name}).peer, audit.labels)
        tell(f"the peer's {name}: F1 {score}")
    title = "audit.log, union of the detectors"
    score, peer_score = ours.f1(audit.labels), peer.f1(audit.labels)
    yield Result(f"{title}, F1", "", score, peer_score, Better.HIGHER, at_least(1.0), quoted=0.94)
    found, peer_found = ours.found(audit.labels), peer.found(audit.labels)
    yield Result(f"{title}, labelled lines found", "lines", found, peer_found, Better.HIGHER, quoted=9)
    false_alarms = ours.false_alarms(audit.labels), peer.false_alarms(audit.labels)
    yield Result(f"{title}, false alarms", "lines", *false_alarms, goal=at_most(0))


class _Union:
    """The lines that at least one detector of a side alerts for."""

    def __init__(self) -> None:
        self._lines: set[int] = set()
        self._complete = True
        self._empty = True

    def add(self, replies: list[dict[str, Any]], labels: frozenset[int]) -> float | None:
        """Add what a detector found; give its own score, `None` when it could not be asked."""
        self._empty = False
        if not replies:
            self._complete = False
            return None
        self._lines.update(replies[0]["alerts"])
        return f1_score(replies[0]["alerts"], labels)

    @property
    def _known(self) -> bool:
        return self._complete and not self._empty

    def f1(self, labels: frozenset[int]) -> float | None:
        return f1_score(self._lines, labels) if self._known else None

    def found(self, labels: frozenset[int]) -> int | None:
        return len(self._lines & labels) if self._known else None

    def false_alarms(self, labels: frozenset[int]) -> int | None:
        return len(self._lines - labels) if self._known else None


def f1_score(found: Collection[int], wanted: Collection[int]) -> float:
    """Give the harmonic mean of precision and recall.

    >>> f1_score([1, 2], [2, 3])
    0.5
    """
    hits = len(set(found) & set(wanted))
    return 2 * hits / (len(set(found)) + len(set(wanted))) if hits else 0.0
