"""JSON that is not one object a line: a single object, an array of objects, or several behind each other."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tocsin.errors import LoadError
from tocsin.model import RejectedLine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.sources.idea_files.content import ByteStream

__all__ = ["LARGEST_DOCUMENT", "documents", "has_one_a_line", "is_json", "rejected"]

LARGEST_DOCUMENT = 256 << 20  # bytes; it is in memory as a whole
_LONGEST_REJECTED = 1 << 16
_BLOCK = 1 << 20
_SPACE = re.compile(r"[ \t\r\n]*")


def rejected(source: str, number: int, content: bytes, reason: str) -> RejectedLine:
    """Make the record of something that is no event; what is not UTF-8 in it is written as escapes."""
    text = content[:_LONGEST_REJECTED].decode("utf-8", "backslashreplace")
    return RejectedLine(source, number, text, reason)


def has_one_a_line(head: bytes) -> bool:
    """Say whether a content is JSON lines: one of its first lines is a whole object.

    The first one need not be: a log that was cut begins anywhere. But a brace alone on it begins an indented
    object, whatever is written in one line behind that.

    Args:
        head: Its beginning, without space in front.
    """
    lines = head.split(b"\n")
    if len(lines) == 1:
        return head.startswith(b"{")
    if lines[0].rstrip() == b"{":
        return False
    return any(line.startswith(b"{") and is_json(line) for line in lines)


def is_json(line: bytes) -> bool:
    """Say whether something is a whole JSON document."""
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def documents(
    source: str, stream: ByteStream, head: bytes = b"", *, largest: int = LARGEST_DOCUMENT
) -> Iterator[tuple[int, bytes | RejectedLine]]:
    """Give the objects of a JSON document with their 1-based places, byte by byte as they are written.

    Where the document is damaged, what is left of it is given as rejected, and ends it.

    Args:
        source: What the content is called.
        stream: What comes behind `head`.
        head: What was read of it before.
        largest: How many bytes are too many.

    Raises:
        LoadError: It is too large to be read as a whole.
    """
    blocks, size = [head], len(head)
    while block := stream.read(_BLOCK):
        blocks.append(block)
        size += len(block)
        if size > largest:
            raise LoadError(
                f"{source} is a JSON document of more than {largest:,} bytes",
                hint="write one event a line, as `jq -c '.[]'` does",
            )
    # Bytes that are no UTF-8 go through this text unchanged: the store judges them.
    text = b"".join(blocks).decode("utf-8", "surrogateescape")
    del blocks
    yield from _objects(source, text)


def _objects(source: str, text: str) -> Iterator[tuple[int, bytes | RejectedLine]]:
    decoder = json.JSONDecoder()
    number, at = 1, _after_space(text, 0)
    in_array = text[at : at + 1] == "["
    if in_array:
        at = _after_space(text, at + 1)
        if text[at : at + 1] == "]":
            number, at, in_array = 1, _after_space(text, at + 1), False
    while at < len(text):
        try:
            _, end = decoder.raw_decode(text, at)
        except RecursionError:
            yield number, _rest(source, number, text, at, "it is nested too deeply")
            return
        except ValueError as error:
            reason = getattr(error, "msg", str(error))
            yield number, _rest(source, number, text, at, f"not JSON: {reason}")
            return
        yield number, text[at:end].encode("utf-8", "surrogateescape")
        number, at = number + 1, _after_space(text, end)
        if in_array:
            mark = text[at : at + 1]
            if mark not in (",", "]"):
                yield number, _rest(source, number, text, at, "not JSON: the array is not closed")
                return
            at, in_array = _after_space(text, at + 1), mark == ","


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _rest(source: str, number: int, text: str, at: int, reason: str) -> RejectedLine:
    content = text[at : at + _LONGEST_REJECTED].encode("utf-8", "surrogateescape")
    return rejected(source, number, content, f"{reason} (at character {at + 1})")
