"""Reads the anomalous lines of a log from the memory, as points that rules can be evaluated on.

A log has no slots. Its points are the anomalous lines, each at an instant of its own, and points without
an anomaly where something has to be able to end: as soon after a line as a rule stops firing, and just
before the last line that was read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.alerting.reading import Facts
from tocsin.alerting.verdicts import Points, instant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from tocsin.abc import Transaction

__all__ = ["AnomalousLines", "read_anomalous_lines"]

_MOST_REASONS = 5


@dataclass(frozen=True, slots=True, eq=False)
class AnomalousLines:
    """The points of a log, and for each anomalous line what its detectors say (id → metadata)."""

    points: Points
    lines: Mapping[int, Mapping[str, Mapping[str, Any]]]

    @property
    def anomalous(self) -> NDArray[np.int64]:
        """The instants (ms) of the anomalous lines."""
        return self.points.timestamp[self.points.above > 0]

    def facts(self, timestamp: int, direction: str | None) -> Facts:  # noqa: ARG002  # lines have no direction
        """Give what is to be said about a point; of one without a line nothing but that."""
        said = self.lines.get(timestamp)
        if said is None:
            return Facts(None, None, None, ())
        reasons = [str(one.get("summary") or one.get("explanation", "")) for one in said.values()]
        more = f" (and {len(reasons) - _MOST_REASONS} more)" if len(reasons) > _MOST_REASONS else ""
        return Facts(
            value=None,
            confidence_lower=None,
            confidence_upper=None,
            detectors=tuple(sorted(said)),
            explanation="; ".join(reasons[:_MOST_REASONS]) + more,
            log=str(next(iter(said.values())).get("log", "")),
        )


def read_anomalous_lines(
    tx: Transaction,
    monitor: str,
    detector_ids: Sequence[str],
    *,
    since: int | None,
    until: int,
    quiet_ms: Sequence[int],
) -> AnomalousLines:
    """Read the anomalous lines of a log.

    Args:
        tx: Where to read.
        monitor: The log's name.
        detector_ids: The current detectors; what others said counts for nothing.
        since: The first instant (ms) to give points of, `None` for the beginning. Lines before it are read
            as far as the end of their incident may lie behind it.
        until: The instant up to which lines were read (ms).
        quiet_ms: After how much time without a further line each rule stops firing.
    """
    quiet = sorted({max(length, 1) for length in quiet_ms})
    first = None if since is None else since - max(quiet, default=0)
    names = {f"detector_{number}": identity for number, identity in enumerate(detector_ids)}
    from_then = "" if first is None else " AND timestamp >= %(first)s"
    chosen = ", ".join(f"%({name})s" for name in names)
    rows = tx.execute_query(
        "SELECT timestamp, detector_id, detection_metadata"
        f" FROM {tx.get_full_table_name('_tocsin_detections')}"
        f" WHERE metric_name = %(monitor)s AND is_anomaly AND detector_id IN ({chosen}){from_then}"
        " ORDER BY timestamp, detector_id",
        {"monitor": monitor, **names, **({} if first is None else {"first": _instant(first)})},
    )
    lines: dict[int, dict[str, dict[str, Any]]] = {}
    for row in rows:
        at = int(row["timestamp"].timestamp() * 1000 + 0.5)
        lines.setdefault(at, {})[row["detector_id"]] = json.loads(row["detection_metadata"])
    return AnomalousLines(_points(lines, since, until, quiet), lines)


def _instant(milliseconds: int) -> datetime:
    return instant(max(milliseconds, 0))


def _points(
    lines: Mapping[int, Mapping[str, Mapping[str, Any]]],
    since: int | None,
    until: int,
    quiet_ms: Sequence[int],
) -> Points:
    times = np.array(sorted(lines), dtype=np.int64)
    # Up to the millisecond before the last one: a further line of that one may come in the next run.
    last = (max(until, int(times[-1])) if len(times) else until) - 1
    candidates = [times + quiet for quiet in quiet_ms]
    candidates.append(np.array([last], dtype=np.int64))
    calm = np.concatenate(candidates)
    slots = np.union1d(times, calm[calm <= last])
    if since is not None:
        slots = slots[slots >= since]
    anomalous = np.isin(slots, times)
    severity = np.zeros(len(slots))
    severity[anomalous] = [
        max((float(one.get("severity") or 0.0) for one in lines[at].values()), default=0.0)
        for at in slots[anomalous].tolist()
    ]
    return Points(
        timestamp=slots,
        missing=np.zeros(len(slots), dtype=np.bool_),
        judged=np.ones(len(slots), dtype=np.bool_),
        above=anomalous.astype(np.int64),
        below=np.zeros(len(slots), dtype=np.int64),
        severity_above=severity,
        severity_below=np.zeros(len(slots)),
    )
