from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.persistency.strategies import EVENT_IDS, events, observed
from tocsin.persistency import EventDataStructure, EventPersistency, EventStabilityTracker
from tocsin.persistency.values import UnsupportedValueError

if TYPE_CHECKING:
    from collections.abc import Mapping


class OwnBackend(EventDataStructure):
    """A user's own: keeps rows as they are."""

    def __init__(self, most: int = 100) -> None:
        self.rows: list[tuple[dict[str, Any], Any]] = []
        self.most = most

    def add_data(self, data: Mapping[str, Any], timestamp: datetime | float | None = None) -> None:
        if "fail" in data.values():
            raise RuntimeError("asked to fail")
        self.rows = [*self.rows, (dict(data), timestamp)][-self.most :]

    def get_data(self) -> list[tuple[dict[str, Any], Any]]:
        return self.rows

    def dump(self) -> bytes:
        return repr(self.rows).encode()

    @classmethod
    def load(cls, content: bytes, **kwargs: Any) -> Self:
        backend = cls(**kwargs)
        backend.rows = [(dict(enumerate(content)), None)]  # type: ignore[arg-type]
        return backend


def tracked(**kwargs: Any) -> EventPersistency:
    return EventPersistency(EventStabilityTracker, event_data_kwargs=kwargs)


def data_of(ep: EventPersistency, event_id: Any) -> dict[str, Any]:
    backend = ep[event_id]
    assert backend is not None
    data: dict[str, Any] = backend.get_data()
    return data


def test_events_with_equal_ids_of_different_types_are_different_events() -> None:
    ep = tracked()
    for event_id in ("0123", "123", 123):
        ep.ingest_event(event_id, f"template of {event_id!r}", [event_id])

    assert ep.get_events_seen() == {"0123", "123", 123}
    assert {key: list(data_of(ep, key)["var_0"].values()) for key in ep.get_events_seen()} == {
        "0123": ["0123"],
        "123": ["123"],
        123: [123],
    }
    assert ep.get_event_template(123) == "template of 123"


@pytest.mark.parametrize("wrong", [True, 1.0, None, b"1", ("a",), np.int64(1), [1]])
def test_an_event_id_of_another_type_is_refused_by_name(wrong: Any) -> None:
    ep = tracked()

    with pytest.raises(UnsupportedValueError, match=r"an EventID is an int or a str, not a \w+"):
        ep.ingest_event(wrong, "t", ["a"])

    assert ep.get_events_seen() == set()
    assert ep.events_ingested == 0


@pytest.mark.parametrize("wrong", ["ab", b"ab", {"user": "bob"}, {"bob"}])
def test_variables_that_are_no_list_are_refused_by_name(wrong: Any) -> None:
    ep = tracked()

    with pytest.raises(UnsupportedValueError, match=r"the variables of event 7 are a list, not a \w+"):
        ep.ingest_event(7, "t", wrong)

    assert ep.get_events_seen() == set()


@pytest.mark.parametrize("wrong", [["user"], "user", [("user", "bob")], 5])
@pytest.mark.parametrize("variables", [[], ["a"]])
def test_named_variables_that_are_no_mapping_are_refused_by_name(variables: list[str], wrong: Any) -> None:
    ep = tracked()

    with pytest.raises(UnsupportedValueError, match=r"named variables of event 7 are a mapping, not a \w+"):
        ep.ingest_event(7, "t", variables, named_variables=wrong)

    assert ep.get_events_seen() == set()


def test_named_variables_may_be_any_mapping() -> None:
    ep = tracked()
    ep.ingest_event(7, "t", named_variables=MappingProxyType({"user": "bob"}))

    assert list(data_of(ep, 7)) == ["user"]


def test_what_only_equals_an_event_id_finds_nothing() -> None:
    ep = tracked()
    ep.ingest_event(1, "t", ["a"])

    for other in (True, 1.0, [1]):
        assert ep[other] is None  # type: ignore[index]
        assert ep.get_event_template(other) is None  # type: ignore[arg-type]
    assert ep[1] is not None
    assert ep["1"] is None


def test_positional_variables_are_numbered_and_named_ones_keep_their_names() -> None:
    ep = tracked()
    ep.ingest_event(1, "t", ["a", "b"], {"user": "c"})

    assert list(data_of(ep, 1)) == ["var_0", "var_1", "user"]


