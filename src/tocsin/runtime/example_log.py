"""The seeded example's log: four weeks of logins on the shop's server, and one night that is different."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["BREAK_IN", "log_lines"]

_START = np.datetime64("2026-03-02T00:00:00", "s")
_DAYS = 28
_PEOPLE = {"ada": "192.0.2.10", "grace": "192.0.2.11", "linus": "192.0.2.12"}
_COMMANDS = ("/usr/bin/systemctl restart shop", "/usr/bin/journalctl -u shop", "/usr/bin/apt update")
_STOLEN_AT = np.datetime64("2026-03-24T02:13:05", "s")

BREAK_IN = ("2026-03-24T02:13", "2026-03-24T02:20")
"""From when to when somebody is on the server with a stolen password (UTC, half-open)."""


@dataclass(frozen=True, order=True)
class _Line:
    time: np.datetime64
    order: int
    text: str


def log_lines(seed: int) -> list[str]:
    """Make the lines, in order of time; the same seed gives the same lines."""
    noise = np.random.Generator(np.random.PCG64([seed, *b"auth"]))
    texts = [*_jobs(), *_visits(noise), *_knocking(noise), *_break_in()]
    lines = sorted(_Line(time, order, text) for order, (time, text) in enumerate(texts))
    return [f"{line.time}+00:00 web-1 {line.text}" for line in lines]


def _jobs() -> Iterator[tuple[np.datetime64, str]]:
    """Every hour a job runs as root."""
    for hour in range(_DAYS * 24):
        at, pid = _START + np.timedelta64(hour * 3600 + 60, "s"), 2000 + hour
        opened = "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)"
        yield at, f"CRON[{pid}]: {opened}"
        yield at, f"CRON[{pid + 1}]: (root) CMD (/usr/local/bin/rotate-sessions)"
        yield _after(at, 1), f"CRON[{pid}]: pam_unix(cron:session): session closed for user root"


def _visits(noise: np.random.Generator) -> Iterator[tuple[np.datetime64, str]]:
    """People log in with their keys, from their desks, and sometimes restart something."""
    for day in range(_DAYS):
        weekend = (day % 7) >= 5  # noqa: PLR2004 - the first day is a Monday
        for person, address in _PEOPLE.items():
            for _ in range(int(noise.poisson(0.3 if weekend else 3.0))):
                at = _START + np.timedelta64(day * 86_400 + int(noise.integers(7 * 3600, 18 * 3600)), "s")
                yield from _visit(noise, at, person, address)


def _visit(
    noise: np.random.Generator, at: np.datetime64, person: str, address: str
) -> Iterator[tuple[np.datetime64, str]]:
    pid, port = int(noise.integers(10_000, 60_000)), int(noise.integers(30_000, 60_000))
    length = int(noise.integers(120, 5400))
    yield at, f"sshd[{pid}]: Accepted publickey for {person} from {address} port {port} ssh2"
    yield at, f"sshd[{pid}]: pam_unix(sshd:session): session opened for user {person} by (uid=0)"
    if noise.random() < 0.5:  # noqa: PLR2004
        command = _COMMANDS[int(noise.integers(len(_COMMANDS)))]
        yield _after(at, 60), f"sudo: {person} : TTY=pts/0 ; PWD=/srv/shop ; USER=root ; COMMAND={command}"
    yield (
        _after(at, length),
        f"sshd[{pid}]: Received disconnect from {address} port {port}:11: disconnected by user",
    )
    yield _after(at, length), f"sshd[{pid}]: pam_unix(sshd:session): session closed for user {person}"


def _knocking(noise: np.random.Generator) -> Iterator[tuple[np.datetime64, str]]:
    """The internet tries names and passwords; that is no news."""
    for day in range(_DAYS):
        for second in noise.integers(0, 86_400, int(noise.poisson(60))):
            at = _START + np.timedelta64(day * 86_400 + int(second), "s")
            pid, port = int(noise.integers(10_000, 60_000)), int(noise.integers(1024, 65_000))
            yield (
                at,
                (
                    f"sshd[{pid}]: Failed password for invalid user {_name(noise)} from {_address(noise)}"
                    f" port {port} ssh2"
                ),
            )


def _break_in() -> Iterator[tuple[np.datetime64, str]]:
    """Somebody comes in with the password of an account that nobody uses."""
    at, sshd, address = _STOLEN_AT, "sshd[31337]", "203.0.113.77"
    sudo = "sudo: backup : TTY=pts/1 ; PWD=/tmp ; USER=root ; COMMAND="
    yield at, f"{sshd}: Accepted password for backup from {address} port 40112 ssh2"
    yield at, f"{sshd}: pam_unix(sshd:session): session opened for user backup by (uid=0)"
    yield _after(at, 31), f"{sudo}/usr/bin/cat /etc/shadow"
    yield _after(at, 88), f"{sudo}/usr/sbin/useradd -o -u 0 support"
    yield (
        _after(at, 88),
        "useradd[31402]: new user: name=support, UID=0, GID=1004, home=/home/support, shell=/bin/sh",
    )
    yield _after(at, 140), f"{sshd}: Received disconnect from {address} port 40112:11: disconnected by user"
    yield _after(at, 140), f"{sshd}: pam_unix(sshd:session): session closed for user backup"


def _after(at: np.datetime64, seconds: int) -> np.datetime64:
    return at + np.timedelta64(seconds, "s")


def _name(noise: np.random.Generator) -> str:
    letters: NDArray[np.int64] = noise.integers(97, 123, int(noise.integers(3, 9)))
    return "".join(map(chr, letters.tolist()))


def _address(noise: np.random.Generator) -> str:
    return f"198.51.100.{int(noise.integers(1, 255))}"
