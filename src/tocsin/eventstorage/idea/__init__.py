"""IDEA messages: what comes in, what is understood of it, and what users see."""

from tocsin.eventstorage.idea.decode import DEFAULT_LIMITS, Limits
from tocsin.eventstorage.idea.ghost import IdeaGhost
from tocsin.eventstorage.idea.message import Idea
from tocsin.eventstorage.idea.records import record_to_idea, record_to_idea_ghost
from tocsin.eventstorage.idea.rows import row_of

__all__ = [
    "DEFAULT_LIMITS",
    "Idea",
    "IdeaGhost",
    "Limits",
    "record_to_idea",
    "record_to_idea_ghost",
    "row_of",
]
