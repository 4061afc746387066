"""The JSON Schemas accept what Tocsin accepts, so that editors do not cry wolf."""

from __future__ import annotations

import json
from importlib.resources import files as package_files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastjsonschema
import pytest
import yaml

from tocsin.runtime.config import MetricConfig, ProfilesConfig, ProjectConfig
from tocsin.runtime.create_project import create_project

if TYPE_CHECKING:
    from pydantic import BaseModel

EXAMPLES = sorted(
    Path(str(entry))
    for entry in package_files("tocsin.runtime").joinpath("example_metrics").iterdir()
    if entry.name.endswith(".yml")
)


def check(model: type[BaseModel], content: Any) -> None:
    schema = model.model_json_schema()
    # YAML dates are text in JSON.
    fastjsonschema.validate(schema, json.loads(json.dumps(content, default=str)), use_formats=False)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_metrics_fit_the_schema(path: Path) -> None:
    check(MetricConfig, yaml.safe_load(path.read_text(encoding="utf-8")))


def test_a_new_project_fits_the_schemas(tmp_path: Path) -> None:
    create_project(tmp_path, "shop", example=True)

    models: dict[str, type[BaseModel]] = {
        "tocsin_project.yml": ProjectConfig,
        "profiles.yml": ProfilesConfig,
        "metrics/example.yml": MetricConfig,
    }
    for name, model in models.items():
        check(model, yaml.safe_load((tmp_path / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "keys",
    [
        {"interval": 600},
        {"interval": "10min", "lookback": 0.5, "anchor": "2026-01-01"},
        {"alerting": {"no_data": {"for": "1h"}}},
        {"alerting": [{"name": "a"}, {"anomaly_window": 5, "min_anomaly_share": 0.5}]},
        {"detectors": [{"type": "mad"}, {"type": "mad", "params": {"threshold": 4}}]},
        {"seasonality_columns": ["hour", "is_holiday"], "holidays": "DE"},
    ],
)
def test_what_is_accepted_fits_the_schema(keys: dict[str, Any]) -> None:
    content = {"name": "m", "query": "SELECT 1", "interval": "1h"} | keys

    check(MetricConfig, content)
    MetricConfig.model_validate(content)


@pytest.mark.parametrize(
    "keys",
    [
        {"intervall": 1},
        {"align": "up"},
        {"alerting": {"chanels": []}},
        {"detectors": [{"params": {}}]},
        {"tags": "x"},
    ],
)
def test_what_is_refused_does_not_fit_the_schema(keys: dict[str, Any]) -> None:
    with pytest.raises(fastjsonschema.JsonSchemaException):
        check(MetricConfig, {"name": "m", "query": "SELECT 1", "interval": "1h"} | keys)
