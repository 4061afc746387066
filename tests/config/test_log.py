"""Every key of a log: what it may be, what it means by default, and what is said of wrong ones."""

from __future__ import annotations

from datetime import timedelta
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from tocsin.model import AlertRule, DirectionRule, Subject
from tocsin.runtime.config.monitors import BrokenMonitor, LogMonitor

if TYPE_CHECKING:
    from tests.config.conftest import Files
    from tocsin.errors import ConfigError

SMALLEST = {
    "name": "l",
    "source": "{files: [a.log]}",
    "parser": "{type: json}",
    "detectors": "[{type: new_event}]",
}


def log(files: Files, text: str) -> LogMonitor | BrokenMonitor:
    text = dedent(text).rstrip("\n") + "\n"
    missing = [f"{key}: {value}\n" for key, value in SMALLEST.items() if f"\n{key}:" not in f"\n{text}"]
    files.write("logs/l.yml", text + "".join(missing))
    (monitor,) = files.load().monitors
    assert isinstance(monitor, LogMonitor | BrokenMonitor)
    return monitor


def good(files: Files, text: str) -> LogMonitor:
    monitor = log(files, text)
    assert isinstance(monitor, LogMonitor), monitor.error
    return monitor


def error(files: Files, text: str) -> ConfigError:
    monitor = log(files, text)
    assert isinstance(monitor, BrokenMonitor)
    assert monitor.kind == "log"
    return monitor.error


def test_the_smallest_log_has_the_documented_defaults(files: Files) -> None:
    monitor = good(files, "")

    assert (monitor.name, monitor.kind, monitor.tags) == ("l", "log", ())
    config = monitor.config
    assert config.train.events == 10_000
    assert (config.learn, config.forget_after, config.enabled) == ("training", None, True)
    assert (config.state.keep_generations, config.state.keep_days) == (3, 7)
    assert config.source.unfinished_line_after == timedelta(seconds=5)
    assert config.rules() == ()


def test_what_is_said_about_learning_holds_for_each_detector_that_says_nothing_else(files: Files) -> None:
    monitor = good(
        files,
        """\
        train: {events: 500, duration: 7d}
        learn: always
        forget_after: 30d
        groups: {who: [user, host], where: [door]}
        detectors:
          - type: new_event
          - type: new_value
            name: people
            params: {variables: [$who, $where, ip], data_use_training: 9}
          - type: new_value
        """,
    )

    first, second, third = monitor.detectors
    assert (first.name, second.name, third.name) == ("new_event", "people", "new_value")
    assert (first.config.data_use_training, second.config.data_use_training) == (500, 9)
    assert first.config.training_duration == timedelta(days=7)
    assert all(one.config.learn == "always" for one in monitor.detectors)
    assert all(one.config.forget_after == timedelta(days=30) for one in monitor.detectors)
    assert second.config.model_dump()["variables"] == ["user", "host", "door", "ip"]


def test_a_number_alone_is_the_events_to_train_on(files: Files) -> None:
    assert good(files, "train: 77").config.train.events == 77


