"""`tocsin schema`: the JSON Schemas with which editors check and complete the YAML files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.console import JsonOption, print_json, print_written, unwritable
from tocsin.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["schema"]


def schema(
    kind: Annotated[
        str, typer.Argument(help="metric, log, events, groups, project or profiles.", metavar="KIND")
    ] = "metric",
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write all of them into this folder instead.", metavar="FOLDER"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the JSON Schema of a file.

    Editors use it to check and complete the YAML files. With -o all of them are written into a folder.
    """
    from tocsin.runtime.config import MetricConfig, ProfilesConfig, ProjectConfig
    from tocsin.runtime.config.events import EventsConfig
    from tocsin.runtime.config.groups import GroupsConfig
    from tocsin.runtime.config.log import LogConfig

    models: dict[str, type[BaseModel]] = {
        "metric": MetricConfig,
        "log": LogConfig,
        "events": EventsConfig,
        "groups": GroupsConfig,
        "project": ProjectConfig,
        "profiles": ProfilesConfig,
    }
    if kind not in models:
        raise ConfigError(f"there is no schema {kind!r}", hint=f"schemas are {', '.join(models)}")
    if output is None:
        print_json(models[kind].model_json_schema())
        return
    written = []
    try:
        output.mkdir(parents=True, exist_ok=True)
        for name, model in models.items():
            path = output / f"{name}.schema.json"
            text = json.dumps(model.model_json_schema(), indent=2) + "\n"
            path.write_text(text, encoding="utf-8", newline="\n")
            written.append(path)
    except OSError as error:
        raise unwritable(error.filename or output, error) from error
    print_written(written, as_json=as_json)
