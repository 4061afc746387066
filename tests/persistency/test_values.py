from __future__ import annotations

import enum
import math
from datetime import UTC, datetime
from decimal import Decimal
from ipaddress import IPv4Address
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.persistency.strategies import VALUES
from tocsin.persistency.times import datetime_of, micros_of
from tocsin.persistency.values import (
    LONGEST_TEXT,
    UnsupportedValueError,
    decode_key,
    encode_key,
    key_of,
    plain_value,
    value_of,
)

ANY_VALUE = st.one_of(
    VALUES,
    st.integers(),
    st.floats(),
    st.binary(max_size=8),
    st.decimals(),
    st.datetimes(timezones=st.just(UTC) | st.none()),
    st.ip_addresses(),
    st.recursive(
        st.integers() | st.none() | st.booleans(), lambda inner: st.tuples(inner, inner), max_leaves=6
    ),
)


@given(ANY_VALUE)
def test_a_key_is_written_and_read_back(value: Any) -> None:
    key = key_of(value)
    tag, text = encode_key(key)

    assert hash(key) == hash(key_of(value))
    assert (type(tag), type(text)) == (str, str)
    assert decode_key(tag, text) == key
    assert key_of(value_of(key)) == key


@given(ANY_VALUE, ANY_VALUE)
def test_different_values_have_different_keys(one: Any, other: Any) -> None:
    same = (
        repr(plain_value(one)) == repr(plain_value(other))
        if not is_huge(one) and not is_huge(other)
        else one is other
    )
    if key_of(one) == key_of(other):
        assert type(one) is type(other)
        assert same or one == other or (one != one and other != other)  # noqa: PLR0124 - NaN
    elif same:
        raise AssertionError(f"{one!r} has two keys")


def is_huge(value: Any) -> bool:
    return isinstance(value, int) and abs(value) > 10**4000


@given(VALUES)
def test_a_plain_value_has_the_key_of_the_value(value: Any) -> None:
    assert key_of(plain_value(value)) == key_of(value)


class Colour(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Pair(NamedTuple):
    one: Any
    other: Any


@pytest.mark.parametrize(
    ("given_", "plain"),
    [
        (np.int64(3), 3),
        (np.uint64(2**63), 2**63),
        (np.float32(0.5), 0.5),
        (np.float64(0.5), 0.5),
        (np.bool_(True), True),  # noqa: FBT003
        (np.str_("a"), "a"),
        (np.bytes_(b"a"), b"a"),
        (Colour.RED, "red"),
        (Level.LOW, 1),
        (Pair("a", np.int8(1)), ("a", 1)),
    ],
)
def test_values_of_derived_types_are_those_of_their_base(given_: Any, plain: Any) -> None:
    result = plain_value(given_)

    assert (type(result), result) == (type(plain), plain)
    assert key_of(given_) == key_of(plain)


def test_all_nan_are_one_value_and_so_are_the_two_zeros() -> None:
    assert key_of(math.nan) == key_of(float("-nan")) == key_of(np.float64("nan"))
    assert key_of(0.0) == key_of(-0.0)
    assert math.isnan(value_of(key_of(math.nan)))


def test_texts_and_bytes_beyond_the_limit_are_known_by_a_digest() -> None:
    longest, longer = "x" * LONGEST_TEXT, "x" * (LONGEST_TEXT + 1)

    assert key_of(longest) == longest
    assert key_of(longer) != key_of(longer + "x")
    assert len(key_of(longer)) < LONGEST_TEXT
    assert key_of(key_of(longer)) == key_of(longer)
    assert len(key_of(b"x" * 2**20)[1]) <= 16


@pytest.mark.parametrize(
    "value", [[1], {1: 2}, {1}, 1j, object(), (1, [2]), np.array([1, 2]), frozenset({1})]
)
def test_other_types_are_refused_by_name(value: Any) -> None:
    for function in (key_of, plain_value):
        with pytest.raises(UnsupportedValueError, match=r"a value of type \w+ cannot be kept"):
            function(value)


def test_a_tuple_that_is_too_deep_is_refused() -> None:
    deep: Any = ()
    for _ in range(100_000):
        deep = (deep,)

    with pytest.raises(UnsupportedValueError, match="deep"):
        plain_value(deep)
    while deep:  # else Python would free it recursively
        (deep,) = deep


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("int", "x"),
        ("int", " 1"),
        ("int", "1_0"),
        ("int", "0x10"),
        ("bool", "1"),
        ("float", "0.5"),
        ("float", "1e999"),
        ("bytes", "0"),
        ("bytes", "AB"),
        ("none", "x"),
        ("tuple", "{}"),
        ("tuple", "[[1,2]]"),
        ("tuple", '[["no", "tag"]]'),
        ("tuple", "[" * 100_000),
        ("decimal", "one"),
        ("datetime", "2026"),
        ("address", "10.0.0"),
        ("os.system", "ls"),
        ("", ""),
    ],
)
def test_what_is_no_value_is_refused(tag: str, text: str) -> None:
    with pytest.raises(ValueError, match=r".{5,}"):
        decode_key(tag, text)


def test_a_tag_that_is_unknown_has_no_value() -> None:
    with pytest.raises(ValueError, match="not the tag"):
        value_of(("eval", "1"))


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_survives_as_microseconds(moment: datetime) -> None:
    assert datetime_of(micros_of(moment)) == moment


def test_values_that_equal_each_other_in_python_are_told_apart_by_type() -> None:
    keys = {key_of(value) for value in (1, True, 1.0, Decimal(1), "1", b"1", (1,), IPv4Address(1), None)}

    assert len(keys) == 9
