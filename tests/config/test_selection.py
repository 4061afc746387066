"""Selectors: name, glob, path, `tag:`, `kind:`, `state:`; space is or, comma is and."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import ConfigError
from tocsin.runtime.selection import select_monitors


@dataclass(frozen=True)
class Monitor:
    name: str
    path: Path
    tags: tuple[str, ...] = ()
    kind: str = "metric"


MONITORS = (
    Monitor("cpu", Path("/p/metrics/host/cpu.yml"), ("host", "fast")),
    Monitor("memory", Path("/p/metrics/host/memory.yaml"), ("host",)),
    Monitor("orders", Path("/p/metrics/shop/orders.yml"), ("shop", "fast")),
    Monitor("auth", Path("/p/logs/auth.yml"), ("host",), "log"),
)
ALL = ["cpu", "memory", "orders", "auth"]


def names(select: str | None, exclude: str | None = None) -> list[str]:
    def in_state(state: str) -> set[str]:
        return {"orders"} if state == "failed" else set(ALL)

    return [monitor.name for monitor in select_monitors(MONITORS, select, exclude, in_state=in_state)]


@pytest.mark.parametrize(
    ("select", "chosen"),
    [
        (None, ALL),
        ("cpu", ["cpu"]),
        ("c*", ["cpu"]),
        ("*or*", ["memory", "orders"]),
        ("?pu", ["cpu"]),
        ("[a-c]*", ["cpu", "auth"]),
        ("cpu orders", ["cpu", "orders"]),
        ("orders cpu", ["cpu", "orders"]),
        ("tag:host", ["cpu", "memory", "auth"]),
        ("tag:h*", ["cpu", "memory", "auth"]),
        ("tag:host,tag:fast", ["cpu"]),
        ("tag:host,kind:metric", ["cpu", "memory"]),
        ("tag:shop kind:log", ["orders", "auth"]),
        ("kind:log", ["auth"]),
        ("state:failed", ["orders"]),
        ("state:completed,tag:host", ["cpu", "memory", "auth"]),
        ("metrics/host/cpu.yml", ["cpu"]),
        ("./metrics/host/cpu.yml", ["cpu"]),
        ("cpu.yml", ["cpu"]),
        ("host/*", ["cpu", "memory"]),
        ("metrics/host/", ["cpu", "memory"]),
        ("/p/logs/auth.yml", ["auth"]),
        ("cpu,", ["cpu"]),
        ("  cpu  ", ["cpu"]),
    ],
)
def test_a_selector_chooses_in_the_order_of_the_project(select: str | None, chosen: list[str]) -> None:
    assert names(select) == chosen


@pytest.mark.parametrize(
    ("select", "exclude", "chosen"),
    [
        (None, "cpu", ["memory", "orders", "auth"]),
        (None, "tag:host", ["orders"]),
        ("tag:host", "kind:log", ["cpu", "memory"]),
        ("tag:fast", "state:failed", ["cpu"]),
        (None, "nothing", ALL),
        (None, ",", ALL),
    ],
)
def test_exclude_takes_away(select: str | None, exclude: str, chosen: list[str]) -> None:
    assert names(select, exclude) == chosen


@pytest.mark.parametrize(
    ("select", "exclude", "said"),
    [
        ("cpi", None, "nothing is selected by 'cpi': did you mean 'cpu'?"),
        ("", None, "nothing is selected by '': `tocsin ls` shows what there is"),
        (",", None, "nothing is selected by ','"),
        ("tag:none", None, "nothing is selected by 'tag:none'"),
        ("cpu", "cpu", "nothing is selected by 'cpu' without 'cpu'"),
        (None, "*", "nothing is selected by 'all' without '*'"),
        ("state:odd", None, "there is no state 'odd': states are failed, completed, running"),
    ],
)
def test_nothing_selected_is_an_error(select: str | None, exclude: str | None, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        names(select, exclude)

    assert str(caught.value).startswith(said)


def test_a_project_without_monitors_says_so() -> None:
    with pytest.raises(ConfigError, match="the project has no monitors"):
        select_monitors([], None, None, in_state=lambda _: set())


def test_states_are_asked_for_only_when_needed() -> None:
    def in_state(state: str) -> set[str]:
        raise AssertionError(state)

    assert len(select_monitors(MONITORS, "tag:host", "kind:log", in_state=in_state)) == 2


terms = st.sampled_from([*ALL, "tag:host", "tag:fast", "kind:metric", "state:failed", "m*", "host/*"])


@given(st.lists(st.lists(terms, min_size=1, max_size=3), min_size=1, max_size=3))
def test_space_is_or_and_comma_is_and(alternatives: list[list[str]]) -> None:
    def chosen(select: str) -> set[str]:
        try:
            return set(names(select))
        except ConfigError:
            return set()

    expression = " ".join(",".join(group) for group in alternatives)
    expected = set().union(*(set.intersection(*map(chosen, group)) for group in alternatives))

    assert chosen(expression) == expected
