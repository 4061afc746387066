"""Public names whose modules are imported when they are first asked for, with what these need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__: list[str] = []

_HOMES = {
    "ChunkedEventDataFrame": "tocsin.persistency.frames",
    "EventDataFrame": "tocsin.persistency.frames",
    "PersistencySaver": "tocsin.persistency.saver",
    "PersistencySaverConfig": "tocsin.persistency.saver_config",
    "init_persistency": "tocsin.persistency.persist_config",
    "load": "tocsin.persistency.one_shot",
    "save": "tocsin.persistency.one_shot",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        message = f"module 'tocsin.persistency' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(home), name)
