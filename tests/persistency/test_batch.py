"""`ingest_batch` leaves exactly what the same rows through `ingest_event` leave."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.persistency.strategies import observed
from tests.persistency.test_event_persistency import OwnBackend
from tocsin.persistency import (
    ChunkedEventDataFrame,
    EventDataFrame,
    EventDataStructure,
    EventPersistency,
    EventStabilityTracker,
)
from tocsin.persistency.values import UnsupportedValueError

IDS = st.sampled_from([3, 1, 2])
VALUE_TYPES: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.string(), st.sampled_from(["a", "b", "", "1", "x" * 1025, "é"])),
    (pa.large_string(), st.text(max_size=2).filter(lambda text: text.isprintable())),
    (pa.string_view(), st.sampled_from(["a", "b"])),
    (pa.dictionary(pa.int8(), pa.string()), st.sampled_from(["a", "b"])),
    (pa.int64(), st.integers(-2, 3)),
    (pa.uint64(), st.integers(2**63, 2**63 + 2)),
    (pa.bool_(), st.booleans()),
    (pa.float64(), st.sampled_from([0.0, -0.0, 1.0, float("nan"), 0.5])),
    (pa.float32(), st.sampled_from([0.5, 1.0])),
    (pa.binary(), st.sampled_from([b"", b"a", b"\xff" * 1025])),
    (pa.decimal128(5, 2), st.sampled_from([Decimal("1.00"), Decimal("2.50")])),
    (pa.timestamp("us", "UTC"), st.sampled_from([datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2)])),
    (pa.null(), st.none()),
]
STAMPS: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.float64(), st.integers(0, 12).map(lambda seconds: seconds / 2)),
    (pa.int64(), st.integers(0, 12)),
    *(
        (
            pa.timestamp(unit, "UTC"),
            st.integers(0, 12).map(lambda n: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=n)),
        )
        for unit in ("s", "ms", "us", "ns")
    ),
    (pa.decimal128(10, 1), st.integers(0, 12).map(Decimal)),
    (pa.null(), st.none()),
]


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Draw tables of events of every shape: lists, structs, maps; times or none; nulls everywhere."""
    rows = draw(st.sampled_from([1, 2, 7, 60, 200]))

    def column(items: st.SearchStrategy[Any], kind: pa.DataType) -> pa.Array:
        few = draw(st.lists(items, min_size=1, max_size=6))
        return pa.array([few[place % len(few)] for place in order], kind)

    order = draw(st.lists(st.integers(0, 50), min_size=rows, max_size=rows))
    ids: tuple[pa.DataType, st.SearchStrategy[Any]] = draw(
        st.sampled_from(
            [
                (pa.int64(), IDS),
                (pa.int8(), IDS),
                (pa.string(), IDS.map(str)),
                (pa.dictionary(pa.int32(), pa.string()), IDS.map(str)),
            ]
        )
    )
    columns = {
        "event_id": column(ids[1], ids[0]),
        "event_template": column(st.sampled_from(["a <*>", "b <*>"]), pa.string()),
    }
    kind, values = draw(st.sampled_from(VALUE_TYPES))
    if draw(st.booleans()):
        lists = st.none() | st.lists(st.none() | values, max_size=3)
        made = draw(st.sampled_from([pa.list_(kind), pa.large_list(kind)]))
        columns["variables"] = column(lists, made)
    kind, values = draw(st.sampled_from(VALUE_TYPES))
    match draw(st.sampled_from(["none", "struct", "map", "null"])):
        case "struct":
            names = draw(st.lists(st.sampled_from(["user", "host", "Content"]), unique=True, min_size=1))
            items = st.none() | st.fixed_dictionaries(dict.fromkeys(names, st.none() | values))
            columns["named_variables"] = column(items, pa.struct([(name, kind) for name in names]))
        case "map" if not pa.types.is_dictionary(kind):
            pairs = st.tuples(st.sampled_from(["user", "host", "Content"]), st.none() | values)
            columns["named_variables"] = column(
                st.none() | st.lists(pairs, max_size=3), pa.map_(pa.string(), kind)
            )
        case "null":
            columns["named_variables"] = pa.nulls(rows)
    if draw(st.booleans()):
        kind, values = draw(st.sampled_from(STAMPS))
        columns["timestamp"] = column(st.none() | values, kind)
    table = pa.table(columns)
    return table.slice(draw(st.integers(0, 3)))


def row_by_row(ep: EventPersistency, table: pa.Table) -> None:
    for row in table.to_pylist():
        named = dict(row.get("named_variables") or {})
        ep.ingest_event(
            row["event_id"], row["event_template"], row.get("variables") or [], named, row.get("timestamp")
        )


SETTINGS: list[dict[str, Any]] = [
    {},
    {"segmentation": "both", "max_distinct": 3},
    {"segmentation": "time", "forget_after": 2},
    {"forget_after": timedelta(seconds=4), "max_distinct": 2},
    {"converter_function": "value_combinations"},
]


