"""Events to search among, and searches: few values and many combinations, so that most searches find some."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from random import Random

__all__ = ["HOSTILE_TEXTS", "LISTS", "PLACES", "messages", "searches", "value_of"]

_START = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)

CATEGORIES = ["Recon.Scanning", "Attempt.Login", "Malware", "Test", "ä ö", "x,y"]
TYPES = ["Phishing", "Botnet", "CC", "Tor"]
PROTOCOLS = ["tcp", "udp", "icmp"]
DETECTORS = ["org.example.kippo", "org.example.labrea", "net.example.warden"]
GROUPS = ["abuse@a.example", "abuse@b.example", "c"]
CLASSES = ["ssh-bruteforce", "scan", "vuln"]
SEVERITIES = ["info", "low", "medium", "high", "critical"]
ERRORS = ["DetectTime: not a time", "odd"]
PORTS = [0, 22, 80, 443, 1000, 1024, 2000, 65535]
DESCRIPTIONS = [
    "SSH login",
    "ssh LOGIN attempt",
    "100%_sure",
    "Grüße aus KÖLN",
    "",
    "a\\b",
    "100%",
    "ΣΊΣΥΦΟΣ ς",
]
IP4 = [
    "10.0.0.1", "10.0.0.2", "10.0.0.255", "10.0.1.0", "10.0.0.0/24", "10.0.0.0/8", "10.0.0.128/25",
    "10.0.0.3-10.0.1.4", "192.0.2.7", "192.0.2.0-192.0.2.8", "0.0.0.0/32", "255.255.255.255", "0.0.0.0/0",
    "128.0.0.0/1",
]  # fmt: skip
IP6 = [
    "2001:db8::1", "2001:db8::/32", "2001:db8:0:1::/64", "::1", "::", "::/0", "fe80::1-fe80::9",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::ffff:10.0.0.1", "::ffff:10.0.0.0/120", "8000::/1",
]  # fmt: skip
HOSTS = [
    "www.example.org",
    "WWW.Example.ORG",
    "example.org",
    "a.b.example.org",
    "notexample.org",
    "org",
    "b.example",
    "x.org/",
]

PLACES = [
    *IP4, *IP6, "10.0.0.0/30", "10.0.0.2-10.0.0.254", "0.0.0.0/1", "::/1", "2001:db8::/126", "fe80::/10",
    "www.example.org", ".example.org", "example.org", ".org", "nobody.example", "EXAMPLE.org",
    ".b.example.org", "::ffff:0:0/96", "1.2.3.4", "::2",
    ip_address("10.0.0.1"), ip_network("10.0.0.0/16"), ip_address("::ffff:10.0.0.2"), ip_network("2001::/16"),
]  # fmt: skip
LISTS: dict[str, list[Any]] = {
    "source_types": TYPES,
    "target_types": TYPES,
    "host_types": TYPES,
    "protocols": PROTOCOLS,
    "categories": CATEGORIES,
    "classes": CLASSES,
    "severities": SEVERITIES,
    "detectors": DETECTORS,
    "detector_types": TYPES,
    "groups": GROUPS,
    "inspection_errs": [*ERRORS, "Category: missing"],
    "source_addrs": PLACES,
    "target_addrs": PLACES,
    "host_addrs": PLACES,
    "source_ports": [*PORTS, "22", "23-1000", "0-65535", "1001-1023"],
    "target_ports": [*PORTS, "22", "23-1000", "0-65535", "1001-1023"],
    "host_ports": [*PORTS, "22", "23-1000", "0-65535", "1001-1023"],
}

HOSTILE_TEXTS = [
    "'", "''", '"', "\\", "\\'", "%", "%%", "%s", "%(a)s", "_", "?", "?1", ":a", "$1", "{}", "{0}", "[]",
    "'; DROP TABLE events; --", '" OR 1=1 --', "' OR ''='", "/* x */", "--", ";", "*", "**", "[a", "[!a]",
    "a]", "^a$", "(a|b)", "a{2}", ".", ".*", "\\d", "***=a", "(?i)a", "\t", "\n", "\r\n", " ", "  a  ", "a b",
    "a,b", '{"a": 1}', '["a"]', '["a","b"]', "null", "NULL", "true", "0", "1", "-1", "1.0", "1e3",
    "__empty__", "__ANY", "ä", "a\u0308", "Ä", "ß", "SS", "ẞ", "İ", "\u0131", "\u017f", "\u212a", "\u2126",
    "\ufb00", "😀", "\U0010ffff", "\ufffd", "\u200b", "\x00", "a\x00b", "\ud800", "a\udfffb", "\x7f",
    "\x1b[31m", "\u202e", "a" * 300, "ä" * 300, "a'" * 200, "near", "NEAR(a b)", "a AND b", "a NOT b",
    "words:a", "^a", "a*", "+a", "-a", "a & !b", "a:*", "a <-> b", "\\x41",
]  # fmt: skip
"""Texts that break what is not bound, not escaped, or escaped twice."""


def _some(random: Random, items: list[Any], most: int = 3) -> list[Any]:
    return random.sample(items, random.choice([0, 1, 1, *range(most + 1)]))


def _endpoint(random: Random) -> dict[str, Any]:
    one = {
        "IP4": _some(random, IP4),
        "IP6": _some(random, IP6, 2),
        "Hostname": _some(random, HOSTS, 2),
        "Port": _some(random, PORTS),
        "Type": _some(random, TYPES, 2),
        "Proto": _some(random, PROTOCOLS, 2),
    }
    return {name: value for name, value in one.items() if value and random.random() < 0.5}


def messages(random: Random, count: int) -> list[bytes]:
    """Make messages, some of which lack something or have something wrong."""
    return [json.dumps(_message(random, number), ensure_ascii=False).encode() for number in range(count)]


def _message(random: Random, number: int) -> dict[str, Any]:
    at = _START + timedelta(seconds=random.randrange(60), microseconds=random.choice([0, 0, 1, 500_000]))
    enrichment = {
        "ResolvedAbuses": _some(random, GROUPS),
        "EventClass": random.choice([None, *CLASSES]),
        "EventSeverity": random.choice([None, *SEVERITIES]),
        "InspectionErrors": _some(random, ERRORS, 1),
    }
    content = {
        "Format": "IDEA0",
        "ID": f"{random.choice('abAB')}-{number:03d}",
        "DetectTime": random.choice([at.isoformat()] * 9 + ["never"]),
        "Category": _some(random, CATEGORIES) or random.choice([[], ["Test"]]),
        "Description": random.choice([None, *DESCRIPTIONS]),
        "Source": [one for one in (_endpoint(random) for _ in range(random.randrange(3))) if one],
        "Target": [one for one in (_endpoint(random) for _ in range(random.randrange(3))) if one],
        "Node": [
            {"Name": random.choice(DETECTORS), "Type": _some(random, TYPES, 2)}
            for _ in range(random.randrange(3))
        ],
        "_Tocsin": {name: value for name, value in enrichment.items() if value},
    }
    return {name: value for name, value in content.items() if value is not None}


def _times() -> st.SearchStrategy[Any]:
    offsets = [None, UTC, timezone(timedelta(hours=-3, minutes=-30)), timezone(timedelta(hours=14))]

    def moment(micros: int, offset: timezone | None) -> datetime:
        at = _START + timedelta(microseconds=micros)
        return at.replace(tzinfo=None) if offset is None else at.astimezone(offset)

    exact = st.builds(
        moment, st.integers(0, 60).map(lambda second: second * 1_000_000), st.sampled_from(offsets)
    )
    near = st.builds(moment, st.integers(-1, 61_000_000), st.sampled_from(offsets))
    return st.one_of(exact, near, exact.map(lambda at: at.isoformat()))


def value_of(name: str) -> st.SearchStrategy[Any]:
    """Give values of a list parameter."""
    item = st.sampled_from([*LISTS[name], "__EMPTY__", "__ANY__"])
    return st.one_of(item, st.lists(item, max_size=4), st.lists(item, max_size=3).map(tuple))


def searches() -> st.SearchStrategy[dict[str, Any]]:
    """Give search parameters: any number of filters, with or without sorting and paging."""
    lists = {name: value_of(name) for name in LISTS}
    flags = {f"not_{name}": st.booleans() for name in LISTS}
    others: dict[str, st.SearchStrategy[Any]] = {
        "dt_from": _times(),
        "dt_to": _times(),
        "st_from": _times(),
        "st_to": _times(),
        "ids": st.lists(st.from_regex(r"[abAB]-0[0-4][0-9]", fullmatch=True), max_size=60),
        "not_ids": st.booleans(),
        "description": st.sampled_from(DESCRIPTIONS),
        "description_like": st.sampled_from(
            ["SSH", "login", "%", "_", "100%_", "köln", "GRÜ", "", "\\", "\u03c3", "Σίσ"]
        ),
        "text": st.sampled_from(
            ["ssh", "login SSH", "lo*", "köln", "grü*", "gr*", "recon scanning", "2001", "nothing"]
        ),
    }
    order: dict[str, st.SearchStrategy[Any]] = {
        "limit": st.integers(1, 60),
        "sortby": st.sampled_from(
            ["detecttime.asc", "detecttime.desc", "storagetime.asc", "storagetime.desc"]
        ),
        "after": st.tuples(_times(), st.from_regex(r"[abAB]-0[0-4][0-9]", fullmatch=True)),
    }
    pages = st.fixed_dictionaries({}, optional=order).flatmap(
        lambda order: st.integers(1, 3).map(
            lambda page: {**order, "page": page} if "limit" in order else order
        )
    )
    everything = {**lists, **others}
    filters = st.lists(st.sampled_from(sorted(everything)), max_size=3, unique=True).flatmap(
        lambda names: st.fixed_dictionaries(
            {name: everything[name] for name in names},
            optional={f"not_{name}": flags[f"not_{name}"] for name in names if name in LISTS},
        )
    )
    return st.builds(lambda filters, order: {**filters, **order}, filters, pages)
