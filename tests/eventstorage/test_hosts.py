"""Keys of host names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.eventstorage.hosts import host_key

labels = st.lists(st.text(alphabet="abAB-_0ž", min_size=1, max_size=5), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("www.Example.org", "org.example.www."),
        ("mail", "mail."),
        (".org", "org."),
        ("org.", "org."),
        ("", "."),
    ],
)
def test_a_key_has_the_labels_the_other_way_round(name: str, key: str) -> None:
    assert host_key(name) == key


@given(name=labels, domain=labels)
def test_keys_begin_alike_where_names_are_within_a_domain(name: list[str], domain: list[str]) -> None:
    key, above = host_key(".".join(name)), host_key(".".join(domain))
    within = [label.lower() for label in name][-len(domain) :] == [label.lower() for label in domain]

    assert key.startswith(above) == within
