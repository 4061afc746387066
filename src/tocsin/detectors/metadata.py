"""Verdicts as the metadata that is stored with them: dicts, or JSON text made without `json`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.model import Reason

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tocsin.model import Detections

__all__ = ["metadata_dicts", "metadata_json"]

_NO_VERDICT = {reason.value: {"reason": reason.name.lower()} for reason in Reason if reason}


def metadata_dicts(detections: Detections) -> list[dict[str, Any]]:
    """Give the metadata of each slot.

    An anomaly has `direction`, `score` and `severity`, a point inside the band `score`, a slot without
    a verdict `reason`. The detector's further columns follow where they are finite. Keys are sorted.
    """
    extra = dict(sorted(detections.extra.items()))
    rows: list[dict[str, Any]] = [{"score": score} for score in detections.score.tolist()]
    for index in np.flatnonzero(detections.is_anomaly).tolist():
        rows[index] = {
            "direction": "up" if detections.direction[index] > 0 else "down",
            "score": float(detections.score[index]),
            "severity": float(detections.severity[index]),
        }
    reasons = detections.reason.tolist()
    for index in np.flatnonzero(detections.reason).tolist():
        rows[index] = dict(_NO_VERDICT[reasons[index]])
    if extra:
        for name, column in extra.items():
            finite = _finite(column)
            for index, value in zip(finite.tolist(), column[finite].tolist(), strict=True):
                rows[index][name] = value
        rows = [dict(sorted(row.items())) for row in rows]
    return rows


def metadata_json(detections: Detections) -> list[str]:
    """Give the metadata of each slot as JSON text, as `json.dumps(…, sort_keys=True)` would write it.

    It is the text that `DetectionResult.to_dict` gives for the same slot.
    """
    if detections.extra:
        return _json_with_extra(detections)
    rows = [f'{{"score": {score}}}' for score in detections.score.tolist()]
    anomalies = np.flatnonzero(detections.is_anomaly)
    columns = (anomalies, detections.direction[anomalies], detections.score[anomalies],
               detections.severity[anomalies])  # fmt: skip
    for index, direction, score, severity in zip(*(column.tolist() for column in columns), strict=True):
        side = "up" if direction > 0 else "down"
        rows[index] = f'{{"direction": "{side}", "score": {score}, "severity": {severity}}}'
    texts = {code: f'{{"reason": "{row["reason"]}"}}' for code, row in _NO_VERDICT.items()}
    silent = np.flatnonzero(detections.reason)
    for index, code in zip(silent.tolist(), detections.reason[silent].tolist(), strict=True):
        rows[index] = texts[code]
    return rows


def _json_with_extra(detections: Detections) -> list[str]:
    """Build each row from the fragments of its keys, column by column."""
    size = len(detections)
    judged = np.flatnonzero(detections.reason == Reason.NONE)
    silent = np.flatnonzero(detections.reason)
    anomalies = np.flatnonzero(detections.is_anomaly)
    sides = np.where(detections.direction > 0, "up", "down")
    reasons = np.array(["", *(row["reason"] for row in _NO_VERDICT.values())])[detections.reason]
    columns: dict[str, tuple[NDArray[Any], NDArray[np.intp]]] = {
        "direction": (sides, anomalies),
        "reason": (reasons, silent),
        "score": (detections.score, judged),
        "severity": (detections.severity, anomalies),
    }
    columns |= {name: (column, _finite(column)) for name, column in detections.extra.items()}
    fragments = []
    for name, (column, places) in sorted(columns.items()):
        texts = [""] * size
        prefix = json.dumps(name) + ": "
        values = column[places].tolist()
        written = values if column.dtype.kind == "f" else map(json.dumps, values)
        for place, value in zip(places.tolist(), written, strict=True):
            texts[place] = f"{prefix}{value}"
        fragments.append(texts)
    return ["{" + ", ".join(filter(None, row)) + "}" for row in zip(*fragments, strict=True)]


def _finite(column: NDArray[Any]) -> NDArray[np.intp]:
    if column.dtype.kind == "f":
        return np.flatnonzero(np.isfinite(column))
    return np.arange(len(column))
