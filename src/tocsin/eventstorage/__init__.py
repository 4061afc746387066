"""Security events (IDEA) kept whole, found in milliseconds, reported once, and again when they relapse."""

from tocsin.errors import (
    DataError,
    EventStorageException,
    QueryCanceledException,
    StorageConnectionException,
    StorageContentionError,
    StorageFullError,
    StorageIntegrityError,
)
from tocsin.eventstorage.adapters import IPBaseAdapter, IPListAdapter
from tocsin.eventstorage.cursor import EventStorageCursor
from tocsin.eventstorage.driver_errors import handle_db_exceptions
from tocsin.eventstorage.idea import Idea, IdeaGhost, record_to_idea, record_to_idea_ghost
from tocsin.eventstorage.manager import (
    EventStorageServiceManager,
    close,
    init,
    manager,
    service,
    set_manager,
)
from tocsin.eventstorage.query import build_query
from tocsin.eventstorage.results import InsertKind, InsertResult
from tocsin.eventstorage.service import EventStorageService
from tocsin.eventstorage.thresholds import (
    Candidate,
    Severity,
    Thresholder,
    ThresholdRule,
    Verdict,
    VerdictKind,
)

__all__ = [
    "Candidate",
    "DataError",
    "EventStorageCursor",
    "EventStorageException",
    "EventStorageService",
    "EventStorageServiceManager",
    "IPBaseAdapter",
    "IPListAdapter",
    "Idea",
    "IdeaGhost",
    "InsertKind",
    "InsertResult",
    "QueryCanceledException",
    "Severity",
    "StorageConnectionException",
    "StorageContentionError",
    "StorageFullError",
    "StorageIntegrityError",
    "ThresholdRule",
    "Thresholder",
    "Verdict",
    "VerdictKind",
    "build_query",
    "close",
    "handle_db_exceptions",
    "init",
    "manager",
    "record_to_idea",
    "record_to_idea_ghost",
    "service",
    "set_manager",
]
