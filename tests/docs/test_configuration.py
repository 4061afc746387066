"""The reference of the configuration has every key, and its default."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic_core import PydanticUndefined

from tests.docs.pages import DOCS, blocks, section, table_rows
from tocsin.model import Interval
from tocsin.runtime.clock import SystemClock
from tocsin.runtime.config import ProfileConfig, ProfilesConfig, ProjectConfig
from tocsin.runtime.config.event_mapping import ColumnConfig, EventMappingConfig
from tocsin.runtime.config.events import EventsAlertingConfig, EventsConfig, EventsSourceConfig
from tocsin.runtime.config.groups import (
    GroupConfig,
    GroupsConfig,
    InhibitionConfig,
    ScheduleConfig,
    ThresholdConfig,
)
from tocsin.runtime.config.loader import load_project
from tocsin.runtime.config.log import (
    EventDetectorConfig,
    LogAlertingConfig,
    LogConfig,
    LogSourceConfig,
    ParserConfig,
    StateConfig,
    TrainConfig,
)
from tocsin.runtime.config.metric import (
    AlertingConfig,
    DetectorConfig,
    EndpointMap,
    FindingsConfig,
    MetricConfig,
    NoDataConfig,
    QueryColumns,
)
from tocsin.runtime.config.project import (
    MemoryConfig,
    PathsConfig,
    RetentionConfig,
    TablesConfig,
    TimeoutsConfig,
)
from tocsin.runtime.config.yaml_file import StrictModel, validate
from tocsin.runtime.validation import project_errors

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

PAGE = DOCS / "configuration.md"
NOTHING = "\N{EN DASH}"
SECTIONS: dict[str, type[StrictModel]] = {
    "The project": ProjectConfig,
    "paths": PathsConfig,
    "tables": TablesConfig,
    "timeouts": TimeoutsConfig,
    "retention": RetentionConfig,
    "The profiles' file": ProfilesConfig,
    "A profile": ProfileConfig,
    "memory": MemoryConfig,
    "A metric": MetricConfig,
    "query_columns": QueryColumns,
    "detectors": DetectorConfig,
    "findings": FindingsConfig,
    "source and target of findings": EndpointMap,
    "alerting": AlertingConfig,
    "no_data": NoDataConfig,
    "A log": LogConfig,
    "source": LogSourceConfig,
    "parser": ParserConfig,
    "train": TrainConfig,
    "detectors of a log": EventDetectorConfig,
    "alerting of a log": LogAlertingConfig,
    "state": StateConfig,
    "An events monitor": EventsConfig,
    "source of an events monitor": EventsSourceConfig,
    "alerting of an events monitor": EventsAlertingConfig,
    "The groups' file": GroupsConfig,
    "A group": GroupConfig,
    "schedule": ScheduleConfig,
    "inhibitions": InhibitionConfig,
    "thresholds": ThresholdConfig,
    "A mapping file": EventMappingConfig,
    "columns of a mapping": ColumnConfig,
}


def documented(value: Any) -> str:
    """Write a default as the page does."""
    if value is None:
        return NOTHING
    if isinstance(value, StrictModel):
        return ""
    if value in ((), {}):
        return "none"
    match value:
        case bool():
            text = str(value).lower()
        case timedelta():
            text = str(Interval.parse(value)) if value else "0"
        case datetime():
            text = f"{value:%Y-%m-%d}"
        case tuple():
            text = ", ".join(map(str, value))
        case _:
            text = str(value) or '""'
    return f"`{text}`"


def default_of(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    return "required" if value is PydanticUndefined else documented(value)


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_key_is_documented_with_its_default(heading: str) -> None:
    fields = SECTIONS[heading].model_fields

    rows = table_rows(section(PAGE, heading))

    assert {row[0].strip("`"): row[2] for row in rows} == {
        field.alias or name: default_of(field) for name, field in fields.items()
    }
    assert [row[0].strip("`") for row in rows] == [field.alias or name for name, field in fields.items()]
    assert all(row[1] and row[3] for row in rows)


def test_every_model_of_the_configuration_has_a_section() -> None:
    assert set(StrictModel.__subclasses__()) == set(SECTIONS.values())


def test_the_examples_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_WEBHOOK", "https://hooks.example.org/x")
    examples = [block.text for block in blocks(PAGE) if block.language == "yaml"]
    models: list[type[StrictModel]] = [
        ProjectConfig,
        ProfilesConfig,
        MetricConfig,
        LogConfig,
        EventsConfig,
        GroupsConfig,
    ]

    for model, text in zip(models, examples, strict=True):
        validate(model, text, Path("example.yml"), keep=frozenset({"query"}))


def test_the_examples_are_a_project_in_which_nothing_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPS_WEBHOOK", "https://hooks.example.org/x")
    files = ("tocsin_project.yml", "profiles.yml", "metrics/requests.yml", "logs/auth.yml", "events/ids.yml")
    examples = [block.text for block in blocks(PAGE) if block.language == "yaml"]
    texts = dict(zip((*files, "groups.yml"), examples, strict=True))
    up = texts["metrics/requests.yml"].replace("name: requests", "name: host_up\ntags: [shop]")
    for name, text in {**texts, "metrics/host_up.yml": up}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")

    errors = project_errors(load_project(tmp_path, home=tmp_path), SystemClock())

    assert not errors
