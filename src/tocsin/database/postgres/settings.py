"""What may be set about a PostgreSQL database; nothing else is accepted."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PostgresSettings"]

_LONGEST = 86_400


@dataclass(frozen=True, slots=True)
class PostgresSettings:
    """The settings of a connection, as in the `settings:` of a profile.

    Attributes:
        lock_timeout_seconds: How long to wait for what another transaction has locked.
        connect_timeout_seconds: How long to wait for the server when connecting.
        statement_timeout_seconds: After how long a statement is ended, `None` for the server's setting.
        synchronous_commit: Whether a commit waits for the disk, `None` for the server's setting; without, a
            crash of the server may undo the last transactions, and never damages the database.

    Raises:
        ValueError: A value is out of range.
    """

    lock_timeout_seconds: float = 10.0
    connect_timeout_seconds: float = 10.0
    statement_timeout_seconds: float | None = None
    synchronous_commit: bool | None = None

    def __post_init__(self) -> None:
        for name, least in (
            ("lock_timeout_seconds", 0.001),
            ("connect_timeout_seconds", 1),
            ("statement_timeout_seconds", 0.001),
        ):
            value = getattr(self, name)
            if value is None and name == "statement_timeout_seconds":
                continue
            if (
                isinstance(value, bool)
                or not isinstance(value, int | float)
                or not least <= value <= _LONGEST
            ):
                raise ValueError(f"{name} is a number from {least} to {_LONGEST}, not {value!r}")
        if self.synchronous_commit not in (True, False, None):
            raise ValueError(f"synchronous_commit is true or false, not {self.synchronous_commit!r}")

    @classmethod
    def parse(cls, settings: Mapping[str, Any] | None) -> PostgresSettings:
        """Read settings.

        Raises:
            ValueError: A name is unknown, or a value is out of range.
        """
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(settings or {}) - set(known))
        if unknown:
            raise ValueError(f"PostgreSQL has no setting {', '.join(unknown)}: there are {', '.join(known)}")
        return cls(**(settings or {}))

    def session_values(self) -> dict[str, str]:
        """Give the server's settings of a session, by name."""
        values = {"lock_timeout": f"{round(self.lock_timeout_seconds * 1000)}ms"}
        if self.statement_timeout_seconds is not None:
            values["statement_timeout"] = f"{round(self.statement_timeout_seconds * 1000)}ms"
        if self.synchronous_commit is not None:
            values["synchronous_commit"] = "on" if self.synchronous_commit else "off"
        return values
