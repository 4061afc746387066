"""What searches take, and what they say to anything else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ipranges import IP4Net, IP4Range, IP6Range

from tocsin.errors import DataError
from tocsin.eventstorage.addresses import Range
from tocsin.eventstorage.query.parameters import PARAMETERS, SearchParameters, read_parameters
from tocsin.eventstorage.query.places import HostName
from tocsin.eventstorage.query.values import instant_of

TIMES = ["dt_from", "dt_to", "st_from", "st_to"]
TEXT_LISTS = [
    "source_types", "target_types", "host_types", "protocols", "categories", "classes", "severities",
    "detectors", "detector_types", "groups", "inspection_errs", "ids",
]  # fmt: skip
ADDRESSES = ["source_addrs", "target_addrs", "host_addrs"]
PORTS = ["source_ports", "target_ports", "host_ports"]


def test_nothing_and_none_are_no_filter() -> None:
    assert read_parameters(None) == read_parameters({}) == SearchParameters()
    assert read_parameters(dict.fromkeys(PARAMETERS)) == SearchParameters()
    assert not SearchParameters().selects


def test_an_empty_list_is_a_filter_that_finds_nothing() -> None:
    assert read_parameters({"categories": []}).selects


@pytest.mark.parametrize(
    "name", ["category", "not_limit", "CATEGORIES", "source_addr", "__EMPTY__", "", " text"]
)
def test_an_unknown_parameter_is_named(name: str) -> None:
    with pytest.raises(DataError, match="there is no search parameter") as caught:
        read_parameters({name: "x"})
    assert caught.value.parameter == name
    assert "source_addrs" in str(caught.value.hint)


@pytest.mark.parametrize(("name", "meant"), [("source_addr", "source_addrs"), ("categorys", "categories")])
def test_of_a_misspelt_parameter_it_says_what_was_probably_meant(name: str, meant: str) -> None:
    with pytest.raises(DataError, match=rf"'{name}': did you mean {meant}\? there are"):
        read_parameters({name: ["x"]})


def test_a_name_that_is_no_text_is_unknown() -> None:
    with pytest.raises(DataError, match="there is no search parameter 3"):
        read_parameters({3: "x"})  # type: ignore[dict-item]


@pytest.mark.parametrize("parameters", ["categories", ["categories"], 3, {"categories"}])
def test_what_is_no_mapping_is_refused(parameters: Any) -> None:
    with pytest.raises(DataError, match="mapping"):
        read_parameters(parameters)


def junk(names: list[str], values: list[Any]) -> dict[str, list[Any]]:
    return dict.fromkeys(names, values)


JUNK: dict[str, list[Any]] = {
    **junk(TIMES, [
        "", "yesterday", "2026-13-01", "2026-03-01T25:00:00", 1772366400, 1.5, date(2026, 3, 1), True, [],
        "0001-01-01T00:00:00+14:00", datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
    ]),
    **junk(TEXT_LISTS, [3, 1.5, True, [3], ["a", None], {"a": 1}, b"a", [["a"]], object()]),
    **junk(ADDRESSES, [
        "", ".", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/", "1.2.3.4-",
        "1.2.3.9-1.2.3.4", "1.2.3.4-::1", "::1/129", "1::2::3", ":::", "12345::", 16909060, 1.5, True, [None],
        b"1.2.3.4", {"a": 1}, "a b", " www.example.org", "10.*", "*.example.org", "a..b", "x.org/", "a:80",
        "a,b", "http://a.example/", "a\u200bb", "a\u00a0b", "a\x00", "a\n", "\ud800", "mail@a.example",
    ]),
    **junk(PORTS, [
        -1, 65536, 22.0, True, "", "ssh", "22-", "-22", "2-1", "1-65536", "1,2", [None], b"22", "22 443", "²",
        [[22]], "1" * 5000, 10**5000,
    ]),
    **junk([f"not_{name}" for name in [*TEXT_LISTS, *ADDRESSES, *PORTS]], [1, 0, "True", "", []]),
    "description": [3, ["a"], True, b"a"],
    "description_like": [3, ["a"], True, b"a", "a" * 2000],
    "text": ["", "  ", "...", "*", 3, ["a"], True, "\x00"],
    "limit": [0, -1, "10", 1.0, True, 2**63, [1], 10**5000],
    "page": [0, -1, "1", True, 2**63],
    "sortby": [
        "", "detecttime", "detecttime.up", "category.asc", "detecttime.ASC", "detecttime.asc; --", 3, [],
        ".asc", "id.asc.desc",
    ],
    "after": [
        "", 3, [], ["2026-03-01"], ["2026-03-01", "a", "b"], ["never", "a"], [3, "a"], ["2026-03-01", 3],
        ("2026-03-01", None), {"detecttime": 1, "id": 2},
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", JUNK)
def test_junk_is_refused_with_the_name_and_the_form(name: str) -> None:
    for value in JUNK[name]:
        with pytest.raises(DataError) as caught:
            read_parameters({"limit": 5, name: value})
        assert caught.value.parameter == name, value
        assert caught.value.hint, value


def test_a_page_needs_its_size_and_stays_countable() -> None:
    for parameters in ({"page": 2}, {"page": 2**62, "limit": 2**62}, {"page": 2**62 + 1, "limit": 2}):
        with pytest.raises(DataError) as caught:
            read_parameters(parameters)
        assert caught.value.parameter == "page"
    assert read_parameters({"page": 1}).order.limit is None
    assert read_parameters({"page": 3, "limit": 10}).order.offset == 20


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.one_of(st.none(), st.timezones())),  # noqa: DTZ001
    st.sampled_from(TIMES),
)
def test_times_are_utc_unless_they_say_otherwise(at: datetime, name: str) -> None:
    expected = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)

    [(column, lower, micros)] = read_parameters({name: at}).times

    assert instant_of(micros) == expected
    assert column == {"dt": "detecttime", "st": "storagetime"}[name[:2]]
    assert lower == name.endswith("_from")
    assert read_parameters({name: at.isoformat()}) == read_parameters({name: expected})


@pytest.mark.parametrize(
    "values",
    [["a"], ("a",), {"a"}, frozenset(["a"]), {"a": 1}.keys(), ["a", "a"]],
    ids=lambda one: type(one).__name__,
)
def test_a_text_alone_is_a_list_of_one(values: Any) -> None:
    assert read_parameters({"categories": "a"}) == read_parameters({"categories": values})


def test_addresses_come_in_many_forms() -> None:
    network = Range(4, 0x0A000000, 0x0AFFFFFF)
    forms = ["10.0.0.0/8", "10.1.2.3/8", " 10.0.0.0 - 10.255.255.255 ", ip_network("10.0.0.0/8"),
        IP4Net("10.0.0.0/8"), IP4Range("10.0.0.0-10.255.255.255"), "::ffff:10.0.0.0/104"]  # fmt: skip
    for form in forms:
        [(_, listed)] = read_parameters({"source_addrs": form}).addresses
        assert listed.items == (network,), form
    [(_, listed)] = read_parameters(
        {"host_addrs": [ip_address("::1"), IP6Range("::1-::9"), "::1-::9", "Example.org", ".example.org"]}
    ).addresses
    assert listed.items == (
        Range(6, 1, 1),
        Range(6, 1, 9),
        HostName("org.example.", below=False),
        HostName("org.example.", below=True),
    )


def test_hosts_have_names_in_any_script() -> None:
    names = [
        "www.example.org",
        "under_score-1.lan",
        "münchen.example",
        "उदाहरण.परीक्षा",
        "例え.テスト",
        "a.",
        "x1",
    ]
    [(_, listed)] = read_parameters({"host_addrs": names}).addresses
    assert [one.below for one in listed.items if isinstance(one, HostName)] == [False] * len(names)


def test_host_takes_the_place_of_source_and_target_which_are_still_checked() -> None:
    for kind, value, junk in (("addrs", "10.0.0.1", "1.2.3"), ("ports", 22, "x"), ("types", "Tor", 3)):
        both = {f"source_{kind}": value, f"target_{kind}": value, f"host_{kind}": value}
        assert read_parameters(both) == read_parameters({f"host_{kind}": value})
        with pytest.raises(DataError) as caught:
            read_parameters({**both, f"source_{kind}": junk})
        assert caught.value.parameter == f"source_{kind}"


def test_errors_do_not_repeat_long_values() -> None:
    with pytest.raises(DataError) as caught:
        read_parameters({"dt_from": "x" * 100_000})
    assert len(str(caught.value)) < 300


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@given(name=st.sampled_from(PARAMETERS), value=ANYTHING)
def test_anything_is_either_read_or_refused_by_name(name: str, value: Any) -> None:
    refused_by = name
    try:
        read_parameters({name: value})
    except DataError as error:
        refused_by = str(error.parameter)
    assert refused_by == name
