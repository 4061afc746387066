"""Interrupts who waits for threads at each step of the interpreter, one call after the other.

Writes how many steps a call has, all of which were interrupted. It is a process of its own because what is
tested would wait for ever if it were broken.
"""

from __future__ import annotations

import sys

from tests.interrupter import Interrupter
from tocsin.threads import map_in_threads


def interrupted(step: int) -> bool:
    """Interrupt a call at a step, and say whether it has one."""
    at_work: set[int] = set()

    def call(item: int) -> int:
        at_work.add(item)
        at_work.remove(item)
        return -item

    interrupter = Interrupter(step)
    try:
        with interrupter.at_work():
            results = map_in_threads(call, [1, 2, 3], 2, stop=lambda: None)
    except KeyboardInterrupt:
        assert not at_work
        return True
    assert results == [-1, -2, -3]
    assert interrupter.left > 0
    return False


def main() -> None:
    """Interrupt one call after the other, each a step later, until one has ended before."""
    step = 1
    while interrupted(step):
        step += 1
    sys.stdout.write(f"{step - 1}\n")


if __name__ == "__main__":
    main()
