"""Candidates on their way, in both memories."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tests.alerting.candidates import EVENT, FIRST, like
from tests.alerting.conftest import NOW
from tests.alerting.series import at
from tocsin.alerting.collect import (
    candidate_from_json,
    candidate_json,
    drop_candidates,
    mute_candidates,
    muted_candidates,
    queue_candidates,
    take_candidates,
)
from tocsin.model import AlertCandidate, DecisionKind, MonitorKind, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.database.sql_manager import SqlManager

TIMES = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001  # Hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
TEXTS = st.text(max_size=8)
NAMES = st.lists(TEXTS, max_size=3).map(tuple)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS | st.integers(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
CANDIDATES = st.builds(
    AlertCandidate,
    id=TEXTS,
    monitor=TEXTS,
    source=st.sampled_from(MonitorKind),
    series=TEXTS,
    rule=TEXTS,
    kind=st.sampled_from(DecisionKind),
    reason=TEXTS,
    at=TIMES,
    severity=st.sampled_from(Severity),
    condition=TEXTS,
    opened_at=st.none() | TIMES,
    event_ids=NAMES,
    sources=NAMES,
    targets=NAMES,
    tags=NAMES,
    channels=NAMES,
    threshold=st.booleans(),
    side=st.sampled_from(["source", "target"]),
    event=st.none() | st.dictionaries(TEXTS, JSON, max_size=2),
    message=st.dictionaries(TEXTS, JSON, max_size=2),
)


def ids(candidates: Iterable[AlertCandidate]) -> list[str]:
    return [candidate.id for candidate in candidates]


@given(CANDIDATES)
def test_a_candidate_comes_back_from_json_as_it_was(candidate: AlertCandidate) -> None:
    assert candidate_from_json(candidate_json(candidate)) == candidate


def test_what_is_no_json_in_a_message_is_kept_as_text() -> None:
    candidate = like(FIRST, message={"since": at(0), "of": timedelta(hours=1), "what": {1}})
    kept = candidate_from_json(candidate_json(candidate)).message
    assert kept == {"since": "2026-01-01 00:00:00+00:00", "of": "1:00:00", "what": "{1}"}


def test_numbers_that_json_does_not_have_are_none() -> None:
    candidate = like(FIRST, message={"a": float("nan"), "b": [1.5, {"c": float("-inf")}]})
    kept = candidate_from_json(candidate_json(candidate))
    assert kept == like(FIRST, message={"a": None, "b": [1.5, {"c": None}]})


def test_candidates_are_taken_oldest_first_and_stay_until_they_are_dropped(store: SqlManager) -> None:
    later = like(FIRST, id="c0", at=at(9))
    with store.transaction() as tx:
        assert queue_candidates(tx, [later, EVENT, FIRST], NOW) == 3
        assert queue_candidates(tx, [like(FIRST, id="c4", at=at(0))], NOW + timedelta(seconds=1)) == 1
    with store.transaction() as tx:
        assert take_candidates(tx, 2) == [EVENT, FIRST]
        assert ids(take_candidates(tx, 10)) == ["c2", "c1", "c0", "c4"]
        drop_candidates(tx, ["c2", "c1"])
    with store.transaction() as tx:
        assert ids(take_candidates(tx, 10)) == ["c0", "c4"]


def test_a_candidate_that_waits_already_is_not_queued_again(store: SqlManager) -> None:
    with store.transaction() as tx:
        queue_candidates(tx, [FIRST], NOW)
        assert queue_candidates(tx, [like(FIRST, reason="told anew"), EVENT], NOW) == 1
        assert queue_candidates(tx, [], NOW) == 0
        assert [candidate.reason for candidate in take_candidates(tx, 10)] == [FIRST.reason] * 2


def test_what_is_muted_is_set_aside_and_is_not_queued_again(store: SqlManager) -> None:
    with store.transaction() as tx:
        queue_candidates(tx, [FIRST, EVENT], NOW)
        mute_candidates(tx, [FIRST.id])
        assert queue_candidates(tx, [FIRST], NOW) == 0
        assert take_candidates(tx, 10) == [EVENT]
        assert muted_candidates(tx) == [FIRST]
        drop_candidates(tx, [FIRST.id])
        assert muted_candidates(tx) == []


def test_thousands_of_candidates_are_set_aside_and_dropped_in_chunks(store: SqlManager) -> None:
    many = [like(FIRST, id=f"c{number:04}") for number in range(1201)]
    with store.transaction() as tx:
        assert queue_candidates(tx, many, NOW) == 1201
        mute_candidates(tx, ids(many[:700]))
        drop_candidates(tx, ids(many[100:1200]))
        assert ids(muted_candidates(tx)) == ids(many[:100])
        assert ids(take_candidates(tx, 5000)) == ["c1200"]
