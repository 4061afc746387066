"""Who may write what, until when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Lease"]


@dataclass(frozen=True, slots=True)
class Lease:
    """The exclusive right to work on something by name, granted for a while.

    Attributes:
        name: What it is about, e.g. `metric:nyc_taxi`.
        owner: Who holds it: host, process id and process start.
        token: The fencing token; every later grant of the same name has a larger one.
        expires_at: When it ends unless it is renewed, UTC.
    """

    name: str
    owner: str
    token: int
    expires_at: datetime
