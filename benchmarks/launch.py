"""Runs one command and reports its time and memory; a small program in an interpreter of its own.

On Linux a child starts with the peak memory of the process that started it, so the one that starts it
must be small: this one imports next to nothing.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> None:
    """Run `argv[2:]`, write seconds, peak memory (bytes) and exit code as JSON to the file `argv[1]`."""
    report, *command = sys.argv[1:]
    begin = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - begin
    unit = 1 if sys.platform == "darwin" else 1024
    answer = {
        "seconds": seconds,
        "peak_bytes": usage.ru_maxrss * unit,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "exit_code": os.waitstatus_to_exitcode(status),
    }
    with open(report, "w", encoding="utf-8") as file:  # noqa: PTH123 - pathlib would make this process larger
        json.dump(answer, file)


if __name__ == "__main__":
    main()
