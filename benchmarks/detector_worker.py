"""Times one side's MAD detector; a program that reads requests and writes replies, one JSON object a line.

It runs in two interpreters: ours, and the peer's, which has numpy but neither Tocsin nor this package.
So it imports nothing of either at the top, and both sides run the same lines around what is timed.

Request: `{"side": "ours" | "peer", "call": "detect" | "detect_arrays", "points": n, "params": {...},
"seasonality_columns": [...], "folder": where the arrays are}`. Reply: `{"seconds": s, "points": judged,
"anomalies": [positions]}` or `{"error": why not}`. The seconds are processor time of the whole process:
each side computes in one thread, so on an idle machine they are those of the clock, and on a busy one
they still are.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

_MODULES = {"ours": "tocsin.detectors", "peer": "detectkit.detectors.statistical.mad"}


def main() -> None:
    """Answer requests until the input ends."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not come between the replies
    arrays: dict[str, Any] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if not arrays:
            arrays = _load(Path(request["folder"]))
        try:
            reply = _answer(request, arrays)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other side tells it
            reply = {"error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def _load(folder: Path) -> dict[str, Any]:
    return {
        "timestamp": np.load(folder / "timestamp.npy"),
        "value": np.load(folder / "value.npy"),
        "seasonality_data": np.load(folder / "seasonality.npy").astype(object),
    }


def _answer(request: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    points = request["points"]
    data = {name: array[:points] for name, array in arrays.items()}
    data["seasonality_columns"] = request["seasonality_columns"]
    detector_class = importlib.import_module(_MODULES[request["side"]]).MADDetector
    call = getattr(detector_class(**request["params"]), request["call"])
    begin = time.process_time()
    verdicts = call(data)
    seconds = time.process_time() - begin
    flags = (
        verdicts.is_anomaly
        if request["call"] == "detect_arrays"
        else np.array([verdict.is_anomaly for verdict in verdicts], dtype=bool)
    )
    return {"seconds": seconds, "points": len(flags), "anomalies": np.flatnonzero(flags).tolist()}


if __name__ == "__main__":
    main()
