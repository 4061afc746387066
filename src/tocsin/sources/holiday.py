"""Public holidays of countries and their subdivisions."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np

from tocsin.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["check_holidays", "holiday_days"]


def check_holidays(place: str) -> None:
    """Make sure that the holidays of a place are known.

    Args:
        place: A country's ISO 3166 code (`DE`), perhaps with a subdivision (`DE-BY`).

    Raises:
        ConfigError: They are not.
    """
    holiday_days(place, np.array([0, 0]))


def holiday_days(place: str, days: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the holidays of a place in the years of some days, all as days since the epoch.

    Args:
        place: A country's ISO 3166 code (`DE`), perhaps with a subdivision (`DE-BY`).
        days: int64 days, rising.

    Raises:
        ConfigError: The place is not known.
    """
    if not len(days):
        return np.empty(0, dtype=np.int64)
    import holidays

    country, _, subdivision = place.upper().partition("-")
    supported = holidays.list_supported_countries(include_aliases=True)
    if country not in supported:
        message = f"the holidays of {place!r} are not known"
        raise ConfigError(message, hint=_suggest(country, sorted(supported), "a country's code such as DE"))
    subdivisions = {name.upper(): name for name in supported[country]}
    if subdivision and subdivision not in subdivisions:
        message = f"the holidays of {place!r} are not known: {country} has no subdivision {subdivision!r}"
        known = [f"{country}-{name}" for name in subdivisions]
        raise ConfigError(message, hint=_suggest(place.upper(), known, country))
    first, last = days[[0, -1]].astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    years = range(int(first), int(last) + 1)
    found = holidays.country_holidays(country, subdiv=subdivisions.get(subdivision), years=years)
    return np.array(sorted(found), dtype="datetime64[D]").astype(np.int64)


def _suggest(word: str, known: list[str], example: str) -> str:
    near = get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"write {example}"
