"""Public logs: how well Drain groups them, and what is proposed for them."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from benchmarks.loghub import SYSTEMS, read_lines, read_truth

from tocsin.sources.parsers import create_parser, grouping_accuracy, propose_parser

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sources.parsers.conftest import RawLinesMaker

pytestmark = pytest.mark.data

# With the masks, the similarity and the depth that we have without being told; a floor, not an aim.
WITHOUT_SETTINGS = {
    "Apache": 1.0,
    "BGL": 0.96,
    "HDFS": 0.99,
    "Linux": 0.69,
    "OpenSSH": 0.78,
    "OpenStack": 0.8,
    "Windows": 0.56,
    "Zookeeper": 0.96,
}


def accuracy(folder: Path, system: str, params: dict[str, Any], raw_lines: RawLinesMaker) -> float:
    """Group as lines come: an EventID once given does not change, which is harder than what was published."""
    lines = read_lines(folder, system)
    batch = create_parser("drain", params).parse(raw_lines(lines))
    assert not batch.rejected
    assert all(event["parsedTimestamp"] is not None for event in batch.events)
    return grouping_accuracy([event["EventID"] for event in batch.events], read_truth(folder, system))


@pytest.mark.parametrize("system", WITHOUT_SETTINGS)
def test_with_the_settings_of_the_literature_drain_is_as_accurate_as_published(
    system: str, data_dir: Path, raw_lines: RawLinesMaker
) -> None:
    published = SYSTEMS[system]

    assert accuracy(data_dir / "logs" / "loghub", system, published.params, raw_lines) >= published.published


@pytest.mark.parametrize("system", WITHOUT_SETTINGS)
def test_without_settings_drain_is_nearly_as_accurate(
    system: str, data_dir: Path, raw_lines: RawLinesMaker
) -> None:
    params = {"header": SYSTEMS[system].header}

    assert accuracy(data_dir / "logs" / "loghub", system, params, raw_lines) >= WITHOUT_SETTINGS[system]


@pytest.mark.parametrize(
    ("system", "type_name"),
    [
        ("Apache", "apache_error"),
        ("BGL", "drain"),
        ("HDFS", "drain"),
        ("Linux", "syslog"),
        ("OpenSSH", "syslog"),
        ("OpenStack", "drain"),
        ("Windows", "drain"),
        ("Zookeeper", "drain"),
    ],
)
def test_a_parser_that_reads_every_line_with_its_time_is_proposed(
    system: str, type_name: str, data_dir: Path
) -> None:
    proposal = propose_parser(read_lines(data_dir / "logs" / "loghub", system))

    assert proposal.type == type_name
    assert proposal.share == 1.0
    assert proposal.example is not None
    assert proposal.example["parsedTimestamp"] is not None
    assert "without a time" not in proposal.reason


def test_every_audit_record_is_read_and_has_few_layouts(data_dir: Path, raw_lines: RawLinesMaker) -> None:
    lines = (data_dir / "logs" / "audit" / "audit.log").read_text(encoding="utf-8").splitlines()

    batch = create_parser("auditd").parse(raw_lines(lines))

    assert not batch.rejected
    assert len(batch.events) == len(lines)
    assert all(event["parsedTimestamp"] for event in batch.events)
    assert propose_parser(lines).type == "auditd"
    assert {event["EventID"] for event in batch.events} == {
        line.partition(" ")[0].removeprefix("type=") for line in lines
    }


def test_every_windows_event_is_read(data_dir: Path, raw_lines: RawLinesMaker) -> None:
    archives = sorted((data_dir / "logs" / "windows").glob("*.zip"))
    assert archives
    for archive in archives:
        with zipfile.ZipFile(archive) as content:
            lines = content.read(content.namelist()[0]).decode("utf-8").splitlines()

        batch = create_parser("windows_json").parse(raw_lines(lines))

        assert not batch.rejected
        assert all(type(event["EventID"]) is int for event in batch.events)
        assert all(event["parsedTimestamp"] for event in batch.events)
        assert propose_parser(lines[:500]).type == "windows_json"
