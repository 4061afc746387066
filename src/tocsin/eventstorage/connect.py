"""From what users configure to a backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from tocsin.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

    from tocsin.eventstorage.session import Backend

__all__ = ["open_backend"]

_OURS = ("clock", "text_index")
_ENCODE = "in a password, write / # ? @ as %2F %23 %3F %40"


def _parts(url: str) -> SplitResult:
    """Split a URL; what is wrong with it is told without it, as passwords are in there."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise DataError("the url of the event storage is not understood", hint=_ENCODE) from None
    if parts.netloc and "@" not in parts.netloc and "@" in parts.path + parts.fragment:
        raise DataError("the password in the url of the event storage is cut short", hint=_ENCODE)
    return parts


def open_backend(conncfg: Mapping[str, Any]) -> Backend:
    """Open the database that a configuration names.

    Args:
        conncfg: See `EventStorageService`.

    Raises:
        DataError: It names none, or two.
        StorageConnectionException: It cannot be reached.
    """
    rest = dict(conncfg)
    ours = {name: rest.pop(name) for name in _OURS if name in rest}
    if not isinstance(ours.get("text_index", True), bool):
        raise DataError("text_index is True or False", parameter="text_index")
    path, url = rest.pop("path", None), rest.pop("url", None)
    if path is not None and url is not None:
        raise DataError("an event storage has either a path or a url")
    if url is not None:
        parts = _parts(str(url))
        if parts.scheme == "sqlite":
            path = unquote(parts.path.removeprefix("/"), errors="surrogateescape")
            if not path or parts.netloc or parts.query or parts.fragment:
                raise DataError(
                    "the url of an SQLite file is sqlite:///relative or sqlite:////absolute",
                    hint="in a name, write ? and # as %3F and %23",
                )
        elif parts.scheme in ("postgresql", "postgres"):
            rest["conninfo"] = str(url)
        else:
            raise DataError(
                f"an event storage cannot be in {parts.scheme or 'that'}", hint="sqlite or postgresql"
            )
    if path is not None:
        from tocsin.eventstorage.sqlite import SQLiteBackend

        return SQLiteBackend(path, **ours, **rest)
    if not rest:
        raise DataError("an event storage needs a path, a url, or the arguments of a PostgreSQL connection")
    from tocsin.eventstorage.postgres import PostgresBackend

    return PostgresBackend(rest, **ours)
