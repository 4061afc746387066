"""How long a call can take while another thread does something else, at a steady rate of calls."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["measure_stalls", "quantile"]


def measure_stalls(
    call: Callable[[int], None], meanwhile: Callable[[], object], calls: int, rate: int
) -> dict[str, Any]:
    """Call at a steady rate while another thread repeats something without a pause.

    A call that was due while the one before it was stuck has waited since it was due: its time begins then.
    (Otherwise one long stall would be one slow call among thousands, and no quantile would show it.)

    Args:
        call: What is timed; gets 0, 1, 2, …
        meanwhile: What the other thread repeats.
        calls: How many calls.
        rate: How many are due each second.

    Returns:
        `p999_ms`, `worst_ms`; `call_p999_ms`: of the calls alone, without the wait of those that were due
        while another was stuck; and `repeats`: how often the other thread's work was finished meanwhile.
    """
    ended = threading.Event()
    failures: list[BaseException] = []
    repeats = 0

    def repeat() -> None:
        nonlocal repeats
        while not ended.is_set():
            try:
                meanwhile()
            except Exception as error:  # noqa: BLE001 - told by the thread that measures
                failures.append(error)
                return
            repeats += 1

    other = threading.Thread(target=repeat)
    other.start()
    try:
        waits, alone = _call_at_a_rate(call, calls, rate)
    finally:
        ended.set()
        other.join()
    if failures:
        raise failures[0]
    return {
        "p999_ms": quantile(waits, 0.999) * 1e3,
        "worst_ms": max(waits) * 1e3,
        "call_p999_ms": quantile(alone, 0.999) * 1e3,
        "repeats": repeats,
    }


def _call_at_a_rate(call: Callable[[int], None], calls: int, rate: int) -> tuple[list[float], list[float]]:
    waits: list[float] = []
    alone: list[float] = []
    begin = time.perf_counter()
    for position in range(calls):
        due = begin + position / rate
        ahead = due - time.perf_counter()
        if ahead > 0:
            time.sleep(ahead)
            due = time.perf_counter()  # waking up late is not the call's doing
        begun = time.perf_counter()
        call(position)
        ended = time.perf_counter()
        waits.append(ended - due)
        alone.append(ended - begun)
    return waits, alone


def quantile(values: Sequence[float], share: float) -> float:
    """Give the smallest value that at least this share of the values does not exceed.

    >>> quantile([3.0, 1.0, 2.0, 4.0], 0.5)
    2.0
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
