"""Addresses, networks and ranges."""

from __future__ import annotations

import ipaddress
from typing import Any, Literal

import ipranges
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import DataError
from tocsin.eventstorage.addresses import (
    ALL_SIZES,
    Range,
    address_text,
    blocks,
    enclosing_beginnings,
    parse_addresses,
    parse_range,
    sizes_bytes,
    sizes_of,
    sizes_text,
)


def _ranges(family: Literal[4, 6]) -> st.SearchStrategy[Range]:
    address = st.ip_addresses(v=family).map(int)
    return st.tuples(address, address).map(lambda two: Range(family, min(two), max(two)))


ranges = _ranges(4) | _ranges(6)


@pytest.mark.parametrize(
    ("what", "low", "high"),
    [
        ("1.2.3.4", "1.2.3.4", "1.2.3.4"),
        (" 1.2.3.4\n", "1.2.3.4", "1.2.3.4"),
        ("1.2.3.4/24", "1.2.3.0", "1.2.3.255"),
        ("0.0.0.0", "0.0.0.0", "0.0.0.0"),
        ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
        ("1.2.3.4-1.2.3.9", "1.2.3.4", "1.2.3.9"),
        ("1.2.3.4 - 1.2.3.9", "1.2.3.4", "1.2.3.9"),
        ("1.2.3.4-1.2.3.4", "1.2.3.4", "1.2.3.4"),
        ("::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2001:DB8::/127", "2001:db8::", "2001:db8::1"),
        ("::1-::5", "::1", "::5"),
        ("::ffff:1.2.3.4", "1.2.3.4", "1.2.3.4"),
        ("::ffff:102:304/120", "1.2.3.0", "1.2.3.255"),
        ("::ffff:0:0/96", "0.0.0.0", "255.255.255.255"),
        ("::ffff:1.2.3.4-::ffff:1.2.3.9", "1.2.3.4", "1.2.3.9"),
        ("::fffe:ffff:ffff-::ffff:0:0", "::fffe:ffff:ffff", "::ffff:0:0"),
        (ipaddress.ip_address("1.2.3.4"), "1.2.3.4", "1.2.3.4"),
        (ipaddress.ip_address("::ffff:1.2.3.4"), "1.2.3.4", "1.2.3.4"),
        (ipaddress.ip_network("1.2.3.0/24"), "1.2.3.0", "1.2.3.255"),
        (ipaddress.ip_interface("1.2.3.4/24"), "1.2.3.4", "1.2.3.4"),
        (ipranges.IP4("1.2.3.4"), "1.2.3.4", "1.2.3.4"),
        (ipranges.IP4Net("1.2.3.0/24"), "1.2.3.0", "1.2.3.255"),
        (ipranges.IP4Range("1.2.3.4-1.2.3.9"), "1.2.3.4", "1.2.3.9"),
        (ipranges.IP6("2001:db8::1"), "2001:db8::1", "2001:db8::1"),
        (ipranges.IP6Net("::ffff:102:300/120"), "1.2.3.0", "1.2.3.255"),
        (ipranges.IP6Range("::1-::5"), "::1", "::5"),
    ],
)
def test_what_can_be_an_address(what: Any, low: str, high: str) -> None:
    first, last = ipaddress.ip_address(low), ipaddress.ip_address(high)

    assert parse_range(what) == Range(first.version, int(first), int(last))
    assert parse_addresses(what) == [parse_range(what)]


@pytest.mark.parametrize(
    "what",
    [
        "",
        "localhost",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.4/33",
        "1.2.3.4/-1",
        "1.2.3.4/",
        "1.2.3.4/255.255.255.0",
        "1.2.3.4/٢",
        "1.2.3.9-1.2.3.4",
        "1.2.3.4-::5",
        "1.2.3.4-",
        "1.2.3.4-1.2.3.5-1.2.3.6",
        "1.2.3.0/24-1.2.4.0/24",
        "::/129",
        "fe80::1%eth0",
        ":::1",
        "1.2.3.4\x00",
        "\uff11.2.3.4",
        "\ud800",
        ipaddress.ip_address("fe80::1%eth0"),
        16909060,
        None,
        b"1.2.3.4",
        range(3),
        {},
    ],
    ids=repr,
)
def test_what_is_no_address_is_refused(what: Any) -> None:
    with pytest.raises(DataError, match="is no address"):
        parse_range(what)


