"""The files of events monitors and of groups: what is wrong is said with file and line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin.errors import ConfigError
from tocsin.runtime.clock import SystemClock
from tocsin.runtime.config.monitors import BrokenMonitor, EventsMonitor
from tocsin.runtime.validation import project_errors

if TYPE_CHECKING:
    from tests.runtime.events.conftest import EventsWorkspace


def errors_of(project: EventsWorkspace) -> list[str]:
    return [str(error) for error in project_errors(project.load(), SystemClock())]


def groups_of(project: EventsWorkspace, text: str) -> None:
    (project.folder / "groups.yml").write_text(text, encoding="utf-8")


def test_a_right_file_is_a_monitor(project: EventsWorkspace) -> None:
    project.events(tags=["security"], filter={"categories": ["Recon.Scanning"], "not_categories": True})

    (monitor,) = project.load().monitors

    assert isinstance(monitor, EventsMonitor)
    assert (monitor.kind, monitor.name, monitor.tags, monitor.mapping) == (
        "events",
        "ids",
        ("security",),
        None,
    )
    assert errors_of(project) == []


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"filter": {"dt_from": "2026-01-01"}}, "ids.yml:6: filter takes no dt_from"),
        ({"filter": {"source_adrs": ["192.0.2.1"]}}, "source_adrs"),
        ({"filter": {"source_ports": ["many"]}}, "source_ports"),
        ({"alerting": {"channels": ["op"]}}, "there is no alert channel 'op'"),
        ({"source": {"folder": "queue", "mapping": "no.map.yml"}}, "mapping file 'no.map.yml' is not there"),
        ({"source": {"folder": "queue", "maping": "x"}}, "unknown key 'source.maping'"),
        (
            {"alerting": [{"channels": ["ops"]}, {"name": "default", "channels": ["ops"]}]},
            "two alerting rules",
        ),
        ({"alerting": {"side": "both"}}, "alerting.side"),
    ],
)
def test_a_wrong_file_is_a_broken_monitor(project: EventsWorkspace, keys: dict[str, Any], said: str) -> None:
    project.events(**keys)

    (monitor,) = project.load().monitors

    assert isinstance(monitor, BrokenMonitor)
    assert said in str(monitor.error)
    assert monitor.error.line is not None
    assert errors_of(project) == [str(monitor.error)]


def test_a_wrong_mapping_file_is_said_to_be_wrong(project: EventsWorkspace) -> None:
    project.write("queue.map.yml", {"columns": {"seen": "DetectTim"}})
    project.events(source={"folder": "queue", "mapping": "queue.map.yml"})

    (error,) = errors_of(project)

    assert "queue.map.yml" in error


def test_a_name_is_taken_across_all_kinds(project: EventsWorkspace) -> None:
    project.metric("ids")
    project.events()

    (error,) = errors_of(project)

    assert "the name 'ids' is taken by ids.yml" in error


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("groups:\n  - name: a\n    channels: [opps]\n", "groups.yml:3: there is no alert channel 'opps'"),
        ("groups:\n  - name: a\n    channels: opps\n", "groups.yml:3: there is no alert channel 'opps'"),
        ("groups:\n  - name: a\n    monitors: [idss, 'x*']\n", "groups.yml:3: there is no monitor 'idss'"),
        ("groups:\n  - name: a\n    tags: [secure]\n", "there is no monitor with the tag 'secure'"),
        ("inhibitions:\n  - when: [idx]\n    mutes: ['*']\n", "groups.yml:2: there is no monitor 'idx'"),
        ("inhibitions:\n  - when: ['id[sx]']\n    mutes: ['*']\n", "there is no monitor 'id[sx]'"),
        ("inhibitions:\n  - when: ['*']\n    mutes: ['tag:web']\n", "no monitor with the tag 'web'"),
        ("groups:\n  - name: shop\nfallback: shopp\n", "groups.yml:3: there is no group 'shopp'"),
    ],
)
def test_what_groups_name_is_to_be_there(project: EventsWorkspace, text: str, said: str) -> None:
    project.events(tags=["security"])
    groups_of(project, text)

    (error,) = errors_of(project)

    assert said in error


def test_tags_of_a_monitor_that_cannot_be_read_are_not_missed(project: EventsWorkspace) -> None:
    project.events(tags=["secure"], alerting={"severty": "high"})
    groups_of(project, "groups:\n  - name: a\n    tags: [secure]\n    channels: [opps]\n")

    broken, groups = errors_of(project)

    assert "severty" in broken
    assert "there is no alert channel 'opps'" in groups


def test_patterns_of_an_inhibition_may_match_something_one_day(project: EventsWorkspace) -> None:
    project.events(tags=["security"])
    groups_of(project, "inhibitions:\n  - when: ['web-*', 'tag:web?']\n    mutes: ['tag:sec*']\n")

    assert errors_of(project) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("groups:\n  - name: a\n    networks: [192.0.2.0/24, 192.0.2.7/24]\n", "did you mean 192.0.2.0/24?"),
        (
            "groups:\n  - name: a\n    networks: www.example.org\n",
            "groups.yml:3: groups.0.networks: 'www.exa",
        ),
        ("groups:\n  - name: a\n    hosts:\n      - '*.example.org'\n", "is no host name"),
        ("groups:\n  - name: a\n    hosts: [192.0.2.1]\n", "is an address: it belongs to networks"),
        ("thresholds: {bad: {silence: 1d}}\n", "thresholds"),
        ("groups:\n  - name: a\n    schedule:\n      from: 25:00\n      to: 6:00\n", "is no time of day"),
        ("groups:\n  - name: a\n    schedule:\n      from: 8\n      to: 18\n", "is no time of day"),
        ("groups:\n  - name: a\n    schedule:\n      from: 8.30\n      to: 18.00\n", "is no time of day"),
        ("groups:\n  - name: a\n    schedule:\n      from: 08:00Z\n      to: 18:00Z\n", "is no time of day"),
    ],
)
def test_a_file_of_groups_that_makes_no_sense_is_no_project(
    project: EventsWorkspace, text: str, said: str
) -> None:
    groups_of(project, text)

    with pytest.raises(ConfigError) as caught:
        project.load()

    assert said in str(caught.value)
    assert caught.value.line is not None


def test_right_groups_are_right(project: EventsWorkspace) -> None:
    project.events(tags=["security"])
    groups_of(
        project,
        "groups:\n  - {name: a, networks: [192.0.2.0/24, '2001:db8::/32', 192.0.2.1],"
        " hosts: [.example.org, www], monitors: [ids, 'web-*'], tags: security, channels: [ops, boss]}\n"
        "inhibitions:\n  - {when: [ids], mutes: ['tag:security', 'x?']}\n",
    )

    assert errors_of(project) == []
