"""`tocsin report` in a project with events monitors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.reporting.test_page import Page
from tests.runtime.alert_scenes import Scene, scan
from tocsin.reporting.words import ABSENT
from tocsin.runtime.clock import SystemClock

if TYPE_CHECKING:
    from tests.cli.conftest import Cli


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Give the current folder as a project with an events monitor, and events of two weeks."""
    scene = Scene.new(tmp_path, SystemClock())
    scene.monitor(description="Scans")
    scene.store(scan(0, 0), scan(1, 0.1), scan(2, 13), scan(3, 13.1), scan(4, 13.2, severity="high"))
    return scene


def words(cli: Cli, *options: str) -> list[str]:
    cli("report", *options)
    return Page(Path("report.html").read_text(encoding="utf-8")).words


def row_of(said: list[str], monitor: str = "ids") -> list[str]:
    """Give what the table says of a monitor: status, to look at, events, told, held back, last."""
    # Behind its name stands its description.
    at = said.index(monitor) + 2
    return said[at : at + 6]


def test_a_report_says_how_far_an_events_monitor_is_and_what_it_told(cli: Cli, scene: Scene) -> None:
    before = row_of(words(cli))
    scene.run()

    said = words(cli)

    assert before == ["ok", "5", "0", "0", "0", ABSENT]
    assert row_of(said) == ["ok", "0", "3", "2", "1", "2026-02-14 14:48"]
    assert any(" counted from 2026-02-07 14:48 UTC on" in word for word in said)
    assert said[said.index("Monitors") + 1] == "Events monitor"  # there are no series to show


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (("--from", "2026-01-01"), ["5", "3", "2"]),
        (("--to", "2026-02-01T12:00"), ["1", "1", "0"]),
        (("--from", "2026-02-01T12:00", "--to", "2026-02-10"), ["1", "0", "1"]),
        (("--from", "2027-01-01"), ["0", "0", "0"]),
    ],
)
def test_the_time_that_is_asked_for_is_counted(
    cli: Cli, scene: Scene, options: tuple[str, ...], numbers: list[str]
) -> None:
    scene.run()

    assert row_of(words(cli, *options))[2:5] == numbers


def test_each_monitor_has_its_own_numbers_and_only_those_selected_are_there(cli: Cli, scene: Scene) -> None:
    scene.monitor("worse", filter={"severities": ["high"]}, description="The worst")
    scene.metric("load", range(190, 200))
    scene.run()

    assert row_of(words(cli))[2:5] == ["3", "2", "1"]
    assert row_of(words(cli), "worse")[2] == "1"
    assert "ids" not in words(cli, "--select", "kind:metric")
    assert "ids" not in words(cli, "--exclude", "ids")


def test_a_monitor_that_is_broken_not_enabled_or_failed_says_so(cli: Cli, scene: Scene) -> None:
    scene.monitor("off", enabled=False, description="Not now")
    scene.monitor("wrong", filter={"nothing": 1})
    scene.monitor("mail", source={"folder": "gone"}, description="Mail")
    scene.work.folder.joinpath("gone").write_text("no folder")
    assert scene.work.run().exit_code != 0

    said = words(cli)

    assert row_of(said, "off")[0] == "not enabled"
    assert row_of(said, "mail")[0] == "failed"
    assert "wrong is broken:" in said
    assert "mail is failed:" in said
