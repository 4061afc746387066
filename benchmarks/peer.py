"""The peers, each in a virtual environment of its own that is made when it is first needed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Peer", "PeerUnavailableError", "find_event_peer", "find_log_peer", "find_peer", "find_python"]

_FOLDER = Path(__file__).parent.parent / "requirements"
_REQUIREMENTS = _FOLDER / "bench-peer.txt"
_LOG_REQUIREMENTS = _FOLDER / "bench-peer-logs.txt"
_EVENT_REQUIREMENTS = _FOLDER / "bench-peer-events.txt"
_LOG_PEER_PYTHON = (3, 12)  # the peer for logs runs on no older one, and some of its needs on no newer one
_INSTALL_TIMEOUT_SECONDS = 1_800


class PeerUnavailableError(Exception):
    """The peer cannot be installed here; the sentence says why and what to do."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The installed peer.

    Attributes:
        name: Package and version.
        python: Its interpreter.
        command: Its command line program, where it has one.
    """

    name: str
    python: Path
    command: Path


def find_log_peer() -> Peer:
    """Give the peer for logs, which has an interpreter of its own.

    Raises:
        PeerUnavailableError: It is not there and cannot be installed.
    """
    return find_peer(_LOG_REQUIREMENTS, version=_LOG_PEER_PYTHON)


def find_event_peer() -> Peer:
    """Give the peer for the storage of events: that part of it alone.

    Raises:
        PeerUnavailableError: It is not there and cannot be installed.
    """
    return find_peer(_EVENT_REQUIREMENTS, dependencies=False)


def find_peer(
    requirements: Path = _REQUIREMENTS,
    home: Path | None = None,
    version: tuple[int, int] | None = None,
    *,
    dependencies: bool = True,
) -> Peer:
    """Give the peer, installed from PyPI (through pip as it is configured here) on first use.

    Args:
        requirements: The pinned packages; the first one is the peer itself.
        home: The folder that holds the environments: `$TOCSIN_BENCH_HOME`, else the user's cache folder.
        version: That of its interpreter; `None` for the one that runs.
        dependencies: Whether what the pinned packages ask for is installed as well.

    Raises:
        PeerUnavailableError: It is not there and cannot be installed.
    """
    version = version or (sys.version_info.major, sys.version_info.minor)
    pins = _read_pins(requirements)
    name = pins[0].replace("==", "-")
    folder = (home or _default_home()) / name
    wanted = "\n".join([*pins, f"python {version[0]}.{version[1]}"])
    marker = folder / "installed.txt"
    if not marker.is_file() or marker.read_text(encoding="utf-8") != wanted:
        print(f"installing {', '.join(pins)} into {folder} ...", file=sys.stderr)
        _install(folder, requirements, find_python(version), [] if dependencies else ["--no-deps"])
        marker.write_text(wanted, encoding="utf-8")
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    return Peer(name, programs / "python", programs / "dtk")


def find_python(version: tuple[int, int]) -> str:
    """Give an interpreter of a version: the one that runs, one of PATH, one that uv or pyenv knows.

    Raises:
        PeerUnavailableError: There is none.
    """
    if version == (sys.version_info.major, sys.version_info.minor):
        return sys.executable
    name = f"{version[0]}.{version[1]}"
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [
        shutil.which(f"python{name}"),
        _ask(["uv", "python", "find", name]),
        *(str(folder / "bin" / "python") for folder in sorted(versions.glob(f"{name}.*"), reverse=True)),
    ]
    for candidate in filter(None, candidates):
        # One on PATH may be a shim that only says that it is not there.
        if _ask([candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]) == name:
            return candidate
    raise PeerUnavailableError(
        f"the peer needs Python {name}, and there is none here: its figures are quoted or stay empty"
    )


def _ask(command: list[str]) -> str | None:
    """Give what a command says, `None` when it fails."""
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=_INSTALL_TIMEOUT_SECONDS
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _read_pins(requirements: Path) -> list[str]:
    lines = (line.split("#")[0].strip() for line in requirements.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def _default_home() -> Path:
    if chosen := os.environ.get("TOCSIN_BENCH_HOME"):
        return Path(chosen)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "tocsin" / "bench"


def _install(folder: Path, requirements: Path, interpreter: str, options: list[str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *options]
    for command in ([interpreter, "-m", "venv", str(folder)], [*pip, "-r", str(requirements)]):
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
