"""Rows of events, as Hypothesis draws them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from hypothesis import strategies as st

from tocsin.persistency.values import encode_key, key_of

__all__ = ["EVENT_IDS", "PLAIN", "TIMES", "VALUES", "events", "observed"]

EVENT_IDS = st.sampled_from([1, 0, -7, 2**70, "1", "", "0123", "../../etc/x", "😀\n"])
ZONES = [UTC, timezone(timedelta(hours=5, minutes=30))]
TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=3)
PLAIN = st.one_of(st.sampled_from(["a", "b", "", "1", "é", "\ud800"]), st.integers(-2, 3), TEXT)
VALUES = st.one_of(
    PLAIN,
    st.none(),
    st.booleans(),
    st.sampled_from([0.0, -0.0, 1.0, float("nan"), float("inf"), 0.1]),
    st.sampled_from([b"", b"a", b"\xff" * 1025, "x" * 1025, "x" * 1024 + "y", 10**5000]),
    st.sampled_from(
        [Decimal("1.0"), Decimal(1), Decimal("NaN"), IPv4Address("10.0.0.1"), IPv6Address("::1")]
    ),
    st.sampled_from([datetime(2026, 1, 1, tzinfo=zone) for zone in ZONES]),
    st.tuples(PLAIN, st.none() | st.booleans()),
)
TIMES = st.one_of(
    st.none(),
    st.integers(0, 12).map(float),
    st.integers(0, 12).map(lambda seconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)),
)


def events(
    values: st.SearchStrategy[Any] = VALUES, times: st.SearchStrategy[Any] = TIMES
) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    """Draw arguments for `ingest_event`."""
    one = st.tuples(
        st.sampled_from([1, "1", 0]),
        st.sampled_from(["a <*>", "b <*>"]),
        st.lists(values, max_size=2),
        st.dictionaries(st.sampled_from(["host", "user", "Content"]), values, max_size=2),
        times,
    )
    return st.lists(one, max_size=40)


def observed(ep: Any) -> dict[str, Any]:
    """Give all that can be seen of a persistency of stability trackers."""
    return {
        "seen": ep.get_events_seen(),
        "templates": ep.get_event_templates(),
        "events": {
            event_id: {
                name: {
                    "class": one.classify(),
                    "runs": list(one.change_series.runs()),
                    "total": one.total,
                    "count": one.distinct_count,
                    "stage": one.stage,
                    "rate": one.false_positive_rate,
                    "values": [(*encode_key(key_of(value)), one.history(value)) for value in one.values()],
                }
                for name, one in backend.get_data().items()
            }
            for event_id, backend in ep.get_events_data().items()
        },
    }
