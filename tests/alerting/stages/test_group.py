"""Whose is what."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.alerting.stages.builders import event, incident
from tocsin.alerting.group import Owner, compile_owners
from tocsin.alerting.plan import AlertingPlan
from tocsin.errors import ConfigError
from tocsin.model import AlertCandidate, Group

GROUPS = (
    Group("wide", networks=("192.0.0.0/16", "2001:db8::/32")),
    Group("narrow", networks=("192.0.2.0/24", "2001:db8:1::/48")),
    Group("one", networks=("192.0.2.7",), hosts=("WWW.example.org",)),
    Group("domain", hosts=(".example.org",)),
    Group("below", hosts=(".shop.example.org",)),
    Group("shop", monitors=("shop-*", "ids"), tags=("shop",)),
    Group("tagged", tags=("shop", "web")),
    Group("both", networks=("198.51.100.0/24",)),
    Group("same", networks=("198.51.100.0/24",)),
)
PLAN = AlertingPlan(groups=GROUPS, fallback="nobody")


def owners_of(plan: AlertingPlan, candidate: AlertCandidate) -> tuple[Owner, ...]:
    return compile_owners(plan.groups, plan.fallback).of(candidate)


def owners(candidate: AlertCandidate) -> list[str]:
    return [owner.group.name for owner in owners_of(PLAN, candidate)]


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        (("192.0.9.9",), ["wide"]),
        (("192.0.2.9",), ["narrow"]),
        (("192.0.2.7",), ["one"]),
        (("::ffff:192.0.2.7",), ["one"]),
        (("192.0.2.0/25",), ["narrow"]),
        (("192.0.2.0/23",), ["wide"]),
        (("192.0.2.7-192.0.2.8",), ["narrow"]),
        (("0.0.0.0/0",), ["shop"]),
        (("2001:db8:1::5",), ["narrow"]),
        (("2001:db8:2::5",), ["wide"]),
        (("198.51.100.1",), ["both", "same"]),
        (("192.0.2.7", "192.0.9.9"), ["wide", "one"]),
        (("192.0.2.7", "203.0.113.9"), ["one"]),
        (("www.example.org",), ["one"]),
        (("mail.example.org.",), ["domain"]),
        (("example.org",), ["domain"]),
        (("notexample.org",), ["shop"]),
        (("shop.example.org",), ["below"]),
        (("a.b.shop.example.org",), ["below"]),
        (("192.0.2.7", "mail.example.org"), ["one"]),
        (("203.0.113.9", "mail.example.org"), ["domain"]),
        (("203.0.113.9",), ["shop"]),
        ((), ["shop"]),
    ],
)
def test_the_most_specific_owner_of_an_events_side_is_told(
    sources: tuple[str, ...], found: list[str]
) -> None:
    assert owners(event(sources=sources)) == found


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"sources": ("192.0.2.9",), "targets": ("192.0.2.7",)}, ["narrow"]),
        ({"sources": ("192.0.2.9",), "targets": ("192.0.2.7",), "side": "target"}, ["one"]),
        ({"sources": (), "targets": ("192.0.2.7",)}, ["one"]),
        ({"sources": ("192.0.2.9",), "targets": (), "side": "target"}, ["narrow"]),
        ({"sources": ("203.0.113.9",), "targets": ("192.0.2.7",)}, ["shop"]),
    ],
)
def test_the_other_side_counts_when_an_events_own_names_nothing(
    values: dict[str, Any], found: list[str]
) -> None:
    assert owners(event(**values)) == found


@pytest.mark.parametrize(
    ("candidate", "found"),
    [
        (incident("web", sources=("192.0.2.7",), targets=("192.0.9.9",)), ["wide", "one"]),
        (incident("shop-1"), ["shop"]),
        (incident("shop-1", tags=("web",)), ["shop"]),
        (incident("cpu", tags=("web",)), ["tagged"]),
        (incident("cpu", tags=("shop",)), ["shop", "tagged"]),
        (incident("cpu", tags=("other",)), ["nobody"]),
        (incident("cpu"), ["nobody"]),
    ],
)
def test_a_metric_or_a_log_goes_by_both_sides_then_by_name_then_by_tags(
    candidate: AlertCandidate, found: list[str]
) -> None:
    assert owners(candidate) == found


def test_a_fallback_among_the_groups_has_its_channels() -> None:
    named = Group("everyone", channels=("ops",))
    (owner,) = owners_of(AlertingPlan(groups=(named,)), incident("cpu"))
    assert owner.group == named
    (owner,) = owners_of(AlertingPlan(), incident("cpu"))
    assert owner.group == Group("everyone")
    assert owner.because == "nobody owns it"


def test_an_owner_comes_with_the_reason() -> None:
    (owner,) = owners_of(PLAN, event(sources=("192.0.2.9",)))
    assert owner.because == "192.0.2.9 is in 192.0.2.0/24"


@pytest.mark.parametrize(
    ("network", "hint"),
    [("192.0.2.1/24", "did you mean 192.0.2.0/24?"), ("campus", "such as 192.0.2.0/24"), ("", "such as")],
)
def test_a_wrong_network_is_an_error_that_says_what_to_write(network: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=f"group campus: '{network}' is no network") as caught:
        compile_owners((Group("campus", networks=(network,)),), "everyone")
    assert hint in (caught.value.hint or "")


NETWORKS = st.builds(
    lambda address, prefix: ipaddress.ip_network((address, prefix), strict=False),
    st.integers(0xC0000200, 0xC00002FF),
    st.integers(20, 32),
)


@settings(max_examples=100)
@given(st.lists(st.lists(NETWORKS, max_size=4), max_size=6), st.integers(0xC00001F0, 0xC000030F))
def test_the_owner_is_that_of_the_longest_prefix(networks: list[list[Any]], number: int) -> None:
    groups = tuple(Group(f"g{place}", networks=tuple(map(str, own))) for place, own in enumerate(networks))
    address = ipaddress.ip_address(number)
    longest = max((one.prefixlen for own in networks for one in own if address in one), default=None)
    expected = [
        f"g{place}"
        for place, own in enumerate(networks)
        if any(address in one and one.prefixlen == longest for one in own)
    ]
    found = owners_of(AlertingPlan(groups=groups), event(sources=(str(address),)))
    assert [owner.group.name for owner in found] == (expected or ["everyone"])
