"""Numbers that people read: what the commands say of large values and of narrow bands."""

from __future__ import annotations

import pytest

from tocsin.model import number_text


@pytest.mark.parametrize(
    ("value", "beside", "text"),
    [
        (12_365_705.0, (12_340_860.4, 12_350_363.2), "12,365,705"),
        (1e15 + 1060, (1e15 - 60, 1e15 + 60), "1,000,000,000,001,060"),
        (999_999_999_999_940.0, (1e15 + 60,), "999,999,999,999,940"),
        (0.99999912, (0.99999934, None), "0.99999912"),
        (5.02298e-12, (4.04053e-12, 5.94777e-12), "5.02298e-12"),
        (-1_234_567.8, (), "-1,234,568"),
        (0.0, (0.0, None), "0"),
    ],
)
def test_a_number_is_written_so_that_it_can_be_told_from_its_bounds(
    value: float, beside: tuple[float | None, ...], text: str
) -> None:
    assert number_text(value, *beside) == text
