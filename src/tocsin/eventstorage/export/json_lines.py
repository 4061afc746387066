"""Events as IDEA JSON lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.eventstorage.idea import Idea

__all__ = ["write_jsonl"]

_BOM = b"\xef\xbb\xbf"
_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")  # JSON has them between its tokens only


def write_jsonl(events: Iterable[Idea], stream: BinaryIO) -> int:
    """Write each event's message as it came, on a line of its own, without a byte order mark.

    Returns:
        How many events were written.
    """
    count = 0
    for event in events:
        stream.write(event.original.removeprefix(_BOM).translate(_ONE_LINE).strip() + b"\n")
        count += 1
    return count
