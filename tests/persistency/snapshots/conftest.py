"""Places in which snapshots are kept."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from tocsin.database.migrations import migrate
from tocsin.database.sqlite import SQLiteManager
from tocsin.persistency.snapshots import FsspecStore, RowStore
from tocsin.testing.databases import FixedClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tocsin.persistency.snapshots import SnapshotStore


@pytest.fixture(params=["local", "memory", "s3", "rows"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], SnapshotStore]]:
    """Give what opens one and the same place, each time as another process would."""
    match request.param:
        case "local":
            yield lambda: FsspecStore(tmp_path / "state")
        case "memory":
            uri = f"memory://states-{secrets.token_hex(8)}"
            yield lambda: FsspecStore(uri)
        case "s3":
            uri = f"s3://states/{secrets.token_hex(8)}"
            options = request.getfixturevalue("s3")
            yield lambda: FsspecStore(uri, options)
        case _:
            with SQLiteManager(tmp_path / "tocsin.db", clock=FixedClock()) as manager:
                migrate(manager)
                with manager.transaction() as tx:
                    yield lambda: RowStore(tx, "audit")
