"""Where the relative paths of files in a query begin.

DuckDB looks in its own folders (`file_search_path`) only for what is not in the working directory: a query
of one project would read the file of another one in which somebody stands.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["with_whole_paths"]

_TEXT = r"'(?:[^']|'')*'"
_NAMED = re.compile(
    rf"""
    (?P<value>\bDISTINCT\s+FROM\s*{_TEXT})
    | (?:\b(?:read_|parquet_|sniff_)\w+\s*\(|\b(?:FROM|JOIN)\b)\s*(?:{_TEXT}|\[(?:\s*{_TEXT}\s*,?)*\s*\])
    """,
    re.IGNORECASE | re.VERBOSE,
)
_PATTERN = re.compile(r"[*?\[]")  # a pattern is looked for in DuckDB's own folders first
_ELSEWHERE = re.compile(r"/|~|\w+:")


def with_whole_paths(query: str, folder: str) -> str:
    """Give a query in which the relative paths that name files begin at a folder.

    In the folder itself nothing changes.

    >>> with_whole_paths("SELECT a FROM read_csv('a.csv') WHERE b = 'b.csv'", "/srv/shop")
    "SELECT a FROM read_csv('/srv/shop/a.csv') WHERE b = 'b.csv'"
    """
    try:
        if Path.cwd().samefile(folder):
            return query
    except OSError:
        pass  # one of them is gone
    start = _PATTERN.sub(lambda found: f"[{found[0]}]", folder).replace("'", "''")

    def whole(text: re.Match[str]) -> str:
        path = text[0][1:-1]
        if not path or _ELSEWHERE.match(path) or _PATTERN.search(path):
            return text[0]
        return f"'{start}/{path}'"

    return _NAMED.sub(lambda found: found[0] if found["value"] else re.sub(_TEXT, whole, found[0]), query)
