"""Patterns of names, and addresses as they are written."""

from __future__ import annotations

import pytest

from tocsin.alerting.patterns import AddressRange, address_range, glob, host_name


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("192.0.2.1", AddressRange(4, 0xC0000201, 0xC0000201)),
        ("192.0.2.0/24", AddressRange(4, 0xC0000200, 0xC00002FF)),
        ("192.0.2.7/24", AddressRange(4, 0xC0000200, 0xC00002FF)),
        ("192.0.2.1-192.0.2.9", AddressRange(4, 0xC0000201, 0xC0000209)),
        ("::ffff:192.0.2.1", AddressRange(4, 0xC0000201, 0xC0000201)),
        ("::1", AddressRange(6, 1, 1)),
        ("2001:db8::/127", AddressRange(6, 0x20010DB8 << 96, (0x20010DB8 << 96) + 1)),
        ("::/0", AddressRange(6, 0, 2**128 - 1)),
        ("192.0.2.9-192.0.2.1", None),
        ("192.0.2.1-::1", None),
        ("192.0.2.300", None),
        ("1.example.org", None),
        ("www-1.example.org", None),
        ("fe", None),
        ("", None),
    ],
)
def test_an_address_is_read_however_it_is_written(text: str, found: AddressRange | None) -> None:
    assert address_range(text) == found


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("db-*", "db-1", True),
        ("db-?", "db-", False),
        ("*", "", True),
        ("a[b]", "a[b]", True),
        ("a[b]", "ab", False),
        ("a.c", "abc", False),
        ("a*", "a\nb", True),
    ],
)
def test_only_a_star_and_a_question_mark_mean_something(pattern: str, text: str, *, fits: bool) -> None:
    assert bool(glob(pattern)(text)) is fits


def test_a_host_has_one_name() -> None:
    assert host_name(" WWW.Example.ORG. ") == "www.example.org"
