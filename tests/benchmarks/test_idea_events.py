"""The events that the benchmarks of the event storage make, and what they search among them."""

from __future__ import annotations

import gzip
import json
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

import pytest
from benchmarks.idea_events import (
    BATCH_EVENTS,
    Alert,
    address_queries,
    category_of,
    make_events,
    read_alerts,
    read_lines,
    storage_time,
)

if TYPE_CHECKING:
    from pathlib import Path

_ALERTS = [
    Alert(1_642_213_952 + number, "Wazuh: Web server 400 error code.", f"10.0.0.{number}", "inet-dns", "fox")
    for number in range(40)
]


def test_equal_seeds_make_equal_events() -> None:
    assert list(make_events(_ALERTS, 300, 7)) == list(make_events(_ALERTS, 300, 7))


def test_other_seeds_make_other_sources_and_other_ids() -> None:
    ours, theirs = (list(map(json.loads, make_events(_ALERTS, 100, seed))) for seed in (1, 2))

    assert {event["ID"] for event in ours}.isdisjoint(event["ID"] for event in theirs)
    assert [event["Source"] for event in ours] != [event["Source"] for event in theirs]
    assert [event["Target"][0]["IP4"] for event in ours] == [event["Target"][0]["IP4"] for event in theirs]


def test_no_id_comes_twice_even_when_alerts_are_repeated() -> None:
    ids = [json.loads(event)["ID"] for event in make_events(_ALERTS, 1_000, 1)]

    assert len(set(ids)) == 1_000


def test_a_fifth_of_the_events_has_three_scattered_addresses() -> None:
    events = list(map(json.loads, make_events(_ALERTS, 3_000, 1)))
    scattered = [event for event in events if len(event["Source"][0].get("IP4", ())) == 3]

    assert len(scattered) / len(events) == pytest.approx(0.2, abs=0.03)
    assert all(ip_address(address) for event in scattered for address in event["Source"][0]["IP4"])


def test_there_are_networks_ranges_and_ipv6_among_the_sources() -> None:
    sources = [json.loads(event)["Source"][0] for event in make_events(_ALERTS, 1_000, 1)]
    texts = [text for source in sources for text in source.get("IP4", ())]

    assert all(ip_network(text) for text in texts if "/" in text)
    assert any("/" in text for text in texts)
    lows_and_highs = [text.split("-") for text in texts if "-" in text]
    assert lows_and_highs
    assert all(int(ip_address(low)) < int(ip_address(high)) for low, high in lows_and_highs)
    assert any("IP6" in source for source in sources)


def test_an_alert_becomes_target_node_description_and_category() -> None:
    event = json.loads(next(make_events(_ALERTS, 1, 1)))

    assert event["DetectTime"] == "2022-01-15T02:32:32Z"
    assert event["Description"] == "Wazuh: Web server 400 error code."
    assert event["Category"] == ["Wazuh.WebServer400ErrorCode"]
    assert (event["Target"][0]["IP4"], event["Target"][0]["Hostname"]) == (["10.0.0.0"], ["inet-dns"])
    assert event["Node"] == [{"Name": "fox.inet_dns", "SW": ["Wazuh"], "Type": ["Log"]}]


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("Suricata: Alert - ET INFO Query to .biz TLD", "Suricata.AlertETINFOQueryToBizTLD"),
        ("AMiner", "AMiner"),
        ("Wazuh:", "Wazuh"),
    ],
)
def test_a_category_has_no_spaces(name: str, category: str) -> None:
    assert category_of(name) == category


def test_alerts_of_all_files_come_in_the_order_of_time(tmp_path: Path) -> None:
    for scenario, seconds in (("a", (5, 30)), ("b", (1, 20))):
        rows = "".join(f"{second},Tool: it,10.0.0.1,host,T,false_positive,-\n" for second in seconds)
        with gzip.open(tmp_path / f"{scenario}_alerts.csv.gz", "wt", encoding="utf-8") as file:
            file.write(f"time,name,ip,host,short,time_label,event_label\n{rows}")

    alerts = read_alerts(tmp_path)

    assert [(alert.second, alert.scenario) for alert in alerts] == [(1, "b"), (5, "a"), (20, "b"), (30, "a")]


def test_events_of_one_batch_are_stored_at_one_time_and_later_ones_later() -> None:
    total = 10 * BATCH_EVENTS

    assert storage_time(0, total) == storage_time(BATCH_EVENTS - 1, total)
    assert storage_time(BATCH_EVENTS - 1, total) < storage_time(BATCH_EVENTS, total)
    assert (storage_time(total, total) - storage_time(0, total)).days == 91


def test_searches_are_for_addresses_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("".join(f"{event}\n" for event in make_events(_ALERTS, 400, 1)), encoding="utf-8")

    queries = address_queries(path, 400, 5, 3)

    texts = {
        text for line in read_lines(path, 0, 400) for text in json.loads(line)["Source"][0].get("IP4", ())
    }
    assert queries == address_queries(path, 400, 5, 3)
    assert {kind: len(addresses) for kind, addresses in queries.items()} == dict.fromkeys(queries, 5)
    assert texts.issuperset(queries["a single address"])
    assert all(ip_network(network).prefixlen == 24 for network in queries["a /24"])


def test_lines_are_read_from_where_one_was(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text("a\nb\nc\n", encoding="utf-8")

    assert read_lines(path, 1, 5) == ["b", "c"]
