"""The schema of a store, version by version.

A migration is never changed once it is released. When a table model changes, `_create_tables` gets a
copy of the model as it was, and a new migration at the end of the list makes the difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.database.tables import INTERNAL_TABLES, TABLE_MIGRATIONS
from tocsin.errors import StoreVersionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.database.manager import BaseDatabaseManager

__all__ = ["MIGRATIONS", "Migration", "migrate", "schema_version"]


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema.

    Attributes:
        version: 1, 2, 3, …
        name: What it does, in a few words.
        apply: Does it, within the open transaction of the manager.
    """

    version: int
    name: str
    apply: Callable[[BaseDatabaseManager], None]


def _create_tables(manager: BaseDatabaseManager) -> None:
    for name, model in INTERNAL_TABLES.items():
        manager.create_table(name, model())


MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "create the internal tables", _create_tables),
    # Memories from before alerting had tables of its own get those that they lack.
    Migration(2, "create the tables of alerting", _create_tables),
)


def schema_version(manager: BaseDatabaseManager) -> int:
    """Give the version of a store's schema, 0 for one without."""
    if not manager.table_exists(TABLE_MIGRATIONS):
        return 0
    table = manager.get_full_table_name(TABLE_MIGRATIONS)
    return int(
        manager.execute_query(f"SELECT coalesce(max(version), 0) AS version FROM {table}")[0]["version"]
    )


def migrate(manager: BaseDatabaseManager) -> int:
    """Bring a store up to date, and give its version.

    Each version is one transaction, and several processes may do this at once: the version is read
    again behind a lock. Does next to nothing when the store is up to date.

    Raises:
        StoreVersionError: A newer Tocsin wrote the store; it is not touched.
        DatabaseError: The store cannot be written.
    """
    while (migration := _next(manager)) is not None:
        with manager.transaction() as transaction:
            transaction.lock("migrations")
            if _next(manager) != migration:
                continue  # another process was faster
            migration.apply(manager)
            transaction.insert_batch(
                TABLE_MIGRATIONS,
                {
                    "version": [migration.version],
                    "name": [migration.name],
                    "applied_at": [manager.clock.now()],
                },
                "fail",
            )
    return MIGRATIONS[-1].version


def _next(manager: BaseDatabaseManager) -> Migration | None:
    version, latest = schema_version(manager), MIGRATIONS[-1].version
    if version > latest:
        raise StoreVersionError(
            f"{manager.internal_location} has version {version} of the schema, this Tocsin knows {latest}",
            hint="upgrade Tocsin, or use another store",
        )
    return next((migration for migration in MIGRATIONS if migration.version > version), None)
