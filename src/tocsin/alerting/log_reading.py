"""Reads the anomalous lines of a log from the memory, as points that rules can be evaluated on.

A log has no slots. Its points are the anomalous lines, each at an instant of its own, and points without
an anomaly where something has to be able to end: as soon after a line as a rule stops firing, and at
the last line that was read.
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

    from tocsin.abc import Transaction

__all__ = ["AnomalousLines", "read_anomalous_lines"]

_MOST_REASONS = 5


@dataclass(frozen=True, slots=True, eq=False)
class AnomalousLines:
    """The points of a log, and for each anomalous line what its detectors say (id → metadata)."""

    points: Points
    lines: Mapping[int, Mapping[str, Mapping[str, Any]]]

    def facts(self, timestamp: int, direction: str | None) -> Facts:  # noqa: ARG002  # lines have no direction
        """Give what is to be said about a point; of one without a line nothing but that."""
        said = self.lines.get(timestamp)
        if said is None:
            return Facts(None, None, None, ())
        reasons = [str(metadata.get("explanation", "")) for metadata in said.values()]
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
        since: The first instant (ms), `None` for the beginning.
        until: The instant up to which lines were read (ms).
        quiet_ms: After how much time without a further line each rule stops firing.
    """
    names = {f"detector_{number}": identity for number, identity in enumerate(detector_ids)}
    from_then = "" if since is None else " AND timestamp >= %(since)s"
    chosen = ", ".join(f"%({name})s" for name in names)
    rows = tx.execute_query(
        "SELECT timestamp, detector_id, detection_metadata"
        f" FROM {tx.get_full_table_name('_tocsin_detections')}"
        f" WHERE metric_name = %(monitor)s AND is_anomaly AND detector_id IN ({chosen}){from_then}"
        " ORDER BY timestamp, detector_id",
        {"monitor": monitor, **names, **({} if since is None else {"since": instant(since)})},
    )
    lines: dict[int, dict[str, dict[str, Any]]] = {}
    for row in rows:
        at = int(row["timestamp"].timestamp() * 1000 + 0.5)
        lines.setdefault(at, {})[row["detector_id"]] = json.loads(row["detection_metadata"])
    return AnomalousLines(_points(lines, until, quiet_ms), lines)


def _points(
    lines: Mapping[int, Mapping[str, Mapping[str, Any]]], until: int, quiet_ms: Sequence[int]
) -> Points:
    times = np.array(sorted(lines), dtype=np.int64)
    last = max(until, int(times[-1])) if len(times) else until
    candidates = [times + quiet + 1 for quiet in sorted(set(quiet_ms))]
    candidates.append(np.array([last], dtype=np.int64))
    calm = np.concatenate(candidates)
    calm = calm[calm <= last]
    slots = np.union1d(times, calm)
    anomalous = np.isin(slots, times)
    severity = np.zeros(len(slots))
    severity[anomalous] = [
        max((float(one.get("severity") or 0.0) for one in lines[at].values()), default=0.0)
        for at in times.tolist()
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
