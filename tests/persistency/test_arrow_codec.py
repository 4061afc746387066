"""Dumps: what goes in comes out, and damage is an error."""

from __future__ import annotations

import hashlib
import io
import json
import tracemalloc
from datetime import UTC, datetime
from decimal import Decimal
from ipaddress import ip_address
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.persistency.arrow_codec import decode, encode, key_columns, read_blob, read_keys, read_numbers
from tocsin.persistency.values import key_of

SCALARS = (
    st.text(st.characters())
    | st.integers(-(2**80), 2**80)
    | st.booleans()
    | st.floats()
    | st.binary()
    | st.none()
    | st.decimals()
    | st.ip_addresses()
    | st.datetimes(timezones=st.none() | st.just(UTC))
)
VALUES = SCALARS | st.tuples(SCALARS, SCALARS)


def sealed(body: bytes) -> bytes:
    return body + hashlib.blake2b(body, digest_size=16).digest()


def example() -> bytes:
    keys = ["a", 1, key_of(1.5), key_of(None), "\ud800"]
    table = pa.table({**key_columns(keys), "count": pa.array([1, 2, 3, 4, None], pa.int64())})
    return encode("kind", 1, {"values": table, "flags": pa.table({"on": [True, False]})}, {"clock": 7})


@given(st.lists(VALUES))
def test_keys_come_back_as_they_were(values: list[Any]) -> None:
    keys = list(map(key_of, values))

    content = encode("kind", 1, {"values": pa.table(key_columns(keys, "my_"))})

    assert read_keys(decode(content, "kind", 1).tables["values"], "my_") == keys


def test_attributes_versions_and_tables_come_back() -> None:
    numbers = pa.table({"count": pa.array([1, 2], pa.int64()), "bits": pa.array([b"x", b"y"])})

    decoded = decode(encode("kind", 2, {"b": numbers, "a": pa.table({"f": [0.5]})}, [1, None]), "kind", 3)

    assert (decoded.version, list(decoded.tables), decoded.attributes) == (2, ["b", "a"], [1, None])
    assert read_numbers(decoded.tables["b"], "count").tolist() == [1, 2]
    assert read_blob(decoded.tables["b"], "bits", 1) == b"y"
    assert decode(encode("kind", 1, {}, {}), "kind", 1).tables == {}


def test_the_same_state_gives_the_same_bytes_however_it_is_chunked() -> None:
    table = pa.table({"tag": pa.array(["a", "b", "a"]).dictionary_encode(), "count": [1, 2, 3]})
    parts = pa.concat_tables([table.slice(0, 1), table.slice(1)])

    assert encode("kind", 1, {"t": table}) == encode("kind", 1, {"t": parts})


@pytest.mark.parametrize(
    ("kind", "newest", "words"),
    [("other", 1, "of kind 'kind', not 'other'"), ("kind", 0, "version 1, this tocsin reads up to 0")],
)
def test_another_kind_and_a_newer_version_are_named(kind: str, newest: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        decode(example(), kind, newest)


def test_every_truncation_flip_and_addition_is_an_error() -> None:
    content = example()
    damaged = [content[:length] for length in range(len(content))]
    damaged += [content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :] for at in range(len(content))]
    damaged += [content + b"\0", content + content, b"\0" + content]

    for each in damaged:
        with pytest.raises(ValueError, match="kind state"):
            decode(each, "kind", 1)


@pytest.mark.parametrize("new", [0, 1, 127, 128, 255])
def test_a_forged_dump_with_a_right_digest_is_an_error_or_some_tables(new: int) -> None:
    body = example()[:-16]
    read = 0

    for at in range(len(body)):
        for forged in (body[:at], body[:at] + bytes([new]) + body[at + 1 :]):
            try:
                tables = decode(sealed(forged), "kind", 1).tables
            except ValueError:
                continue
            read += 1
            assert sum(table.nbytes for table in tables.values()) <= 4 * len(body)
            for table in tables.values():
                table.to_pylist()

    assert read > 0


