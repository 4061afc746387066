"""A look behind the service: a session of the database itself."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tocsin.eventstorage.connect import open_backend

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tocsin.eventstorage.session import Session

__all__ = ["count_rows", "session_of"]


@contextmanager
def session_of(conncfg: Mapping[str, Any]) -> Iterator[Session]:
    """Give a session of one's own on the database that a configuration names."""
    backend = open_backend(conncfg)
    try:
        session = backend.session()
        try:
            yield session
        finally:
            session.close()
    finally:
        backend.close()


def count_rows(conncfg: Mapping[str, Any], *tables: str) -> dict[str, int]:
    """Count the rows of tables."""
    with session_of(conncfg) as session:
        return {table: int(session.execute(f"SELECT count(*) FROM {table}")[0][0]) for table in tables}
