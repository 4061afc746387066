"""Writes the snapshot of this folder: `python tests/upgrade/make_snapshot.py` (for a new format version).

`snapshot-N.txt` is a small state in format N, as bytes of `save` with what is not text escaped, so that it
can be read in a review. Once released it is never written again. Its backend is not ours: what the
backends write has versions and fixtures of its own.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin.persistency import EventPersistency, save
from tocsin.persistency.snapshots.manifest_file import FORMAT_VERSION
from tocsin.persistency.structure import EventDataStructure
from tocsin.testing.databases import FixedClock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

FOLDER = Path(__file__).parent
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Rows(EventDataStructure):
    """A backend that keeps rows as text."""

    kind = "rows"

    def __init__(self) -> None:
        self.rows: list[str] = []

    def add_data(self, data: Mapping[str, Any], timestamp: datetime | float | None = None) -> None:
        """Keep a row."""
        self.rows.append(f"{timestamp}: " + ", ".join(f"{name}={value!r}" for name, value in data.items()))

    def get_data(self) -> list[str]:
        """Give the rows."""
        return self.rows

    def dump(self) -> bytes:
        """Give the rows as lines."""
        return "\n".join(self.rows).encode()

    @classmethod
    def load(cls, content: bytes, **_: Any) -> Self:
        """Read them."""
        made = cls()
        made.rows = content.decode().split("\n")
        return made


def state() -> EventPersistency:
    """Give a state with some of everything that the format knows."""
    memory = EventPersistency(Rows)
    memory.ingest_event("4624", "<*> logged on", ["alice"], {"host": "pc-1"}, timestamp=1772366400)
    memory.ingest_event("4624", "<*> logged on", ["bob"])
    memory.ingest_event(4624, "the number, not the text", ["é"])
    memory.ingest_event(2**70, "a long number", [1])
    memory.ingest_event("../../etc/x\n\ud800", "a hostile name", [b"\0"])
    memory.ingest_event("seen", "without variables")
    memory.metadata.update(phase="detect", counters={"judged": 3, "alerts": 0}, configuration={"rate": 0.25})
    return memory


def path_of(version: int) -> Path:
    """Give the file of a format version."""
    return FOLDER / f"snapshot-{version}.txt"


def to_text(content: bytes) -> str:
    """Escape what is not printable ASCII, and begin a line after each end of one."""
    return content.decode("latin-1").encode("unicode_escape").decode("ascii").replace("\\n", "\\n\n")


def from_text(text: str) -> bytes:
    """Undo `to_text`."""
    return text.replace("\n", "").encode("ascii").decode("unicode_escape").encode("latin-1")


def main() -> None:
    """Write the file."""
    path = path_of(FORMAT_VERSION)
    if path.exists():
        sys.stdout.write(f"{path.name} stays as it was released\n")
        return
    content = save(state(), clock=FixedClock(NOW))
    path.write_text(to_text(content), encoding="ascii")


if __name__ == "__main__":
    main()
