"""Creates a project folder: empty, from files, or from the seeded example."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from tocsin.errors import ConfigError
from tocsin.runtime.config.loader import PROFILES_FILE, PROJECT_FILE

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["create_project", "is_project", "write_metric"]

_PROJECT = """\
# A Tocsin project: metrics/ and logs/ say what to watch, profiles.yml where it is and who is told.
name: {name}
version: "1.0"
paths:
  metrics: metrics
  logs: logs
  sql: sql
"""

_PROFILES = """\
# Where series are read from. This profile reads CSV, Parquet and JSON files and needs no server.
# Values may come from the environment: ${NAME}, or {{ env_var('NAME', 'default') }}.
default_profile: files
profiles:
  files:
    type: duckdb
    # What Tocsin remembers: series, verdicts, incidents, messages.
    memory: tocsin.db

# Who is told. Name a channel here, and use it under `alerting: channels:` of a metric.
# Types: webhook, slack, mattermost, telegram, email, apprise.
alert_channels: {}
#  ops:
#    type: slack
#    webhook_url: ${SLACK_WEBHOOK_URL}
"""

_EXAMPLE_METRIC = """\
# A metric: a query that gives `timestamp` and `value`, detectors, and when to alert.
# `tocsin schema metric` lists every key; docs/loading.md and docs/detectors.md explain them.
name: example
description: A value every ten minutes; the last day but one has a jump
query: |
  SELECT timestamp, value
  FROM read_csv('data/example.csv')
  WHERE timestamp >= '{{ tocsin_start_time }}' AND timestamp < '{{ tocsin_end_time }}'
interval: 10min
detectors:
  - type: mad
    params: {threshold: 5.0, window_size: 432}
alerting:
  consecutive_anomalies: 3
  channels: []
"""

_GITIGNORE = "tocsin.db*\ndead_letters/\nreport.html\n"


def is_project(folder: Path) -> bool:
    """Say whether a folder is a project."""
    return (folder / PROJECT_FILE).exists()


def create_project(folder: Path, name: str, *, example: bool) -> list[Path]:
    """Write the files of a new project.

    Args:
        folder: Where; made when missing.
        name: The project's name.
        example: Whether it gets a small example metric that runs at once.

    Returns:
        The files written.

    Raises:
        ConfigError: The folder is a project already, or cannot be written.
    """
    if is_project(folder):
        raise ConfigError(
            f"{folder} is a Tocsin project already", hint="choose another folder, or use --from to add to it"
        )
    files = {
        folder / PROJECT_FILE: _PROJECT.format(name=_as_yaml(name)),
        folder / PROFILES_FILE: _PROFILES,
        folder / ".gitignore": _GITIGNORE,
    }
    if example:
        files[folder / "metrics" / "example.yml"] = _EXAMPLE_METRIC
        files[folder / "data" / "example.csv"] = _example_series()
    try:
        for part in ("metrics", "logs", "sql"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ConfigError(f"{error.filename or folder} cannot be written ({error.strerror})") from error
    return list(files)


def write_metric(path: Path, metric: dict[str, Any], comments: dict[str, str]) -> None:
    """Write a metric's YAML file, readable: a comment above the keys that have one, the query as a block.

    Raises:
        ConfigError: The file is there already, or cannot be written.
    """
    lines: list[str] = []
    for key, value in metric.items():
        lines.extend(f"# {line}" for line in comments.get(key, "").splitlines())
        if isinstance(value, str) and "\n" in value:
            lines.append(f"{key}: |")
            lines.extend(f"  {line}" if line else "" for line in value.rstrip().splitlines())
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            lines.append(f"{key}:")
            lines.extend(f"  {line}" for line in _block(value).splitlines())
        else:
            lines.append(f"{key}: {_as_yaml(value)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write("\n".join(lines) + "\n")
    except FileExistsError:
        raise ConfigError(f"{path} is there already", hint="delete it first, or leave the file out") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror})") from error


def _as_yaml(value: Any) -> str:
    """Write a value on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000, sort_keys=False)
    return re.sub(r"\n(\.\.\.\n)?\Z", "", text)


def _block(value: Any) -> str:
    return "\n".join(
        f"- type: {_as_yaml(item['type'])}\n  params: {_as_yaml(item['params'])}" for item in value
    )


def _example_series() -> str:
    """Make a week of a daily rhythm with some noise, and a jump of an hour."""
    import numpy as np

    rng = np.random.Generator(np.random.PCG64(2026))
    slots = np.arange(7 * 144)
    times = np.datetime64("2026-03-02T00:00") + slots.astype("timedelta64[m]") * 10
    values = 100 + 20 * np.sin(slots * 2 * np.pi / 144) + rng.normal(0, 3, len(slots))
    values[800:806] += 150
    rows = (f"{str(t).replace('T', ' ')}:00,{v:.2f}" for t, v in zip(times, values, strict=True))
    return "timestamp,value\n" + "\n".join(rows) + "\n"
