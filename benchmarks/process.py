"""Measures whole processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CommandFailedError", "ProcessRun", "run_process", "tocsin_command"]

_LAUNCHER = Path(__file__).parent / "launch.py"


class CommandFailedError(Exception):
    """A measured command failed, so there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class ProcessRun:
    """One run of a command.

    Attributes:
        seconds: Wall time from start to end.
        cpu_seconds: Processor time, of it and of the children that it waited for.
        peak_mb: Peak resident memory in MB (10^6 bytes).
        stdout: What it wrote.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    stdout: str


def tocsin_command(*arguments: str) -> list[str]:
    """Give the command that runs Tocsin with the interpreter of the benchmark."""
    return [sys.executable, "-m", "tocsin", *arguments]


def run_process(command: Sequence[str], folder: Path) -> ProcessRun:
    """Run a command in a folder and measure it.

    Raises:
        CommandFailedError: Its exit code is not 0.
    """
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(_LAUNCHER), str(report), *command],
            cwd=folder,
            env=os.environ | {"NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if not report.is_file():
            raise CommandFailedError(
                f"{' '.join(command)} could not be started: {done.stderr.strip()[-2000:]}"
            )
        answer = json.loads(report.read_text(encoding="utf-8"))
    if answer["exit_code"] != 0:
        output = (done.stderr + done.stdout).strip()[-2000:]
        raise CommandFailedError(f"{' '.join(command)} ended with exit code {answer['exit_code']}: {output}")
    return ProcessRun(answer["seconds"], answer["cpu_seconds"], answer["peak_bytes"] / 1e6, done.stdout)
