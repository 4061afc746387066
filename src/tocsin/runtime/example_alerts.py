"""The seeded example's events: what an intrusion detection in front of the shop says in four weeks."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["SCAN", "alert_lines"]

_START = np.datetime64("2026-03-02T00:00:00", "s")
_DAYS = 28
_NAMESPACE = uuid.UUID("0d5b3c1e-6f0a-5d0e-9c53-6a1f5e2b7c90")
_WEB, _SSH = ("192.0.2.80", "www.shop.example"), ("192.0.2.22", "web-1.shop.example")
_SCANNER, _INTRUDER = "198.51.100.23", "203.0.113.77"
_SCAN_BEGINS, _SCAN_ENDS = (
    np.datetime64("2026-03-05T01:10:00", "s"),
    np.datetime64("2026-03-14T18:00:00", "s"),
)
_BREAK_IN = np.datetime64("2026-03-24T02:04:10", "s")

SCAN = ("2026-03-05T01:10", "2026-03-14T18:00")
"""From when to when one address goes on looking for open ports (UTC, half-open)."""


def alert_lines(seed: int) -> list[str]:
    """Make the messages, an IDEA message a line, in order of time; the same seed gives the same lines."""
    noise = np.random.Generator(np.random.PCG64([seed, *b"alerts"]))
    found = [*_passers_by(noise), *_scan(noise), *_break_in()]
    found.sort(key=lambda one: one[0])
    return [_line(number, *one) for number, one in enumerate(found)]


def _passers_by(noise: np.random.Generator) -> Iterator[tuple[np.datetime64, str, str, str, int]]:
    """The internet looks at every address; each of them comes by, and goes."""
    for day in range(_DAYS):
        for second in noise.integers(0, 86_400, int(noise.poisson(35))):
            address = f"198.51.100.{int(noise.integers(32, 255))}"
            yield _at(day * 86_400 + int(second)), "Recon.Scanning", "low", address, int(noise.choice(_PORTS))


def _scan(noise: np.random.Generator) -> Iterator[tuple[np.datetime64, str, str, str, int]]:
    """One address stays, for days."""
    at = _SCAN_BEGINS
    while at < _SCAN_ENDS:
        yield at, "Recon.Scanning", "medium", _SCANNER, int(noise.integers(1, 1024))
        at = at + np.timedelta64(int(noise.integers(600, 5400)), "s")


def _break_in() -> Iterator[tuple[np.datetime64, str, str, str, int]]:
    """Passwords are tried for minutes; one of them fits (see `example_log`)."""
    for second in range(0, 540, 18):
        yield _BREAK_IN + np.timedelta64(second, "s"), "Attempt.Login", "medium", _INTRUDER, 22
    yield _BREAK_IN + np.timedelta64(545, "s"), "Attempt.Login", "high", _INTRUDER, 22


_PORTS: NDArray[np.int64] = np.array([22, 23, 80, 443, 445, 3389, 5900, 8080])
_WORDS = {
    "Recon.Scanning": "Ports are being looked at",
    "Attempt.Login": "Many passwords for one account",
}


def _at(second: int) -> np.datetime64:
    return _START + np.timedelta64(second, "s")


def _line(number: int, at: np.datetime64, category: str, severity: str, address: str, port: int) -> str:
    target, host = _SSH if port == 22 else _WEB  # noqa: PLR2004 - SSH
    return json.dumps(
        {
            "Format": "IDEA0",
            "ID": str(uuid.uuid5(_NAMESPACE, f"{number} {at} {address} {port}")),
            "DetectTime": f"{at}Z",
            "Category": [category],
            "Description": _WORDS[category],
            "Source": [{"IP4": [address]}],
            "Target": [{"IP4": [target], "Hostname": [host], "Port": [port]}],
            "Node": [{"Name": "ids-1", "Type": ["Network"], "SW": ["example"]}],
            "_Tocsin": {"EventSeverity": severity},
        }
    )
