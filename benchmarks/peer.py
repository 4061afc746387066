"""The peer, in a virtual environment of its own that is made when it is first needed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Peer", "PeerUnavailableError", "find_peer"]

_REQUIREMENTS = Path(__file__).parent.parent / "requirements" / "bench-peer.txt"
_INSTALL_TIMEOUT_SECONDS = 900


class PeerUnavailableError(Exception):
    """The peer cannot be installed here; the sentence says why and what to do."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The installed peer.

    Attributes:
        name: Package and version.
        python: Its interpreter.
        command: Its command line program.
    """

    name: str
    python: Path
    command: Path


def find_peer(requirements: Path = _REQUIREMENTS, home: Path | None = None) -> Peer:
    """Give the peer, installed from PyPI (through pip as it is configured here) on first use.

    Args:
        requirements: The pinned packages; the first one is the peer itself.
        home: The folder that holds the environments: `$TOCSIN_BENCH_HOME`, else the user's cache folder.

    Raises:
        PeerUnavailableError: It is not there and cannot be installed.
    """
    pins = _read_pins(requirements)
    name = pins[0].replace("==", "-")
    folder = (home or _default_home()) / name
    wanted = "\n".join([*pins, f"python {sys.version_info.major}.{sys.version_info.minor}"])
    marker = folder / "installed.txt"
    if not marker.is_file() or marker.read_text(encoding="utf-8") != wanted:
        print(f"installing {', '.join(pins)} into {folder} ...", file=sys.stderr)
        _install(folder, requirements)
        marker.write_text(wanted, encoding="utf-8")
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    return Peer(name, programs / "python", programs / "dtk")


def _read_pins(requirements: Path) -> list[str]:
    lines = (line.split("#")[0].strip() for line in requirements.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def _default_home() -> Path:
    if chosen := os.environ.get("TOCSIN_BENCH_HOME"):
        return Path(chosen)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "tocsin" / "bench"


def _install(folder: Path, requirements: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in ([sys.executable, "-m", "venv", str(folder)], [*pip, "-r", str(requirements)]):
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=_INSTALL_TIMEOUT_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PeerUnavailableError(_explain(folder, str(error))) from error
        if done.returncode != 0:
            last_line = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise PeerUnavailableError(_explain(folder, "".join(last_line)))


def _explain(folder: Path, cause: str) -> str:
    return (
        f"the peer cannot be installed into {folder} ({cause}): its columns stay empty; "
        "check the network or set TOCSIN_BENCH_HOME to a folder that can be written"
    )
