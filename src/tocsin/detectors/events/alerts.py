"""Completes what a detector found to an alert, with an id that a second reading gives again."""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

from tocsin.detectors.events.life_cycle import event_time
from tocsin.detectors.events.words import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.model import LogAlert

__all__ = ["complete_alert", "digest_of", "log_id_of"]


def complete_alert(input_: Mapping[str, Any], output: dict[str, Any], detector_id: str) -> LogAlert:
    """Fill in what `detect` left out of an alert."""
    reasons: dict[str, str] = output.setdefault("alertsObtain", {})
    output.setdefault("score", float(max(len(reasons), 1)))
    event_id = output.setdefault("EventID", input_["EventID"])
    if "description" not in output:
        output["description"] = ". ".join(reasons.values()) or f"event {quoted(event_id)} is an anomaly"
    if "detectionTimestamp" not in output:
        output["detectionTimestamp"] = _time_of(input_)
    output.setdefault("logIDs", [log_id_of(input_)])
    output.setdefault("detectorID", detector_id)
    if "alertID" not in output:
        output["alertID"] = digest_of(output["detectorID"], *output["logIDs"])
    return output  # type: ignore[return-value]  # all keys of LogAlert are there now


def digest_of(*parts: Any) -> str:
    """Give 32 hex digits made from texts and numbers."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def log_id_of(input_: Mapping[str, Any]) -> str:
    """Give the log's id; one made from its content when the source gave none."""
    log_id = input_.get("logID")
    if log_id is not None:
        return str(log_id)
    return digest_of(repr((input_["EventID"], input_.get("parsedTimestamp"), input_.get("log"))))


def _time_of(input_: Mapping[str, Any]) -> float:
    """Give the time of the event, or else that of its receipt."""
    time = event_time(input_)
    if time is None:
        received = input_.get("receivedTimestamp")
        usable = type(received) in {int, float} and math.isfinite(received)  # type: ignore[arg-type]
        return float(received) if usable else 0.0  # type: ignore[arg-type]
    return time
