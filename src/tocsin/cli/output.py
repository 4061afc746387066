"""Standard output and standard error, with one kind of error when nothing can be written to them."""

from __future__ import annotations

import errno
import io
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import ReadableBuffer

__all__ = ["OutputError", "checked_output"]


class OutputError(OSError):
    """What was to be said cannot be written.

    It has no `errno`: of a broken pipe click and rich would make an exit code of their own.

    Args:
        error: What the operating system said.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(f"cannot write the output: {error.strerror or error}")
        self.reader_left = error.errno == errno.EPIPE
        """Whether who reads (`head`, `less`) has had enough."""


@contextmanager
def checked_output() -> Iterator[None]:
    """Have writing to `sys.stdout` raise `OutputError`, and end the program for it.

    With exit code 0 when who reads has left, otherwise with a sentence and 1. The error is raised once; what
    is written afterwards goes nowhere. So does what cannot be written to `sys.stderr`: the work goes on.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _checked(sys.stdout), _checked(sys.stderr, is_quiet=True)
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
    except OutputError as error:
        if error.reader_left:
            sys.exit(0)
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)
    finally:
        sys.stdout, sys.stderr = before


def _checked(stream: TextIO, *, is_quiet: bool = False) -> TextIO:
    """Give a stream to the same place; what a terminal cannot show is written as an escape."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    try:
        place = stream.fileno()
    except OSError:  # it is kept in memory
        stream.reconfigure(errors="backslashreplace")
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Place(place, is_quiet=is_quiet)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _Place(io.FileIO):
    def __init__(self, descriptor: int, *, is_quiet: bool) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._is_quiet, self._has_failed = is_quiet, False

    def write(self, content: ReadableBuffer, /) -> int:
        if not self._has_failed:
            try:
                return super().write(content)
            except OSError as error:
                self._has_failed = True
                if not self._is_quiet:
                    raise OutputError(error) from error
        return memoryview(content).nbytes
