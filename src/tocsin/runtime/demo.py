"""`make demo`: the whole of Tocsin on the seeded example, in a minute, with what it found on the screen."""

from __future__ import annotations

__all__ = []
