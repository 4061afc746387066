"""How much memory the distinct values of a variable may take."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DistinctSettings", "is_time"]

_MEBIBYTE = 2**20
_LARGEST_FILTER = 512 * _MEBIBYTE
_LONGEST = 2**61


@dataclass(frozen=True, slots=True)
class DistinctSettings:
    """How much to remember of a variable's values.

    Attributes:
        max_distinct: So many values are kept as they are; `None` keeps all, for ever exact.
        max_hashes: Then so many are kept as 64-bit hashes.
        false_positive_rate: Then a filter takes a value that never came for a known one this often, as long
            as `max_filter_bytes` has room (17 million values at 0.001).
        forget_after: A value that was not seen for longer than so many microseconds is news again.
        max_filter_bytes: The size to which a filter may grow.

    Raises:
        ValueError: One of them is out of its range.
    """

    max_distinct: int | None = 10_000
    max_hashes: int = 500_000
    false_positive_rate: float = 0.001
    forget_after: int | None = None
    max_filter_bytes: int = 32 * _MEBIBYTE

    def __post_init__(self) -> None:
        _check(
            "max_distinct", self.max_distinct is None or _is_whole(self.max_distinct, 1), self.max_distinct
        )
        _check("max_hashes", _is_whole(self.max_hashes, 1), self.max_hashes)
        _check(
            "max_filter_bytes", _is_whole(self.max_filter_bytes, 1024, _LARGEST_FILTER), self.max_filter_bytes
        )
        _check(
            "forget_after", self.forget_after is None or _is_whole(self.forget_after, 1), self.forget_after
        )
        rate = self.false_positive_rate
        _check("false_positive_rate", type(rate) is float and 1e-9 <= rate <= 0.5, rate)  # noqa: PLR2004

    @property
    def slot_width(self) -> int:
        """Microseconds of a slot of time, a quarter of `forget_after`: what ages does so slot by slot."""
        return 1 if self.forget_after is None else -(-self.forget_after // 4)


def is_time(value: object) -> bool:
    """Tell whether it is an instant in microseconds whose differences fit in 64 bits."""
    return type(value) is int and -2 * _LONGEST < value < 2 * _LONGEST


def _is_whole(value: object, least: int, most: int = _LONGEST) -> bool:
    return type(value) is int and least <= value <= most


def _check(name: str, is_right: bool, value: object) -> None:  # noqa: FBT001 - two lines above say what it is
    if not is_right:
        message = f"{name} cannot be {value!r}"
        raise ValueError(message)