def test_one_anomalous_line_opens_an_incident(files: Files) -> None:
    files.write(
        "profiles.yml",
        """\
        profiles: {f: {type: duckdb}}
        alert_channels: {ops: {type: slack, webhook_url: 'https://hooks.example.org/x'}}
        """,
    )
    monitor = good(
        files,
        """\
        timezone: Europe/Berlin
        alerting:
          - {channels: [ops], keep_firing_for: 1h, renotify_every: 1d}
          - {name: quiet, enabled: false}
          - {recovery: false, timezone: UTC}
        """,
    )

    assert monitor.config.rules() == (
        AlertRule(
            name="default", channels=("ops",), timezone="Europe/Berlin", direction=DirectionRule.ANY,
            consecutive_anomalies=1, keep_firing_for=timedelta(hours=1), renotify_every=timedelta(days=1),
            subject=Subject.LINES,
        ),
        AlertRule(
            name="rule-3", direction=DirectionRule.ANY, consecutive_anomalies=1, recovery=False,
            keep_firing_for=timedelta(minutes=10), subject=Subject.LINES,
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("source: {}", "give either files (paths or globs) or `stdin: true`"),
        ("source: {files: [a], stdin: true}", "give either files"),
        ("train: {}", "give events, duration or quiet"),
        ("train: 0", "train"),
        ("forget_after: 1d", "forget_after needs `learn: always`"),
        ("detectors: []", "detectors: this should have at least 1 item, not 0"),
        ("source: {files: [a], encoding: klingon}", "source.encoding: there is no text encoding 'klingon'"),
        ("source: {files: [a], encoding: utf-7}", "source.encoding: lines cannot be told apart"),
        ("detectors: [{type: new_event}, {type: new_event}]", "two detectors are called 'new_event'"),
        ("detectors: [{type: new_event, name: a/b}]", "name"),
        ("detectors: [{type: new_evnt}]", "there is no event detector 'new_evnt'"),
        ("detectors: [{type: new_value, params: {variables: [$who]}}]", "there is no group $who"),
        ("detectors: [{type: new_value, params: {nope: 1}}]", "nope"),
        ("parser: {type: jason}", "there is no parser 'jason'"),
        ("parser: {type: json, params: {nope: 1}}", "nope"),
        ("parser: {type: regex, params: {pattern: '('}}", "pattern"),
        (
            "parser: {type: regex, params: {pattern: '(?P<door>.) (?P<action>.*)', event_id: acton}}",
            "groups of pattern, but for time and content, are door, action: did you mean action?",
        ),
        (
            "parser: {type: regex, params: {pattern: '(?P<time>.) (?P<content>.*)', event_id: time}}",
            "event_id is 'time'; the groups of pattern, but for time and content, are none",
        ),
        (
            "parser: {type: regex, params: {pattern: '(?P<at>.) (?P<content>.*)', time_format: '%H'}}",
            "parser regex: time_format is given, but no group of pattern is a time",
        ),
        (
            "parser: {type: drain, params: {header: {pattern: '<At> <Content>', time_format: '%H'}}}",
            "header: time_format is given, but no group of pattern is a time: call the one that is timestamp",
        ),
        ("alerting: {channels: [ops]}", "there is no alert channel 'ops'"),
        ("alerting: [{name: a}, {name: a}]", "two alerting rules are called 'a'"),
        ("alerting: {template_single: '{{ nope }}'}", "nope"),
        ("timezone: Mars", "Mars"),
        ("state: {keep_generations: 0}", "keep_generations"),
        ("name: a b", "name"),
        ("sorce: {}", "did you mean 'source'"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(files: Files, text: str, said: str) -> None:
    found = error(files, text)

    assert said in str(found)
    assert found.path == str(files.folder / "logs" / "l.yml")


def test_the_same_detector_twice_is_refused(files: Files) -> None:
    found = error(files, "detectors: [{type: new_event}, {type: new_event, name: again}]")

    assert "the same detector stands twice" in str(found)


def test_patterns_and_templates_keep_their_dollars_and_braces(files: Files) -> None:
    monitor = good(
        files,
        """\
        parser:
          type: regex
          params: {pattern: '^(?P<level>\\w+) (?P<content>.*)$'}
        """,
    )

    assert monitor.config.parser.params["pattern"].endswith("$")


def test_a_log_and_a_metric_cannot_have_one_name(files: Files) -> None:
    files.write("metrics/l.yml", "name: l\nquery: SELECT 1\ninterval: 1h\n")
    files.write("logs/l.yml", "".join(f"{key}: {value}\n" for key, value in SMALLEST.items()))

    _, second = files.load().monitors

    assert isinstance(second, BrokenMonitor)
    assert "the name 'l' is taken" in str(second.error)


def test_two_logs_cannot_read_standard_input(files: Files) -> None:
    for name in ("a", "b"):
        keys = {**SMALLEST, "name": name, "source": "{stdin: true}"}
        files.write(f"logs/{name}.yml", "".join(f"{key}: {value}\n" for key, value in keys.items()))

    first, second = files.load().monitors

    assert isinstance(first, LogMonitor)
    assert isinstance(second, BrokenMonitor)
    assert "standard input is read by a.yml" in str(second.error)