@settings(max_examples=150)
@given(
    st.sampled_from(SETTINGS),
    st.lists(tables(), min_size=1, max_size=3),
    st.sampled_from(["arrow", "polars"]),
)
def test_a_batch_is_learned_as_its_rows_are(
    kwargs: dict[str, Any], batches: list[pa.Table], library: str
) -> None:
    one = EventPersistency(EventStabilityTracker, event_data_kwargs=kwargs)
    other = EventPersistency(EventStabilityTracker, event_data_kwargs=kwargs)
    for table in batches:
        row_by_row(one, table)
        given_ = table
        if library == "polars" and can_be_polars(table):
            given_ = pl.from_arrow(table)
        other.ingest_batch(given_)

    assert observed(other) == observed(one)
    assert other.events_ingested == one.events_ingested
    assert list(other.get_events_data()) == list(one.get_events_data())
    assert other.cut().seen == one.cut().seen


def can_be_polars(table: pa.Table) -> bool:
    """Polars has no maps, and joins values of one key; what it reads is not what Arrow's rows are."""
    return not any(
        word in str(field.type)
        for field in table.schema
        for word in ("map", "ns", "dictionary", "decimal", "null", "[s")
    )


@settings(max_examples=30)
@given(tables())
def test_a_backend_of_ones_own_gets_the_rows_of_a_batch(table: pa.Table) -> None:
    one, other = EventPersistency(OwnBackend), EventPersistency(OwnBackend)
    row_by_row(one, table)
    other.ingest_batch(table)

    assert {key: str(data.get_data()) for key, data in other.get_events_data().items()} == {
        key: str(data.get_data()) for key, data in one.get_events_data().items()
    }
    assert other.get_event_templates() == one.get_event_templates()


@settings(max_examples=50)
@given(st.sampled_from([EventDataFrame, ChunkedEventDataFrame]), st.lists(tables(), min_size=1, max_size=3))
def test_a_frame_has_the_rows_of_a_batch(backend: type[EventDataStructure], batches: list[pa.Table]) -> None:
    one, other = EventPersistency(backend), EventPersistency(backend)
    for table in batches:
        row_by_row(one, table)
        other.ingest_batch(table)

    frames = [{key: data.get_data() for key, data in ep.get_events_data().items()} for ep in (one, other)]
    assert list(frames[0]) == list(frames[1])
    for key, frame in frames[0].items():
        assert list(frame.columns) == list(frames[1][key].columns)
        assert cells(frame) == cells(frames[1][key])
    assert {key: data.dump() for key, data in one.get_events_data().items()} == {
        key: data.dump() for key, data in other.get_events_data().items()
    }


def cells(frame: Any) -> list[str]:
    """Give the rows as text, in which NaN equals NaN."""
    rows = frame.rows() if isinstance(frame, pl.DataFrame) else frame.itertuples()
    return [repr(row) for row in rows]


def simple(**columns: Any) -> pa.Table:
    return pa.table({"event_id": [1, 2], "event_template": ["t", "t"], **columns})


def test_a_null_in_a_struct_is_the_value_none_and_a_key_that_a_map_lacks_is_absent() -> None:
    struct = EventPersistency(EventStabilityTracker)
    struct.ingest_batch(simple(named_variables=[{"user": "a", "host": None}, {"user": None, "host": "b"}]))
    maps = EventPersistency(EventStabilityTracker)
    kind = pa.map_(pa.string(), pa.string())
    maps.ingest_batch(simple(named_variables=pa.array([[("user", "a")], [("host", None)]], kind)))

    assert [list(struct[1].get_data()), list(maps[1].get_data())] == [["user", "host"], ["user"]]  # type: ignore[union-attr]
    assert list(struct[1].get_data()["host"].values()) == [None]  # type: ignore[union-attr]
    assert list(maps[2].get_data()["host"].values()) == [None]  # type: ignore[union-attr]


def test_a_record_batch_and_a_polars_frame_are_batches_too() -> None:
    table = simple(variables=[["a"], ["b"]])
    for batch in (table, table.to_batches()[0], pl.from_arrow(table)):
        ep = EventPersistency(EventStabilityTracker)
        ep.ingest_batch(batch)
        assert list(ep[2].get_data()["var_0"].values()) == ["b"]  # type: ignore[union-attr]


def test_lists_that_arrow_keeps_as_views_are_read_whole() -> None:
    for view in (pa.list_view(pa.string()), pa.large_list_view(pa.string())):
        lists = pa.array([["x"], ["a", "b"], None, ["c"], []], view)
        table = pa.table({"event_id": [9, 1, 2, 3, 4], "event_template": ["t"] * 5, "variables": lists})
        one, other = EventPersistency(EventStabilityTracker), EventPersistency(EventStabilityTracker)
        row_by_row(one, table.slice(1))
        other.ingest_batch(table.slice(1))
        assert observed(other) == observed(one)
        assert list(other[1].get_data()) == ["var_0", "var_1"]  # type: ignore[union-attr]


