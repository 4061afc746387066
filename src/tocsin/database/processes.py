"""Which process is this, and is another one dead? Asked of the kernel, not of a clock."""

from __future__ import annotations

import os
import secrets
import socket
from functools import cache
from pathlib import Path

__all__ = ["is_dead", "this_process"]

_PROC = Path("/proc")
_ZOMBIES = ("Z", "X", "x")


def this_process() -> str:
    """Name this process: unique among all processes of all hosts, also after the pid is used again.

    The form is `host/boot/namespace/pid/start`: the host's name and machine id, the boot id, the
    namespace of the pid (containers have their own), the pid, and the start in clock ticks since boot.
    """
    return _identity(os.getpid())  # the cache is by pid: a forked child is another process


@cache
def _identity(pid: int) -> str:
    stat = _stat(pid)
    start = stat[1] if stat is not None else f"r{secrets.token_hex(8)}"
    return "/".join((*_place(), str(pid), start))


def is_dead(owner: str) -> bool:
    """Say whether the process of a name given by `this_process` is known to be dead.

    It is when it ran on this host before the last boot, when its pid is gone, a zombie, or used by a
    process that started at another time. Of a process on another host, or in a container of its own,
    nothing is known: false.
    """
    parts = owner.split("/")
    if len(parts) != 5 or not parts[3].isdecimal():  # noqa: PLR2004
        return False
    host, boot, namespace, pid, start = parts
    this_host, this_boot, this_namespace = _place()
    if host != this_host or not boot or not this_boot:
        return False
    if boot != this_boot:
        return True
    return namespace == this_namespace and not _lives(int(pid), start)


def _lives(pid: int, start: str) -> bool:
    stat = _stat(pid)
    if stat is not None:
        state, started = stat
        return state not in _ZOMBIES and (started == start or not start.isdigit())
    if os.name != "posix":
        return True  # there is no harmless way to ask
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _stat(pid: int) -> tuple[str, str] | None:
    """Give state and start of a process from `/proc/PID/stat`, `None` when it has none."""
    text = _read(_PROC / str(pid) / "stat")
    # The second field is the command in parentheses and may itself hold spaces and parentheses.
    fields = text.rpartition(")")[2].split()
    return (fields[0], fields[19]) if len(fields) > 19 else None  # noqa: PLR2004


@cache
def _place() -> tuple[str, str, str]:
    machine = _read(Path("/etc/machine-id"))[:8]
    boot = _read(_PROC / "sys/kernel/random/boot_id")
    try:
        namespace = str((_PROC / "self/ns/pid").stat().st_ino)
    except OSError:
        namespace = ""
    host = socket.gethostname().replace("/", "_")
    return f"{host}@{machine}" if machine else host, boot, namespace


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
