"""The private PostgreSQL server of a benchmark; both sides work on it."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers.postgres import PostgresNotFoundError, PostgresServer, find_binaries

from benchmarks.process import CommandFailedError
from benchmarks.sides import tell

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PEER_EXTENSIONS", "has_extensions", "machine_load", "running_server"]

PEER_EXTENSIONS = ("ip4r", "pg_trgm")
_INSTALL = "apt-get install postgresql postgresql-15-ip4r"
# As on a small real server. Writes are as safe as they are there: fsync stays on.
_SETTINGS = {
    "timezone": "UTC",
    "shared_buffers": "512MB",
    "effective_cache_size": "4GB",
    "max_wal_size": "4GB",
    "autovacuum_naptime": "60s",
}


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """Give a server that runs in the block; its data goes when the block ends.

    Raises:
        CommandFailedError: There is no PostgreSQL here.
    """
    try:
        binaries = _best_binaries()
        server = PostgresServer(binaries, fsync=True, settings=_SETTINGS)
    except PostgresNotFoundError as error:
        raise CommandFailedError(f"{error} (the benchmark: {_INSTALL})") from error
    try:
        server.start()
        yield server
    finally:
        server.close()


def has_extensions(server: PostgresServer) -> bool:
    """Tell whether the server has what the peer needs."""
    query = "SELECT count(*) FROM pg_available_extensions WHERE name = ANY(%s)"
    [(count,)] = server.execute(query, (list(PEER_EXTENSIONS),))
    if count < len(PEER_EXTENSIONS):
        tell(f"the peer needs {' and '.join(PEER_EXTENSIONS)}: {_INSTALL}; its columns stay empty")
    return bool(count == len(PEER_EXTENSIONS))


def machine_load() -> float:
    """Give how many processes wanted to run in the last minute."""
    return os.getloadavg()[0]


def _best_binaries() -> Path:
    """Prefer a server with the peer's extensions to a newer one without them."""
    named = [Path(os.environ["TOCSIN_POSTGRES_BIN"])] if "TOCSIN_POSTGRES_BIN" in os.environ else []
    for folder in [*named, *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]:
        try:
            told = subprocess.run(
                [folder / "pg_config", "--sharedir"], capture_output=True, text=True, check=True
            )
        except (OSError, subprocess.CalledProcessError):
            continue
        if (Path(told.stdout.strip()) / "extension" / "ip4r.control").is_file():
            return folder
    return find_binaries()
