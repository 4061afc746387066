"""The contract of an event store, as tests that every backend runs.

A backend's test module subclasses these under a name that pytest collects, and gives the fixture `conncfg`:
where a store of a test's own is. See `tests/eventstorage`.
"""

from __future__ import annotations

from tocsin.testing.event_stores.base import EventStoreContract, FixedClock, message
from tocsin.testing.event_stores.hostile import HostileTextContract
from tocsin.testing.event_stores.remaking import RemakingContract
from tocsin.testing.event_stores.removing import RemovingContract
from tocsin.testing.event_stores.searching import SearchContract
from tocsin.testing.event_stores.sharing import SharingContract
from tocsin.testing.event_stores.sizes import BlockSizesContract
from tocsin.testing.event_stores.statements import StatementContract
from tocsin.testing.event_stores.storing import CursorContract, StoringContract
from tocsin.testing.event_stores.streams import StreamContract
from tocsin.testing.event_stores.tending import QueryContract, TendingContract
from tocsin.testing.event_stores.threshold_machine import ThresholdHistoryContract
from tocsin.testing.event_stores.threshold_writers import ThresholdWritersContract
from tocsin.testing.event_stores.thresholder import ThresholderContract
from tocsin.testing.event_stores.thresholds import ThresholdContract

__all__ = [
    "BlockSizesContract",
    "CursorContract",
    "EventStoreContract",
    "FixedClock",
    "HostileTextContract",
    "QueryContract",
    "RemakingContract",
    "RemovingContract",
    "SearchContract",
    "SharingContract",
    "StatementContract",
    "StoringContract",
    "StreamContract",
    "TendingContract",
    "ThresholdContract",
    "ThresholdHistoryContract",
    "ThresholdWritersContract",
    "ThresholderContract",
    "message",
]
