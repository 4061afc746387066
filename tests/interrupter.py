"""Interrupts the main thread where a signal may: at any step of the interpreter."""

from __future__ import annotations

import opcode
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_PATIENCE_SECONDS = 60
# The interpreter looks for signals after these.
_LOOKS = {
    number
    for name, number in opcode.opmap.items()
    if name.startswith("CALL") or name in {"RESUME", "JUMP_BACKWARD"}
}


class Interrupter:
    """Counts the steps after which the interpreter looks for signals, and sends one at one of them.

    Args:
        step: At which one, from 1 on.
    """

    def __init__(self, step: int) -> None:
        self.left = step
        self._before: dict[FrameType, int] = {}

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Count the steps of a block, and raise `KeyboardInterrupt` at the chosen one."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.settrace(self._trace)
        try:
            yield
        finally:
            sys.settrace(None)
            self._before.clear()
            signal.signal(signal.SIGINT, before)

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        frame.f_trace_opcodes = True
        if event == "opcode":
            before, self._before[frame] = self._before.get(frame), frame.f_code.co_code[frame.f_lasti]
            if before in _LOOKS:
                self.left -= 1
                if self.left == 0:
                    signal.raise_signal(signal.SIGINT)
        elif event == "return":
            self._before.pop(frame, None)
        return self._trace


@contextmanager
def patience() -> Iterator[None]:
    """End a block that hangs."""

    def end(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(number, frame)

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def interrupted(step: int, call: Callable[[], Any]) -> bool:
    """Interrupt a call at a step, and say whether it has been."""
    interrupter = Interrupter(step)
    try:
        with patience(), interrupter.at_work():
            call()
    except KeyboardInterrupt:
        return True
    assert interrupter.left > 0
    return False