def test_categories_of_polars_are_texts() -> None:
    frame = pl.DataFrame({"event_id": ["a", "b"], "event_template": ["t", "u"], "variables": [["x"], ["y"]]})
    for kind in (pl.Categorical, pl.Enum(["a", "b", "t", "u"])):
        ep = EventPersistency(EventStabilityTracker)
        ep.ingest_batch(frame.with_columns(pl.col("event_id", "event_template").cast(kind)))
        assert ep.get_event_templates() == {"a": "t", "b": "u"}


def test_an_empty_batch_changes_nothing() -> None:
    ep = EventPersistency(EventStabilityTracker)
    ep.ingest_batch(simple(variables=[["a"], ["b"]]).slice(0, 0))
    ep.ingest_batch(
        pa.table({"event_id": pa.array([], pa.int64()), "event_template": pa.array([], pa.string())})
    )

    assert (ep.get_events_seen(), ep.events_ingested) == (set(), 0)


@pytest.mark.parametrize(
    ("table", "error", "words"),
    [
        (simple(variables=[["a"], [None]], colour=[1, 2]), ValueError, "the columns of a batch are"),
        (pa.table({"event_id": [1]}), ValueError, "the columns of a batch are"),
        (pa.table({"event_id": [1.5], "event_template": ["t"]}), UnsupportedValueError, "not a float"),
        (pa.table({"event_id": [True], "event_template": ["t"]}), UnsupportedValueError, "not a bool"),
        (pa.table({"event_id": [1, None], "event_template": ["t"] * 2}), UnsupportedValueError, "NoneType"),
        (simple(variables=["a", "b"]), TypeError, "column 'variables' is a list in each row, not string"),
        (simple(named_variables=["a", "b"]), TypeError, "column 'named_variables' is a struct or a map"),
        (
            simple(variables=[["a"], ["b"]], timestamp=[datetime(2026, 1, 1)] * 2),  # noqa: DTZ001
            ValueError,
            "has no time zone",
        ),
        (simple(variables=[["a"], ["b"]], timestamp=[1.0, float("nan")]), ValueError, "not a finite number"),
        (simple(variables=[["a"], ["b"]], timestamp=[1, 2**61]), ValueError, "too far from the epoch"),
        (simple(variables=[["a"], ["b"]], timestamp=["a", "b"]), TypeError, "a timestamp is"),
        (
            simple(variables=[["a"], [["b"]]] and [[["a"]], [["b"]]]),
            UnsupportedValueError,
            "event 1, variable 'var_0'",
        ),
        (
            simple(variables=[["a"], ["b"]], named_variables=[{"user": {"a": 1}}, {"user": {"a": 2}}]),
            UnsupportedValueError,
            "event 1, variable 'user': a value of type dict",
        ),
        (simple(variables=[["a"], ["b"]], named_variables=[{"var_0": 1}] * 2), ValueError, "positional one"),
        ("rows", TypeError, "a batch is an Arrow table"),
    ],
)
def test_what_is_no_batch_is_refused_whole(table: Any, error: type[Exception], words: str) -> None:
    ep = EventPersistency(EventStabilityTracker)

    with pytest.raises(error, match=words):
        ep.ingest_batch(table)

    assert (ep.get_events_seen(), ep.events_ingested) == (set(), 0)


def test_a_null_template_is_refused_only_where_there_are_variables() -> None:
    ep = EventPersistency(EventStabilityTracker)
    ep.ingest_batch(pa.table({"event_id": [1, 2], "event_template": [None, "t"], "variables": [[], ["a"]]}))
    assert ep.get_events_seen() == {1, 2}

    with pytest.raises(UnsupportedValueError, match="template of event 1 is a text"):
        ep.ingest_batch(pa.table({"event_id": [1], "event_template": pa.nulls(1), "variables": [["a"]]}))


def test_values_that_the_blacklist_names_are_not_looked_at() -> None:
    ep = EventPersistency(EventStabilityTracker, ["raw", 0])
    ep.ingest_batch(simple(variables=[["a", "b"], ["c", "d"]], named_variables=[{"raw": [1]}, {"raw": [2]}]))

    assert list(ep[1].get_data()) == ["var_1"]  # type: ignore[union-attr]


def test_many_events_with_few_rows_each_do_not_wait_for_ever() -> None:
    ep = EventPersistency(EventStabilityTracker)
    count = 25_000
    for _ in range(3):
        ep.ingest_batch(
            pa.table(
                {
                    "event_id": list(range(count)),
                    "event_template": ["t"] * count,
                    "variables": [["a"]] * count,
                }
            )
        )

    assert sum(len(memory.times) for memory in ep._memories.values()) < 66_000
    assert ep[5].get_data()["var_0"].total == 3  # type: ignore[union-attr]
