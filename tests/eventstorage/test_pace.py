from __future__ import annotations

import pytest

from tocsin.eventstorage.pace import REMEMBERED, Pace


def test_a_step_is_as_large_as_the_slowest_of_the_last_ones_allows() -> None:
    pace = Pace(aim=0.025, first=100, least=10, most=1000)
    sizes = []
    for step in range(60):
        sizes.append(pace.amount)
        is_slow = step in (10, 20)  # somebody else needs the machine for a moment
        pace.took(pace.amount * (0.001 if is_slow else 0.000_025))

    assert sizes[:5] == [100, 200, 400, 800, 1000]
    assert sizes[5:11] == [1000] * 6
    after = 20 + REMEMBERED
    assert sizes[11 : after + 1] == [pytest.approx(25)] * (after - 10)
    assert sizes[after + 1] == pytest.approx(50)
    assert sizes[-1] == 1000


def test_a_step_is_never_smaller_than_the_least_nor_larger_than_the_most() -> None:
    pace = Pace(aim=0.025, first=100, least=10, most=5)
    assert pace.amount == 5
    for seconds in (0.0, 100.0, 0.0):
        pace.took(seconds)
        assert pace.amount == 5
    pace = Pace(aim=0.025, first=100, least=10, most=1000)
    pace.took(100.0)
    assert pace.amount == 10
