"""What a log source hands out: some lines, and the position after them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tocsin.model import RawLines

__all__ = ["LogChunk"]


@dataclass(frozen=True, slots=True)
class LogChunk:
    """Consecutive lines of one file, and the position to commit with what was made of them.

    The position of a later chunk covers all chunks before it, so that several may be committed at once.
    The last chunk of a reading may have no lines: then only bookkeeping changed (a file was renamed, or
    is gone), and its position is worth keeping but nothing is lost without it.

    Attributes:
        lines: The lines; of one file.
        position: What is read so far, of all files: JSON.
        consumed: How many of `total` bytes this reading has dealt with, this chunk included.
        total: How many bytes this reading will deal with (compressed ones, where a file is); 0 for a
            stream, which cannot know.
        cut_lines: How many of these lines were longer than 1 MiB and lost what was beyond it.
    """

    lines: RawLines
    position: dict[str, Any]
    consumed: int
    total: int
    cut_lines: int = 0