def test_the_blacklist_has_names_for_named_and_indexes_for_positional_variables() -> None:
    ep = EventPersistency(EventStabilityTracker, variable_blacklist=["user", 1, "var_0"])
    ep.ingest_event(1, "t", ["a", "b", "c"], {"user": "d", "Content": "e"})

    assert list(data_of(ep, 1)) == ["var_0", "var_2", "Content"]


def test_content_is_not_kept_unless_asked_for() -> None:
    ep = tracked()
    ep.ingest_event(1, "t", [], {"Content": "long", "user": "a"})

    assert list(data_of(ep, 1)) == ["user"]


@pytest.mark.parametrize("wrong", [[True], [1.5], "Content", [None]])
def test_a_blacklist_of_other_things_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="variable_blacklist"):
        EventPersistency(EventStabilityTracker, variable_blacklist=wrong)


@pytest.mark.parametrize("named", [{}, {"Content": "only what the blacklist names"}, None])
def test_an_event_without_variables_is_seen_and_has_neither_backend_nor_template(
    named: dict[str, str] | None,
) -> None:
    ep = tracked()
    ep.ingest_event(7, "t", [], named)

    assert ep.get_events_seen() == {7}
    assert ep[7] is None
    assert ep.get_event_data(7) is None
    assert ep.get_event_template(7) is None
    assert ep.get_events_data() == {}
    assert ep.get_event_templates() == {}
    assert ep.events_ingested == 1


def test_the_latest_template_is_kept() -> None:
    ep = tracked()
    ep.ingest_event(1, "user <*> from here", ["a"])
    ep.ingest_event(1, "user <*> from <*>", ["a", "b"])

    assert ep.get_event_template(1) == "user <*> from <*>"


@pytest.mark.parametrize("value", [["a"], {"a": 1}, {1}, object(), 1j, (1, ["x"]), bytearray(b"x")])
def test_a_value_that_cannot_be_kept_is_refused_with_event_variable_and_type(value: Any) -> None:
    ep = tracked()
    ep.ingest_event("4624", "t", ["good"], {"user": "good"})
    before = observed(ep)

    with pytest.raises(UnsupportedValueError, match=r"event '4624', variable 'user': a value of type \w+"):
        ep.ingest_event("4624", "t", ["a"], {"user": value})

    assert observed(ep) == before
    assert ep.events_ingested == 1


def test_a_named_variable_with_the_name_of_a_positional_one_is_refused() -> None:
    ep = tracked()
    ep.ingest_event(1, "t", [], {"var_0": "a name like any other, alone"})

    with pytest.raises(ValueError, match="named variable 'var_0' has the name of a positional one"):
        ep.ingest_event(1, "t", ["a"], {"var_0": "b"})

    assert data_of(ep, 1)["var_0"].total == 1


@pytest.mark.parametrize("variables", ["alice", 5])
def test_variables_that_are_no_list_are_refused(variables: Any) -> None:
    with pytest.raises(TypeError):
        tracked().ingest_event(1, "t", variables)


