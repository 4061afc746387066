"""A program that stores batches until it is killed: `python writer_program.py URL BATCHES SIZE`.

It tells each batch on its standard output after the storage has acknowledged it.
"""

from __future__ import annotations

import sys

from tocsin.eventstorage import EventStorageService
from tocsin.testing.event_stores import message

__all__ = ["main"]


def main(url: str, batches: int, size: int) -> None:
    """Store the batches."""
    with EventStorageService(url=url) as service:
        for batch in range(batches):
            service.insert_events([message(f"{batch}/{number}") for number in range(size)])
            sys.stdout.write(f"{batch}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