@settings(max_examples=200)
@given(st.binary(max_size=40), st.integers(0, 2000), st.integers(0, 2000))
def test_a_forged_dump_never_crashes_nor_takes_much_memory(patch: bytes, start: int, cut: int) -> None:
    body = example()[:-16]
    forged = body[:start] + patch + body[start + len(patch) :][: max(0, len(body) - cut)]

    tracemalloc.start()
    try:
        decode(sealed(forged), "kind", 1)
    except ValueError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert peak < 2**20


def stream(table: pa.Table, header: Any, name: str = "t", **options: Any) -> bytes:
    out = io.BytesIO()
    schema = table.schema.with_metadata(
        {b"tocsin": json.dumps(header).encode(), b"tocsin.table": name.encode()}
    )
    with pa.ipc.new_stream(out, schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table.replace_schema_metadata(schema.metadata))
    return out.getvalue()


HEADER = {"kind": "kind", "version": 1, "rows": {"t": 1000}, "attributes": None}


def test_compressed_buffers_are_refused_since_they_can_claim_any_size() -> None:
    table = pa.table({"text": ["x" * 1000] * 1000, "code": pa.array(["a"] * 1000).dictionary_encode()})

    assert decode(sealed(stream(table, HEADER)), "kind", 1).tables["t"].num_rows == 1000
    for compression in ("zstd", "lz4"):
        with pytest.raises(ValueError, match="compressed"):
            decode(sealed(stream(table, HEADER, compression=compression)), "kind", 1)


@pytest.mark.parametrize(
    "column",
    [pa.nulls(1000), pa.array([{}] * 1000, pa.struct([])), pa.array([[]] * 1000, pa.list_(pa.null()))],
)
def test_types_that_can_claim_rows_without_bytes_are_refused(column: pa.Array) -> None:
    with pytest.raises(ValueError, match="which no state uses"):
        decode(sealed(stream(pa.table({"text": column}), HEADER)), "kind", 1)


@pytest.mark.parametrize(
    "header",
    [
        {**HEADER, "version": "1"},
        {**HEADER, "version": True},
        {**HEADER, "rows": {"t": 999}},
        {**HEADER, "rows": {"t": 1000, "u": 0}},
        {"kind": "kind", "version": 1},
        [],
        None,
        "kind",
    ],
)
def test_a_header_that_lies_is_an_error(header: Any) -> None:
    content = sealed(stream(pa.table({"count": np.arange(1000)}), header))

    with pytest.raises(ValueError, match=r"state|version|announces"):
        decode(content, "kind", 1)


def test_a_table_that_is_there_twice_is_an_error() -> None:
    one = stream(pa.table({"count": np.arange(1000)}), HEADER)

    with pytest.raises(ValueError, match="twice"):
        decode(sealed(one + one), "kind", 1)


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("str ", "a"),
        ("int", "x"),
        ("float", "y"),
        ("tuple", "[1]"),
        ("tuple", "{"),
        ("bytes", "0"),
        ("bool", "1"),
    ],
)
def test_a_text_that_does_not_fit_its_tag_is_an_error(tag: str, text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_keys(pa.table({"tag": [tag], "text": [text]}))


def test_columns_are_checked_when_they_are_read() -> None:
    table = pa.table({"count": [1, None], "text": ["a", "b"], "size": pa.array([1, 2], pa.int32())})

    for name in ("count", "absent", "text", "size"):
        with pytest.raises(ValueError, match=name):
            read_numbers(table, name)
    for name, row in (("text", 0), ("absent", 0), ("text", 2)):
        with pytest.raises(ValueError, match=name):
            read_blob(table, name, row)


def test_every_type_of_value_is_kept() -> None:
    values = [
        "x",
        1,
        1.0,
        True,
        b"x",
        None,
        (1, ("a",)),
        Decimal("1.10"),
        datetime(2026, 1, 2, tzinfo=UTC),
        ip_address("::1"),
    ]

    decoded = decode(encode("kind", 1, {"v": pa.table(key_columns(list(map(key_of, values))))}), "kind", 1)

    assert read_keys(decoded.tables["v"]) == list(map(key_of, values))
