"""Where the relative paths of files in a query begin.

DuckDB looks in its own folders (`file_search_path`) only for what is not in the working directory: a query
of one project would read the file of another one in which somebody stands. Where a query names files DuckDB
says itself: it tells where in the text the tables and values stand that it has read.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["with_whole_paths"]

_TEXT = re.compile(rb"'(?:[^']|'')*'")
_PART = rb'(?:"(?:[^"]|"")*"|\w+)'
_TABLE = re.compile(rb"%b|%b(?:\s*\.\s*%b)*" % (_TEXT.pattern, _PART, _PART))
_READS_FILES = re.compile(r"(?:read|parquet|sniff)_\w+|parquet_scan|glob", re.IGNORECASE)
_FILE = re.compile(r"\.(?:csv|tsv|parquet|json|jsonl|ndjson)(?:\.\w+)?$", re.IGNORECASE)
_PATTERN = re.compile(r"[*?\[]")  # where DuckDB looks for one, its own folders come first
_SPECIAL = re.compile(r"[,*?\[]")  # no folder of DuckDB's own has one of these in its name
_ELSEWHERE = re.compile(r"/|~|\w+:[/\\]|file:")


def with_whole_paths(query: str, folder: str, serialized: Callable[[str], str]) -> str:
    """Give a query in which the relative paths that name files begin at a folder.

    Where DuckDB finds them itself nothing changes: in the folder itself, unless its name is a special one.
    Nor does a statement that is no SELECT.

    Args:
        query: One statement.
        folder: Where paths begin.
        serialized: Has DuckDB read a statement: its `json_serialize_sql`.
    """
    is_special = _SPECIAL.search(folder) is not None
    if not is_special and _is_here(folder):
        return query
    text = query.encode()
    named = dict(_named_files(json.loads(serialized(query)), text))
    start = _PATTERN.sub(lambda found: f"[{found[0]}]", folder)
    for (first, last), path in sorted(named.items(), reverse=True):
        is_pattern = _PATTERN.search(path) and not _is_there(path)
        if path and not _ELSEWHERE.match(path) and (is_special or not is_pattern):
            whole = f"{start}/{path}".replace("'", "''")
            text = b"%b'%b'%b" % (text[:first], whole.encode(), text[last:])
    return text.decode()


def _is_here(folder: str) -> bool:
    try:
        return Path.cwd().samefile(folder)
    except OSError:  # one of them is gone
        return False


def _is_there(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # nothing can have such a name
        return False


def _named_files(node: Any, text: bytes) -> Iterator[tuple[tuple[int, int], str]]:
    """Give where a statement names files, and the names."""
    if isinstance(node, list):
        for one in node:
            yield from _named_files(one, text)
    if not isinstance(node, dict):
        return
    if node.get("type") == "BASE_TABLE":
        parts = [part for part in (node["catalog_name"], node["schema_name"], node["table_name"]) if part]
        name, found = ".".join(parts), _TABLE.match(text, min(node["query_location"], len(text)))
        # What may be a table in a schema is none only where DuckDB would find a file.
        if found and _FILE.search(name) and (len(parts) == 1 or _is_there(name)):
            yield found.span(), name
    elif node.get("type") == "TABLE_FUNCTION" and _READS_FILES.fullmatch(node["function"]["function_name"]):
        yield from _file_names(_arguments(node["function"])[:1], text)
    for one in node.values():
        yield from _named_files(one, text)


def _file_names(expressions: list[Any], text: bytes) -> Iterator[tuple[tuple[int, int], str]]:
    """Give the names of files among expressions: texts, lists of texts, and where a joined text begins."""
    for one in expressions:
        if one["type"] == "VALUE_CONSTANT":
            found = _TEXT.match(text, min(one["query_location"], len(text)))
            if found:
                yield found.span(), found[0][1:-1].decode().replace("''", "'")
        elif one.get("function_name") == "list_value" or one["type"] == "ARRAY_CONSTRUCTOR":
            yield from _file_names(_arguments(one), text)
        elif one.get("function_name") in ("||", "concat"):
            yield from _file_names(_arguments(one)[:1], text)


def _arguments(call: dict[str, Any]) -> list[Any]:
    """Give what a function is called with; DuckDB 2 says the names of arguments as well."""
    if "arguments" in call:
        return [one["expression"] for one in call["arguments"]]
    return list(call["children"])
