"""Columns of values in every form."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.sources.values import factorise_texts, numbers_of_column, text_of_value


def objects(values: list[Any]) -> np.ndarray[Any, np.dtype[np.object_]]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1.0), ("1", 1.0), (" 1.5e3 ", 1500.0), ("-0", 0.0), (True, 1.0), (False, 0.0),
        (Decimal("1.25"), 1.25),
        (Fraction(1, 4), 0.25), (np.float32(0.5), 0.5), (np.int8(3), 3.0), (10**20, 1e20),
    ],
)  # fmt: skip
def test_a_number_is_read(value: Any, number: float) -> None:
    numbers, bad = numbers_of_column(objects([value]))

    assert (numbers.tolist(), bad.tolist()) == ([number], [False])


@pytest.mark.parametrize(
    "value",
    [None, "", "  ", "nan", "inf", "-Infinity", float("inf"), float("nan"), "1e999", 10**400, Decimal("NaN")],
)
def test_a_missing_value_is_nan_and_not_bad(value: Any) -> None:
    numbers, bad = numbers_of_column(objects([1.0, value]))

    assert (math.isnan(numbers[1]), bad.tolist()) == (True, [False, False])


@pytest.mark.parametrize("value", ["x", "1,5", "1_000", "0x10", "1 2", b"1", [1], {"a": 1}, 1j, object()])
def test_what_is_not_a_number_is_bad_and_disturbs_nobody(value: Any) -> None:
    numbers, bad = numbers_of_column(objects(["1", value, 3]))

    assert (numbers[[0, 2]].tolist(), bad.tolist()) == ([1.0, 3.0], [False, True, False])


def test_typed_columns_are_read() -> None:
    for column, expected in (
        (np.array([True, False]), [1.0, 0.0]),
        (np.array([1, 2], dtype=np.int64), [1.0, 2.0]),
        (np.array([0.5, 1.5], dtype=np.float32), [0.5, 1.5]),
    ):
        numbers, bad = numbers_of_column(column)
        assert (numbers.tolist(), bad.tolist()) == (expected, [False, False])


def test_a_column_of_times_is_not_numbers() -> None:
    _, bad = numbers_of_column(np.array(["2026-11-30", "NaT"], dtype="datetime64[ms]"))

    assert bad.tolist() == [True, False]


@given(st.lists(st.sampled_from([None, "", "1", "2.5", "x", "inf", 3, 4.5, True, "1_0"]), max_size=30))
def test_a_cell_is_read_the_same_whatever_stands_beside_it(cells: list[Any]) -> None:
    column = objects(cells)
    numbers, bad = numbers_of_column(column)

    alone = [numbers_of_column(column[at : at + 1]) for at in range(len(cells))]

    np.testing.assert_array_equal(numbers, [one[0][0] for one in alone])
    np.testing.assert_array_equal(bad, [one[1][0] for one in alone])


@pytest.mark.parametrize(
    ("column", "names"),
    [
        (np.array([3, 1, 3]), ["1", "3"]),
        (np.array([3.0, 1.5, np.nan]), ["", "1.5", "3"]),
        (np.array([True, False]), ["false", "true"]),
        (objects(["b", "a", None, "b"]), ["", "a", "b"]),
        (objects([1, "1", 1.0, True]), ["1", "true"]),
        (objects([[1], {"a": 2}]), ["[1]", "{'a': 2}"]),
        (np.array(["2026-11-30"], dtype="datetime64[ms]"), ["2026-11-30T00:00:00.000"]),
        (np.array([], dtype=np.int64), []),
    ],
)
def test_dimension_values_become_texts(column: Any, names: list[str]) -> None:
    codes, texts = factorise_texts(column)

    assert texts == names
    assert [texts[code] for code in codes] == [text_of_value(value) for value in column]
