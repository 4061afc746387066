"""The synthetic events and lines that the benchmarks of logs are made of."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from benchmarks.log_lines import make_lines
from benchmarks.log_rows import EVENT_IDS, VARIABLES, make_rows


@pytest.mark.parametrize("mix", ["usual", "few", "many", "new"])
def test_equal_seeds_make_equal_events(mix: str) -> None:
    assert list(make_rows(300, 7, mix)) == list(make_rows(300, 7, mix))
    assert list(make_rows(300, 7, mix)) != list(make_rows(300, 8, mix))


def test_events_have_the_promised_shape() -> None:
    rows = list(make_rows(5_000, 1))

    assert len({event_id for event_id, _, _, _ in rows}) == EVENT_IDS
    assert {len(values) for _, _, values, _ in rows} == {VARIABLES}
    assert [second for _, _, _, second in rows] == sorted(second for _, _, _, second in rows)


@pytest.mark.parametrize(
    ("mix", "fewest", "most"), [("few", 2, 30), ("many", 1_900, 2_100), ("new", 3_700, 4_400)]
)
def test_a_mix_decides_how_many_values_a_variable_has(mix: str, fewest: int, most: int) -> None:
    values = defaultdict(set)
    for event_id, _, row, _ in make_rows(200_000, 1, mix):
        if event_id == "E00":
            values["last"].add(row[-1])

    assert fewest <= len(values["last"]) <= most


def test_equal_seeds_make_equal_lines() -> None:
    assert list(make_lines(200, 7)) == list(make_lines(200, 7))
    assert list(make_lines(200, 7)) != list(make_lines(200, 8))


def test_one_line_in_ten_thousand_is_strange_but_none_of_the_first() -> None:
    programs = Counter(line.split()[2].split("[")[0] for line in make_lines(50_000, 1, strange_from=30_000))

    assert programs["intruder"] == 2
    assert min(programs[name] for name in programs.keys() - {"intruder"}) > 1_000
