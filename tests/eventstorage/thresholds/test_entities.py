"""What an event is about."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.errors import DataError
from tocsin.eventstorage import Idea
from tocsin.eventstorage.thresholds import Severity
from tocsin.eventstorage.thresholds.entities import facts_of


def event(**content: Any) -> dict[str, Any]:
    return {"Format": "IDEA0", "ID": "e", "DetectTime": 0, "Category": ["Recon.Scanning"], **content}


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"Source": [{"IP4": ["10.0.0.1"]}]}, ("source", ("10.0.0.1",))),
        ({"Source": [{"IP4": ["10.0.0.1"]}, {"IP4": ["10.0.0.2"]}]}, ("source", ("10.0.0.1", "10.0.0.2"))),
        ({"Source": [{"IP4": ["10.0.0.1", "10.0.0.1"]}]}, ("source", ("10.0.0.1",))),
        ({"Source": [{"IP6": ["2001:DB8::0:1", "2001:db8::1"]}]}, ("source", ("2001:db8::1",))),
        ({"Source": [{"IP6": ["::ffff:10.0.0.1"], "IP4": ["10.0.0.1"]}]}, ("source", ("10.0.0.1",))),
        ({"Source": [{"IP4": ["10.0.0.7/24", "10.0.0.0-10.0.0.255"]}]}, ("source", ("10.0.0.0/24",))),
        ({"Source": [{"IP4": ["10.0.0.1"], "Hostname": ["a.example"]}]}, ("source", ("10.0.0.1",))),
        (
            {"Source": [{"IP4": ["10.0.0.1"], "Hostname": ["a.example"]}, {"Hostname": ["B.Example."]}]},
            ("source", ("10.0.0.1", "b.example")),
        ),
        ({"Source": {"IP4": "10.0.0.1", "Hostname": "a.example"}}, ("source", ("10.0.0.1",))),
        ({"Source": [{"IP4": ["nonsense"], "Hostname": ["a.example"]}]}, ("source", ("a.example",))),
        ({"Source": [{"Port": [22]}], "Target": [{"IP4": ["10.0.0.9"]}]}, ("target", ("10.0.0.9",))),
        ({"Node": [{"Name": "n"}], "Target": [{"Hostname": ["h"]}]}, ("target", ("h",))),
        ({"Node": [{"Name": "n"}, {"Name": "m"}]}, ("node", ("n", "m"))),
        ({}, ("nothing", ("",))),
    ],
)
def test_entities_are_found_where_they_are(content: dict[str, Any], found: tuple[str, Any]) -> None:
    facts = facts_of(event(**content), "source")
    assert (facts.entity_from, facts.entities) == found


def test_the_side_that_is_asked_for_comes_first() -> None:
    both = event(Source=[{"IP4": ["10.0.0.1"]}], Target=[{"IP4": ["10.0.0.2"]}])
    assert facts_of(both, "source").entities == ("10.0.0.1",)
    assert facts_of(both, "target").entities == ("10.0.0.2",)
    assert facts_of(event(Source=[{"IP4": ["10.0.0.1"]}]), "target").entity_from == "source"


def test_every_form_of_an_event_is_looked_at_alike() -> None:
    content = event(Source=[{"IP4": ["10.0.0.1"]}], _Tocsin={"EventSeverity": "Low"})
    text = json.dumps(content)
    assert facts_of(content, "source") == facts_of(text, "source") == facts_of(text.encode(), "source")
    assert facts_of(Idea(text), "source") == facts_of(content, "source")


def test_without_a_class_the_categories_stand_for_it_in_any_order() -> None:
    assert facts_of(event(Category=["b", "a"]), "source").classes == ("a", "b")
    assert facts_of(event(_Tocsin={"EventClass": "scan"}), "source").classes == ("scan",)
    assert facts_of(event(Category=[]), "source").classes == ()


@pytest.mark.parametrize(
    ("named", "severity"),
    [("HIGH", Severity.HIGH), (None, Severity.MEDIUM), ("", Severity.MEDIUM), ("dreadful", Severity.MEDIUM)],
)
def test_a_severity_that_is_missing_or_unknown_is_in_the_middle(
    named: str | None, severity: Severity
) -> None:
    assert facts_of(event(_Tocsin={"EventSeverity": named}), "source").severity is severity


def test_another_side_is_refused() -> None:
    with pytest.raises(DataError, match="source or target"):
        facts_of(event(), "both")  # type: ignore[arg-type]


def test_what_is_no_event_is_refused() -> None:
    with pytest.raises(DataError):
        facts_of("{", "source")


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("10.0.0.1"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["IP4", "IP6", "Hostname", "Name", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=200)
@given(source=_JUNK, target=_JUNK, node=_JUNK, enrichment=_JUNK, category=_JUNK)
def test_whatever_is_in_an_event_it_is_about_something(
    source: object, target: object, node: object, enrichment: object, category: object
) -> None:
    content = event(Source=source, Target=target, Node=node, _Tocsin=enrichment, Category=category)
    for side in ("source", "target"):
        facts = facts_of(content, side)
        assert facts.entities
        assert len(set(facts.entities)) == len(facts.entities)
