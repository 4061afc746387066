"""A program that deletes what was stored before an instant: `python retention_program.py URL BEFORE`.

It tells each step on its standard output.
"""

from __future__ import annotations

import sys
from datetime import datetime

from tocsin.eventstorage import EventStorageService

__all__ = ["main"]


def main(url: str, before: datetime) -> None:
    """Delete it."""
    with EventStorageService(url=url) as service:
        for removed in service.retain(before, batch=20):
            sys.stdout.write(f"{removed}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], datetime.fromisoformat(sys.argv[2]))