def test_lists_are_read_item_by_item() -> None:
    one, two = parse_range("1.2.3.4"), parse_range("::1")

    assert parse_addresses(["1.2.3.4", two]) == parse_addresses((one, "::1")) == [one, two]
    assert parse_addresses([]) == []
    with pytest.raises(DataError):
        parse_addresses(["1.2.3.4", ["::1"]])


@given(what=ranges)
def test_blocks_are_the_fewest_that_make_up_a_range(what: Range) -> None:
    cls = ipaddress.IPv4Address if what.family == 4 else ipaddress.IPv6Address
    networks = ipaddress.summarize_address_range(cls(what.low), cls(what.high))

    assert blocks(what) == [(int(net.network_address), int(net.broadcast_address)) for net in networks]


def test_the_widest_ranges_have_62_and_254_blocks() -> None:
    assert len(blocks(Range(4, 1, (1 << 32) - 2))) == 62
    assert len(blocks(Range(6, 1, (1 << 128) - 2))) == 254
    assert blocks(Range(6, 0, (1 << 128) - 1)) == [(0, (1 << 128) - 1)]


@given(stored=ranges, asked=ranges)
def test_blocks_that_enclose_and_that_begin_within_are_every_overlap(stored: Range, asked: Range) -> None:
    if stored.family != asked.family:
        return
    beginnings = enclosing_beginnings(asked.family, asked.low)
    found = any(
        asked.low <= low <= asked.high or (low in beginnings and high >= asked.low)
        for low, high in blocks(stored)
    )

    assert found == (stored.low <= asked.high and asked.low <= stored.high)
    assert len(beginnings) == len(set(beginnings)) <= (33 if asked.family == 4 else 129)


@given(stored=ranges, asked=ranges)
def test_only_blocks_of_sizes_that_there_are_need_to_be_looked_for(stored: Range, asked: Range) -> None:
    sizes = sizes_of({(stored.family, high - low) for low, high in blocks(stored)})
    beginnings = enclosing_beginnings(asked.family, asked.low, sizes)
    enclosing = [low for low, high in blocks(stored) if low <= asked.low <= high]

    if stored.family == asked.family:
        assert set(enclosing) <= set(beginnings) <= set(enclosing_beginnings(asked.family, asked.low))
    else:
        assert beginnings == [asked.low]
    assert sizes & ALL_SIZES == sizes
    assert len(sizes_text(sizes)) == len(sizes_text(0)) == len(sizes_text(ALL_SIZES))
    assert (int(sizes_text(sizes), 2), int.from_bytes(sizes_bytes(sizes))) == (sizes, sizes)


@given(what=ranges)
def test_what_is_written_is_read_again(what: Range) -> None:
    assert parse_range(address_text(what)) == parse_range(what)


@given(address=st.ip_addresses())
def test_addresses_are_what_the_standard_library_says(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    assert parse_range(str(address)) == parse_range(address)
    assert parse_range(address.exploded) == parse_range(address)


@given(text=st.text(alphabet="0123456789abf:./-%", max_size=25))
def test_a_text_is_an_address_where_the_standard_library_says_so(text: str) -> None:
    try:
        expected = int(ipaddress.ip_address(text))
    except ValueError:
        expected = None
    try:
        found = parse_range(text)
    except DataError:
        found = None
    if expected is not None and "%" not in text:
        assert found is not None
        assert found.low & 0xFFFFFFFF == expected & 0xFFFFFFFF
    elif found is not None:
        assert {"-", "/"} & set(text)
