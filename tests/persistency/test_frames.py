"""Frames: every row as it was given, whatever the batches, and after a restart."""

from __future__ import annotations

import math
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.persistency import EventPersistency
from tocsin.persistency.arrow_codec import decode, encode
from tocsin.persistency.frames import ChunkedEventDataFrame, EventDataFrame
from tocsin.persistency.frames import row_store as row_store_module
from tocsin.persistency.values import UnsupportedValueError

Frame = EventDataFrame | ChunkedEventDataFrame
Row = tuple[dict[str, Any], float | None]

FRAMES = pytest.mark.parametrize("make", [EventDataFrame, ChunkedEventDataFrame])
SCALARS = (
    st.text(st.characters(), max_size=5)
    | st.integers(-3, 3)
    | st.integers(2**62, 2**66)
    | st.booleans()
    | st.floats(allow_nan=False)
    | st.none()
    | st.binary(max_size=3)
    | st.decimals(allow_nan=False)
    | st.ip_addresses()
    | st.datetimes(timezones=st.just(UTC)).map(
        lambda moment: moment.replace(fold=0)  # not a part of an instant
    )
)
VALUES = SCALARS | st.tuples(SCALARS, SCALARS)
NAMES = st.sampled_from(["a", "b", "timestamp", "", "\ud800"])
ANY_ROWS = st.lists(st.tuples(st.dictionaries(NAMES, VALUES), st.none() | st.integers(0, 10**6)), max_size=25)
TEXT_ROWS = st.lists(
    st.tuples(
        st.fixed_dictionaries({"user": st.sampled_from(["ann", "bob", "eve"]), "port": st.integers(0, 9)}),
        st.integers(0, 100),
    ),
    max_size=40,
)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let eight rows be a chunk, so that few rows are many chunks."""
    monkeypatch.setattr(row_store_module, "_CHUNK_ROWS", 8)


def add(frame: Frame, rows: list[Row]) -> None:
    for row, time in rows:
        frame.add_data(row, time)


def add_columns(frame: Frame, rows: list[Row], size: int) -> None:
    """Add rows of one layout many at a time."""
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        names = tuple(part[0][0])
        times = [round((time or 0) * 1_000_000) for _, time in part]
        frame.add_rows(names, [[row[name] for row, _ in part] for name in names], times)


def rows_of(frame: Frame) -> list[tuple[dict[str, Any], float | None]]:
    """Give what a frame gives, as rows without gaps."""
    data = frame.get_data()
    columns = {name: data[name].to_list() for name in data.columns}
    times = columns.pop("event_timestamp" if "timestamp" in frame._rows.names else "timestamp", [])
    columns = dict(zip(frame._rows.names, columns.values(), strict=True))
    rows = []
    for place in range(len(frame)):
        row = {name: values[place] for name, values in columns.items()}
        kept = {name: value for name, value in row.items() if not is_missing(value)}
        rows.append((kept, None if not times or is_missing(times[place]) else times[place].timestamp()))
    return rows


def is_missing(value: Any) -> bool:
    return (
        value is None or type(value).__name__ == "NaTType" or (isinstance(value, float) and math.isnan(value))
    )


def without_gaps(rows: list[Row]) -> list[Row]:
    return [
        ({name: value for name, value in row.items() if value is not None}, time) for row, time in rows if row
    ]


def exactly(rows: list[Row]) -> str:
    """Give rows so that equal values of different types differ."""
    return repr([(sorted(row.items()), None if time is None else float(time)) for row, time in rows])


@FRAMES
@settings(max_examples=25)
@given(rows=ANY_ROWS)
def test_every_row_comes_back_with_its_values_and_types(make: type[Frame], rows: list[Row]) -> None:
    frame = make()

    add(frame, rows)

    assert exactly(rows_of(frame)) == exactly(without_gaps(rows))
    assert len(frame) == sum(bool(row) for row, _ in rows)


@FRAMES
@settings(max_examples=25)
@given(before=ANY_ROWS, after=ANY_ROWS)
def test_a_frame_goes_on_after_a_load_as_if_never_interrupted(
    make: type[Frame], before: list[Row], after: list[Row]
) -> None:
    frame = make()
    add(frame, before)

    loaded = make.load(frame.dump())

    assert loaded == frame
    assert loaded.dump() == frame.dump()
    add(frame, after)
    add(loaded, after)
    assert loaded == frame
    assert exactly(rows_of(loaded)) == exactly(rows_of(frame))


@FRAMES
@settings(max_examples=25)
@given(rows=TEXT_ROWS, size=st.sampled_from([1, 3, 8, 100]))
def test_many_rows_at_once_leave_what_rows_one_by_one_leave(
    make: type[Frame], rows: list[Row], size: int
) -> None:
    one, many = make(), make()

    add(one, rows)
    add_columns(many, rows, size)

    assert one == many
    assert exactly(rows_of(one)) == exactly(rows_of(many))


@pytest.mark.parametrize("compact_every", [1, 2, 3, 1000])
@settings(max_examples=25)
@given(rows=TEXT_ROWS, more=ANY_ROWS, max_rows=st.none() | st.integers(1, 50))
def test_a_chunked_frame_gives_exactly_the_newest_rows(
    compact_every: int, rows: list[Row], more: list[Row], max_rows: int | None
) -> None:
    frame = ChunkedEventDataFrame(max_rows=max_rows, compact_every=compact_every)
    kept = without_gaps([*rows, *more, *rows])
    expected = kept if max_rows is None else kept[-max_rows:]

    add(frame, [*rows, *more])
    loaded = ChunkedEventDataFrame.load(frame.dump(), max_rows=max_rows, compact_every=compact_every)
    add(frame, rows)
    add(loaded, rows)

    assert exactly(rows_of(frame)) == exactly(expected)
    assert loaded == frame
    assert len(frame) == len(expected)
    assert frame.get_data().height == len(expected)
    if max_rows is not None:
        assert frame._rows._chunk_rows < max_rows + 8 * compact_every + 8


@FRAMES
@settings(max_examples=25)
@given(before=TEXT_ROWS, after=TEXT_ROWS)
def test_a_cut_gives_the_rows_of_its_instant(make: type[Frame], before: list[Row], after: list[Row]) -> None:
    frame = make()
    add(frame, before)
    expected = frame.dump()

    later = frame.cut()
    add(frame, after)

    assert later() == expected
    assert later() == expected


@FRAMES
def test_what_is_given_out_is_ones_own(make: type[Frame]) -> None:
    frame, row = make(), {"user": "ann"}
    frame.add_data(row)
    row["user"] = "bob"

    given_out: Any = frame.get_data()
    if isinstance(frame, EventDataFrame):
        given_out.loc[0, "user"] = "eve"
    else:
        given_out[0, "user"] = "eve"

    assert frame.get_data()["user"].to_list() == ["ann"]


def test_pandas_columns_have_the_type_that_fits() -> None:
    frame = EventDataFrame()
    frame.add_data({"text": "a", "whole": 1, "real": 0.5, "flag": True, "mixed": 1, "gap": 1}, 0)
    frame.add_data(
        {"text": "b", "whole": 2, "real": 1.5, "flag": False, "mixed": "x"}, datetime(2026, 1, 1, tzinfo=UTC)
    )

    types = {name: str(dtype) for name, dtype in frame.get_data().dtypes.items()}

    assert types.pop("text") in {"str", "object"}
    assert types == {
        "timestamp": "datetime64[us, UTC]", "whole": "int64", "real": "float64", "flag": "bool",
        "mixed": "object", "gap": "object",
    }  # fmt: skip
    assert frame.get_data()["gap"].tolist() == [1, None]
    assert frame.get_data().columns[0] == "timestamp"


def test_polars_columns_have_the_type_that_fits() -> None:
    frame = ChunkedEventDataFrame()
    frame.add_data({"text": "a", "whole": 1, "real": 0.5, "flag": True, "mixed": 1, "none": None}, 0)
    frame.add_data({"text": None, "whole": 2, "mixed": b"x"}, 1)

    assert frame.get_data().schema == {
        "timestamp": pl.Datetime("us", "UTC"), "text": pl.String, "whole": pl.Int64, "real": pl.Float64,
        "flag": pl.Boolean, "mixed": pl.Object, "none": pl.Null,
    }  # fmt: skip
    assert frame.get_data()["whole"].sum() == 3


@FRAMES
def test_values_of_all_sizes_and_types_survive_whole(make: type[Frame]) -> None:
    row = {
        "text": "x" * 5000, "bytes": b"y" * 5000, "pair": ("z" * 5000, (None, 1.5)), "big": 2**100,
        "money": Decimal("1.50"), "host": ip_address("::1"), "when": datetime(2026, 1, 1, tzinfo=UTC),
        "half": "\udc80",
    }  # fmt: skip
    frame = make()

    frame.add_data(row)
    for each in (frame, make.load(frame.dump())):
        assert rows_of(each) == [(row, None)]


@FRAMES
def test_much_text_is_sealed_before_a_chunk_is_full(
    make: type[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_store_module, "_CHUNK_CHARACTERS", 10)
    rows: list[Row] = [({"text": "x" * (number % 13), "n": number}, float(number)) for number in range(50)]
    one, many = make(), make()

    add(one, rows)
    add_columns(many, rows, 17)

    assert one == many
    assert len(one._rows._chunks) > 15


@FRAMES
def test_a_value_that_cannot_be_kept_leaves_the_frame_as_it_was(make: type[Frame]) -> None:
    frame = make()
    frame.add_data({"a": 1})

    with pytest.raises(UnsupportedValueError, match="list"):
        frame.add_data({"a": 2, "b": []})
    with pytest.raises(ValueError, match="zone"):
        frame.add_data({"a": 2}, datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(TypeError, match="timestamp"):
        frame.add_data({"a": 2}, "now")  # type: ignore[arg-type]

    assert rows_of(frame) == [({"a": 1}, None)]


@pytest.mark.parametrize(
    "wrong", [{"max_rows": 0}, {"max_rows": 1.5}, {"compact_every": 0}, {"compact_every": None}]
)
def test_parameters_out_of_range_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ChunkedEventDataFrame(**wrong)


@FRAMES
@settings(max_examples=25)
@given(rows=TEXT_ROWS)
def test_within_a_persistency_a_frame_holds_the_same_rows(make: type[Frame], rows: list[Row]) -> None:
    persistency, alone = EventPersistency(make), make()

    for row, time in rows:
        persistency.ingest_event(1, "template", named_variables=row, timestamp=time)
    add(alone, rows)

    kept = persistency[1]
    assert kept is None if not rows else rows_of(kept) == rows_of(alone)  # type: ignore[arg-type]


def example_dump() -> bytes:
    frame = ChunkedEventDataFrame()
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(20):
        frame.add_data(
            {"user": "ann", "mixed": number if number % 3 else "x"}, moment + timedelta(seconds=number)
        )
    return frame.dump()


def test_a_damaged_dump_is_an_error() -> None:
    content = example_dump()

    for place in range(0, len(content), 7):
        for damaged in (
            content[:place],
            content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :],
        ):
            with pytest.raises(ValueError, match="chunked_frame"):
                ChunkedEventDataFrame.load(damaged)
    with pytest.raises(ValueError, match="kind 'chunked_frame', not 'pandas_frame'"):
        EventDataFrame.load(content)


@pytest.mark.parametrize(
    "lie",
    [
        {"names": ["user"]}, {"names": ["user", "user"]}, {"names": [1, 2]}, {"names": None}, {"small": 3},
        {"small": -1}, {"small": "1"}, {"sealed": 0}, {"sealed": None}, {"timed": 1}, {"waits": None}, {},
    ],
)  # fmt: skip
def test_a_forged_dump_is_an_error(lie: dict[str, Any]) -> None:
    decoded = decode(example_dump(), "chunked_frame", 1)
    forged = encode("chunked_frame", 1, decoded.tables, decoded.attributes | lie if lie else {})

    with pytest.raises(ValueError, match=r".+"):
        ChunkedEventDataFrame.load(forged)


@pytest.mark.parametrize("name", ["v7", "v1x", "other"])
def test_a_forged_column_is_an_error(name: str) -> None:
    decoded = decode(example_dump(), "chunked_frame", 1)
    first = decoded.tables["0"]
    forged = {**decoded.tables, "0": first.rename_columns(["v0", name, "time"])}

    with pytest.raises(ValueError, match=r".+"):
        ChunkedEventDataFrame.load(encode("chunked_frame", 1, forged, decoded.attributes))


@pytest.mark.parametrize("column", [np.arange(8, dtype=np.int32), [b"int:x"] * 8, [b"nocolon"] * 8])
def test_a_column_of_values_that_are_none_is_an_error(column: Any) -> None:
    decoded = decode(example_dump(), "chunked_frame", 1)
    first = decoded.tables["0"].drop_columns(["v1"]).append_column("v1", [column])

    with pytest.raises(ValueError, match=r".+"):
        ChunkedEventDataFrame.load(
            encode("chunked_frame", 1, {**decoded.tables, "0": first}, decoded.attributes)
        )


def test_persistency_loads_no_frame_library_before_a_frame_is_named() -> None:
    program = (
        "import sys, tocsin.persistency, tocsin.persistency.distinct, tocsin.persistency.arrow_codec\n"
        "heavy = {'pandas', 'polars', 'pyarrow', 'datasketches', 'fsspec'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "tocsin.persistency.ChunkedEventDataFrame\n"
        "assert 'polars' in sys.modules\n"
    )

    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
