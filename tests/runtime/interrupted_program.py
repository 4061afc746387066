"""Interrupts who waits for threads at each step of the interpreter, one call after the other.

Writes how many steps a call has, all of which were interrupted. It is a process of its own because what is
tested would wait for ever if it were broken.
"""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any

from tocsin.runtime.threads import map_in_threads

if TYPE_CHECKING:
    from types import FrameType


class Interrupter:
    """Sends a signal before a certain step of the thread that it traces.

    Args:
        step: Which one, from 1 on.
    """

    def __init__(self, step: int) -> None:
        self.left = step

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        """Count a step; see `sys.settrace`."""
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.left -= 1
            if self.left == 0:
                signal.raise_signal(signal.SIGINT)
        return self.trace


def interrupted(step: int) -> bool:
    """Interrupt a call at a step, and say whether it has one."""
    at_work: set[int] = set()

    def call(item: int) -> int:
        at_work.add(item)
        at_work.remove(item)
        return -item

    interrupter = Interrupter(step)
    sys.settrace(interrupter.trace)
    try:
        results = map_in_threads(call, [1, 2, 3], 2, stop=lambda: None)
        sys.settrace(None)
    except KeyboardInterrupt:
        sys.settrace(None)
        assert interrupter.left <= 0
        assert not at_work
        return True
    assert results == [-1, -2, -3]
    assert interrupter.left > 0
    return False


def main() -> None:
    """Interrupt one call after the other, each a step later, until one has ended before."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    step = 1
    while interrupted(step):
        step += 1
    sys.stdout.write(f"{step - 1}\n")


if __name__ == "__main__":
    main()
