"""What may be set about the SQLite file of an event storage."""

from __future__ import annotations

from dataclasses import dataclass

from tocsin.errors import DataError

__all__ = ["SQLiteSettings"]

_SYNCHRONOUS = ("OFF", "NORMAL", "FULL", "EXTRA")


@dataclass(frozen=True, slots=True)
class SQLiteSettings:
    """The settings of a file.

    Attributes:
        busy_timeout_seconds: How long to wait while somebody else writes.
        synchronous: `FULL`: what was acknowledged survives a crash of the machine; `NORMAL`: only one of the
            program.
        cache_mib: Memory for pages, a connection.
        wal_pages: After how many pages the write-ahead log is brought into the file. A page that several
            batches change is written once then, so that a longer log makes imports faster.
        max_size_mib: A quota for the file, `None` for the disk's size.

    Raises:
        DataError: A value is out of range.
    """

    busy_timeout_seconds: float = 30.0
    synchronous: str = "FULL"
    cache_mib: float = 64.0
    wal_pages: int = 10_000
    max_size_mib: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "synchronous", str(self.synchronous).upper())
        if self.synchronous not in _SYNCHRONOUS:
            raise DataError(
                f"synchronous is not {self.synchronous}", hint=f"one of {', '.join(_SYNCHRONOUS)}"
            )
        for name, least in (
            ("busy_timeout_seconds", 0),
            ("cache_mib", 0.1),
            ("wal_pages", 1),
            ("max_size_mib", 0.1),
        ):
            value = getattr(self, name)
            if value is None and name == "max_size_mib":
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= 2**20:
                raise DataError(f"{name} is not {value!r}", hint=f"a number from {least} to {2**20}")