def test_a_template_that_is_no_text_is_refused() -> None:
    with pytest.raises(UnsupportedValueError, match="template of event 1"):
        tracked().ingest_event(1, None, ["a"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("timestamp", "error"),
    [
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        (1e300, ValueError),
        (datetime(2026, 1, 1), ValueError),  # noqa: DTZ001 - that it has no zone is the point
        ("2026-01-01", TypeError),
        (True, TypeError),
    ],
)
def test_what_is_not_an_instant_is_refused(timestamp: Any, error: type[Exception]) -> None:
    ep = tracked()

    with pytest.raises(error):
        ep.ingest_event(1, "t", ["a"], timestamp=timestamp)

    assert ep.get_events_seen() == set()


def test_an_aware_datetime_and_its_unix_seconds_are_one_instant() -> None:
    ep = tracked()
    ep.ingest_event(1, "t", ["a"], timestamp=datetime(2026, 1, 1, tzinfo=UTC))
    ep.ingest_event(1, "t", ["a"], timestamp=datetime(2026, 1, 1, tzinfo=UTC).timestamp())

    count, first, last = data_of(ep, 1)["var_0"].history("a")
    assert (count, first) == (2, last)


def test_values_of_numpy_are_those_of_python() -> None:
    ep = tracked()
    ep.ingest_event(1, "t", np.array(["a", "b"]), {"n": np.int32(3)})  # type: ignore[arg-type]
    ep.ingest_event(1, "t", ["a", "b"], {"n": 3})

    assert {name: one.distinct_count for name, one in data_of(ep, 1).items()} == dict.fromkeys(
        ["var_0", "var_1", "n"], 1
    )


def test_what_is_handed_in_is_neither_kept_nor_changed() -> None:
    variables, named = ["a"], {"user": "b"}
    kwargs: dict[str, Any] = {"converter_function": "value_combinations", "converter_parameters": {"size": 2}}
    blacklist: list[str | int] = []
    ep = EventPersistency(EventStabilityTracker, blacklist, event_data_kwargs=kwargs)
    kwargs["converter_parameters"]["size"] = 1
    blacklist.append("user")

    ep.ingest_event(1, "t", variables, named)
    variables.append("c")
    named["host"] = "d"

    assert list(data_of(ep, 1)) == ["user+var_0"]
    assert (variables, named) == (["a", "c"], {"user": "b", "host": "d"})
    ep.get_events_seen().clear()
    ep.get_event_templates().clear()
    ep.get_events_data().clear()
    assert (ep.get_events_seen(), ep.get_event_templates(), len(ep.get_events_data())) == ({1}, {1: "t"}, 1)


def test_two_persistencies_share_nothing() -> None:
    one, other = EventPersistency(EventStabilityTracker), EventPersistency(EventStabilityTracker)
    one.ingest_event(1, "t", ["a"])
    one.metadata["phase"] = "train"

    assert other.get_events_seen() == set()
    assert other.metadata == {}


def test_wrong_arguments_of_the_backend_are_told_when_the_persistency_is_made() -> None:
    with pytest.raises(ValueError, match="segmentation"):
        tracked(segmentation="both of them")
    with pytest.raises(TypeError):
        tracked(no_such_parameter=1)
    with pytest.raises(TypeError, match="EventDataStructure"):
        EventPersistency(dict)  # type: ignore[arg-type]


def test_a_backend_that_is_held_sees_what_comes_later() -> None:
    ep = tracked()
    ep.ingest_event(1, "t", ["a"])
    backend = ep[1]
    assert isinstance(backend, EventStabilityTracker)
    variable = backend.get_data()["var_0"]

    ep.ingest_event(1, "t", ["b"], {"new": "c"})

    assert variable.seen("b")
    assert variable.total == 2
    assert backend.get_variables() == ["var_0", "new"]


def test_a_row_with_very_long_texts_does_not_wait() -> None:
    ep = tracked()
    for number in range(20):
        ep.ingest_event(1, "t", [f"{number}" + "x" * 2**20])

    assert not ep._memories[1].times
    assert data_of(ep, 1)["var_0"].distinct_count == 20


@settings(max_examples=100)
@given(
    st.sampled_from(
        [
            {"segmentation": "both"},
            {"forget_after": 3, "segmentation": "time"},
            {"forget_after": 2, "max_distinct": 2},
            {"max_distinct": 1},
            {"converter_function": "value_combinations", "converter_parameters": {"size": 1}},
        ]
    ),
    events(),
)
def test_when_rows_are_looked_at_does_not_change_what_is_learned(
    kwargs: dict[str, Any], rows: list[tuple[Any, ...]]
) -> None:
    patient, curious = tracked(**kwargs), tracked(**kwargs)
    for row in rows:
        patient.ingest_event(*row)
        curious.ingest_event(*row)
        observed(curious)

    assert observed(patient) == observed(curious)


@settings(max_examples=30)
@given(EVENT_IDS)
def test_any_int_or_text_is_an_event_id(event_id: int | str) -> None:
    ep = tracked()
    ep.ingest_event(event_id, "t", ["a"])

    (seen,) = ep.get_events_seen()
    assert (type(seen), seen) == (type(event_id), event_id)
    assert ep[event_id] is not None


def test_an_own_backend_gets_each_row_as_it_came() -> None:
    ep = EventPersistency(OwnBackend, event_data_kwargs={"most": 2})
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    ep.ingest_event(1, "t", ["a"], {"user": None}, moment)
    ep.ingest_event(1, "t", ["b"], {}, 5.0)

    backend = ep[1]
    assert isinstance(backend, OwnBackend)
    assert backend.get_data() == [({"var_0": "a", "user": None}, moment), ({"var_0": "b"}, 5.0)]
    assert ep.kind.endswith("OwnBackend")


def test_when_an_own_backend_fails_nothing_of_the_event_is_kept() -> None:
    ep = EventPersistency(OwnBackend)

    with pytest.raises(RuntimeError, match="asked to fail"):
        ep.ingest_event(1, "t", ["fail"])

    assert ep.get_events_seen() == set()
    assert ep.get_event_templates() == {}
    assert ep.events_ingested == 0
