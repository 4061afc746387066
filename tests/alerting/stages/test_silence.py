"""What a silence matches."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.alerting.stages.builders import NOON, at, event, incident
from tocsin.alerting.silence import MATCHER_KEYS, Silences, parse_matcher, parse_matchers
from tocsin.errors import ConfigError
from tocsin.model import Severity, Silence

EVENT = event(
    sources=("192.0.2.1", "2001:db8::5", "bad.example.net"),
    targets=("198.51.100.0/24", "WWW.example.org"),
    tags=("campus", "ids"),
    severity=Severity.HIGH,
    idea={"_Tocsin": {"EventClass": "scan-tcp"}},
)


@pytest.mark.parametrize(
    ("matcher", "holds"),
    [
        ("monitor=ids", True),
        ("monitor=IDS", False),
        ("MONITOR = ids", True),
        ("monitor!=ids", False),
        ("monitor!=web", True),
        ("series=i*", True),
        ("rule=default", True),
        ("rule=d", False),
        ("severity=high", True),
        ("severity=HIGH", True),
        ("severity!=high", False),
        ("severity=*", True),
        ("tag=campus", True),
        ("tag=c*", True),
        ("tag!=campus", False),
        ("tag!=web", True),
        ("class=scan-*", True),
        ("class!=scan-tcp", False),
        ("category=Recon.*", True),
        ("category=Attempt.*", False),
        ("group=soc", True),
        ("group!=soc", False),
        ("channel=ma?l", True),
        ("channel=mail2", False),
        ("source=192.0.2.1", True),
        ("source=192.0.2.0/24", True),
        ("source=192.0.2.0-192.0.2.3", True),
        ("source=192.0.3.0/24", False),
        ("source!=192.0.2.0/24", False),
        ("source=2001:db8::/32", True),
        ("source=198.51.100.9", False),
        ("target=198.51.100.9", True),
        ("target=0.0.0.0/0", True),
        ("target=::/0", False),
        ("host=198.51.100.9", True),
        ("host=192.0.2.1", True),
        ("host=www.example.org", True),
        ("host=.example.org", True),
        ("host=.Example.net", True),
        ("host=.ample.net", False),
        ("host=*.example.*", True),
        ("host!=.example.com", True),
        ("source=192.0.2.*", True),
    ],
)
def test_a_matcher_holds_or_not(matcher: str, *, holds: bool) -> None:
    assert parse_matcher(matcher).holds(EVENT, "soc", "mail") is holds


@pytest.mark.parametrize("key", ["tag", "class", "category", "source", "target", "host"])
def test_what_has_no_value_fits_nothing_and_is_unlike_anything(key: str) -> None:
    metric = incident("web")
    assert not parse_matcher(f"{key}=*").holds(metric, "soc", "mail")
    assert parse_matcher(f"{key}!=*").holds(metric, "soc", "mail")


def test_a_series_with_dimensions_is_matched_by_its_name() -> None:
    metric = incident("orders", series="orders{country=DE,shop=[x]}")
    assert parse_matcher("series=orders{country=DE,shop=[x]}").holds(metric, "", "")
    assert parse_matcher("series=orders{country=??,*}").holds(metric, "", "")


@pytest.mark.parametrize(
    ("matcher", "said", "hint"),
    [
        ("monitor", "'monitor' is no matcher", "write KEY=PATTERN"),
        ("", "'' is no matcher", "write KEY=PATTERN"),
        ("=x", "'=x' is no matcher", "write KEY=PATTERN"),
        ("monitr=x", "nothing is called 'monitr'", "did you mean monitor?"),
        ("zzz=x", "nothing is called 'zzz'", "there are monitor, series"),
        ("monitor=", "'monitor=' has no pattern", "monitor=* fits whatever has a monitor"),
        ("severity=bad", "there is no severity 'bad'", "severities are info, low"),
        ("source=192.0.2.0/33", "'192.0.2.0/33' is no network", "192.0.2.0/24"),
        ("host=192.0.2.9-192.0.2.1", "'192.0.2.9-192.0.2.1' is no range", "the lower address first"),
        ("host=192.0.2.9-2001:db8::1", "is no range", "192.0.2.1-192.0.2.9"),
        ("host=192.0.2.300", "'192.0.2.300' is no address, and no name of a host", "192.0.2.0/24"),
        ("target!=192.0.2", "'192.0.2' is no address", "192.0.2.0/24"),
    ],
)
def test_a_wrong_matcher_is_an_error_that_says_what_to_write(matcher: str, said: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_matcher(matcher)
    assert said in caught.value.message
    assert hint in (caught.value.hint or "")


def test_a_silence_without_matchers_is_an_error() -> None:
    with pytest.raises(ConfigError, match="would silence everything"):
        parse_matchers(())


def silence(name: str, *matchers: str, starts: float = 0, ends: float = 60) -> Silence:
    return Silence(name, matchers, at(starts), at(ends), "ada", "", NOON)


def test_all_matchers_of_a_silence_must_hold() -> None:
    silences = Silences(
        [silence("a", "monitor=ids", "tag=web"), silence("b", "monitor=ids", "tag=ids")], NOON
    )
    found = silences.match(EVENT, "soc", "mail")
    assert found is not None
    assert found.id == "b"
    assert silences.match(incident("web"), "soc", "mail") is None


@pytest.mark.parametrize(("minutes", "silent"), [(-1, False), (0, True), (59, True), (60, False)])
def test_a_silence_goes_from_its_start_to_its_end(minutes: float, *, silent: bool) -> None:
    silences = Silences([silence("a", "monitor=*")], at(minutes))
    assert (silences.match(EVENT, "soc", "mail") is not None) is silent


def test_one_that_cannot_be_read_silences_nothing_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        silences = Silences([silence("bad", "mnitor=ids"), silence("good", "monitor=ids")], NOON)
    found = silences.match(EVENT, "soc", "mail")
    assert found is not None
    assert found.id == "good"
    assert "silence bad cannot be read" in caplog.text


@settings(max_examples=200)
@given(st.sampled_from(MATCHER_KEYS), st.text(max_size=12), st.text(max_size=12))
def test_any_text_is_a_matcher_or_a_clear_error(key: str, pattern: str, value: str) -> None:
    candidate = event(sources=(value,), targets=(value,), tags=(value,), category=value)
    try:
        positive, negative = parse_matcher(f"{key}={pattern}"), parse_matcher(f"{key}!={pattern}")
    except ConfigError:
        assert not pattern.strip() or key in {"severity", "source", "target", "host"}
        return
    assert positive.holds(candidate, value, value) is not negative.holds(candidate, value, value)
