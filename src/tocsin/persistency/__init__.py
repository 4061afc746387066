"""Learned state that survives: per EventID, in memory and on disk."""

from typing import TYPE_CHECKING

from tocsin.errors import PersistencyLoadError
from tocsin.persistency.event_persistency import EventPersistency
from tocsin.persistency.lazy_names import (
    __getattr__ as __getattr__,
)  # the frames would import pandas and polars
from tocsin.persistency.stability import EventStabilityTracker
from tocsin.persistency.structure import EventDataStructure

if TYPE_CHECKING:
    from tocsin.persistency.frames import ChunkedEventDataFrame, EventDataFrame
    from tocsin.persistency.one_shot import load, save
    from tocsin.persistency.persist_config import init_persistency
    from tocsin.persistency.saver import PersistencySaver
    from tocsin.persistency.saver_config import PersistencySaverConfig

__all__ = [
    "ChunkedEventDataFrame",
    "EventDataFrame",
    "EventDataStructure",
    "EventPersistency",
    "EventStabilityTracker",
    "PersistencyLoadError",
    "PersistencySaver",
    "PersistencySaverConfig",
    "init_persistency",
    "load",
    "save",
]
