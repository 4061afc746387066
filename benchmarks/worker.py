"""Talks to a worker process: a request a line, a reply a line."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Worker", "WorkerError"]

_ROOT = Path(__file__).parent.parent
# One core for each side: the figures are a core's.
_ONE_CORE = dict.fromkeys(
    (
        "ARROW_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "POLARS_MAX_THREADS",
    ),
    "1",
)


class WorkerError(Exception):
    """A worker died or could not do what it was asked."""


class Worker:
    """A process that answers requests; also a context manager that ends it."""

    def __init__(self, python: str | Path, module: str = "benchmarks.detector_worker") -> None:
        """Start it.

        Args:
            python: The interpreter, ours or the peer's.
            module: A program of this package.
        """
        self._process = subprocess.Popen(
            [str(python), "-m", module],
            cwd=_ROOT,  # the package is found there, in an environment that does not have it, too
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | _ONE_CORE,
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and wait for its reply.

        Raises:
            WorkerError: It failed, or the process ended without a reply.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise WorkerError("the worker has no pipes")
        try:
            stdin.write(json.dumps(request) + "\n")
            stdin.flush()
        except BrokenPipeError as error:
            raise WorkerError(f"the worker ended before it was asked {request}") from error
        line = stdout.readline()
        if not line:
            raise WorkerError(f"the worker ended without an answer to {request}")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise WorkerError(f"{reply['error']}, when asked {request}")
        return reply

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
