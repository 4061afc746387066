"""The contract of a database manager, as tests that every backend runs.

A backend's test module subclasses `DatabaseManagerContract` under a name that pytest collects and says
in `open` how a manager is opened; see `tests/database` for two that do.
"""

from __future__ import annotations

from tocsin.testing.databases.base import FixedClock, series_names
from tocsin.testing.databases.leases import LeaseContract
from tocsin.testing.databases.memory import MemoryContract
from tocsin.testing.databases.queries import QueryContract
from tocsin.testing.databases.transactions import TransactionContract
from tocsin.testing.databases.writes import WriteContract

__all__ = ["DatabaseManagerContract", "FixedClock", "series_names"]


class DatabaseManagerContract(
    QueryContract, WriteContract, TransactionContract, LeaseContract, MemoryContract
):
    """All of the contract. What a database can never do is asked of its `capabilities`."""
