"""What may be set about an SQLite store; nothing else is accepted."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SQLiteSettings"]

_SYNCHRONOUS = ("OFF", "NORMAL", "FULL", "EXTRA")


@dataclass(frozen=True, slots=True)
class SQLiteSettings:
    """The settings of a store, as in the `settings:` of a profile.

    Attributes:
        synchronous: `NORMAL`: a crash of the machine may undo the last transactions, never damages the
            store; `FULL`: a committed transaction survives that too.
        busy_timeout_seconds: How long to wait while another program writes.
        cache_mib: Memory for pages, a connection.
        max_size_mib: A quota for the file, `None` for the disk's size.

    Raises:
        ValueError: A value is out of range.
    """

    synchronous: str = "NORMAL"
    busy_timeout_seconds: float = 10.0
    cache_mib: float = 16.0
    max_size_mib: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "synchronous", str(self.synchronous).upper())
        if self.synchronous not in _SYNCHRONOUS:
            raise ValueError(f"synchronous is one of {', '.join(_SYNCHRONOUS)}, not {self.synchronous}")
        for name, least in (("busy_timeout_seconds", 0), ("cache_mib", 0.1), ("max_size_mib", 0.1)):
            value = getattr(self, name)
            if value is None and name == "max_size_mib":
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= 2**20:
                raise ValueError(f"{name} is a number from {least} to {2**20}, not {value!r}")

    @classmethod
    def parse(cls, settings: Mapping[str, Any] | None) -> SQLiteSettings:
        """Read settings.

        Raises:
            ValueError: A name is unknown, or a value is out of range.
        """
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(settings or {}) - set(known))
        if unknown:
            raise ValueError(f"SQLite has no setting {', '.join(unknown)}: there are {', '.join(known)}")
        return cls(**(settings or {}))
