"""Which generations stay, and which bytes are worth writing again; pure decisions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.persistency.snapshots.manifest import SegmentEntry

__all__ = ["MOST_SEGMENTS", "kept_generations", "segments_to_rewrite"]

MOST_SEGMENTS = 64
"""A generation in more segments than these would be slow to load from an object store."""


def kept_generations(
    created: Mapping[int, datetime], keep_generations: int, keep_days: int, now: datetime
) -> set[int]:
    """Give the generations to keep: the newest ones, and the last one of each past day.

    Args:
        created: Generation → when it was made.
        keep_generations: How many of the newest.
        keep_days: Of how many UTC days before today the last one, additionally.
        now: The instant from which days count back.

    >>> noon = datetime(2026, 3, 5, 12, tzinfo=UTC)
    >>> made = {1: noon - timedelta(days=2), 2: noon - timedelta(days=1), 3: noon - timedelta(hours=22)}
    >>> sorted(kept_generations(made | {4: noon, 5: noon}, 1, 2, noon))
    [1, 3, 5]
    """
    newest_first = sorted(created, reverse=True)
    kept = set(newest_first[:keep_generations])
    today = now.astimezone(UTC).date()
    last_of_day = {created[generation].astimezone(UTC).date(): generation for generation in sorted(created)}
    days = (today - timedelta(days=back) for back in range(1, keep_days + 1))
    return kept | {last_of_day[day] for day in days if day in last_of_day}


def segments_to_rewrite(live: Mapping[SegmentEntry, int]) -> set[SegmentEntry]:
    """Give the segments whose live bytes should move, so that at least half of all bytes are live.

    Args:
        live: Segment → how many of its bytes the next generation still needs.
    """
    rewrite: set[SegmentEntry] = set()
    if 2 * sum(live.values()) < sum(segment.length for segment in live):
        rewrite = {segment for segment, used in live.items() if 2 * used < segment.length}
    left = sorted(live.keys() - rewrite, key=lambda segment: (segment.length, segment.name))
    if len(left) > MOST_SEGMENTS:
        rewrite.update(left[: len(left) // 2])
    return rewrite
