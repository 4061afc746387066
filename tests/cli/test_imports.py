"""A start loads what it needs and no more: counted in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli

_PROGRAM = """
import json, sys
before = set(sys.modules)
try:
    {statement}
except SystemExit:
    pass
print(json.dumps(sorted({{name.partition(".")[0] for name in set(sys.modules) - before}})), file=sys.stderr)
"""
_DRIVERS = {"sqlite3", "duckdb", "psycopg", "MySQLdb", "clickhouse_connect"}
_HEAVY = {"pandas", "polars", "numba", "pyarrow", "matplotlib", "scipy", "holidays", "apprise", "requests"}


def modules_after(statement: str, folder: Path) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(statement=statement)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_importing_tocsin_loads_nothing_else(tmp_path: Path) -> None:
    found = modules_after("import tocsin", tmp_path)

    assert "tocsin" in found
    assert not found & (_DRIVERS | _HEAVY | {"numpy", "pydantic", "typer", "rich", "yaml", "jinja2"})


def test_help_loads_only_what_parses_options(tmp_path: Path) -> None:
    unwanted = _DRIVERS | _HEAVY | {"rich", "numpy", "yaml", "jinja2"}
    # Typer itself reads the options of a command with pydantic.
    cases = {"--help": unwanted | {"pydantic"}, "--version": unwanted, "run --help": unwanted}
    for command, not_these in cases.items():
        found = modules_after(f"from tocsin.cli.main import main; main({command.split()})", tmp_path)

        assert "typer" in found
        assert not found & not_these


def test_a_run_with_nothing_to_do_loads_no_kernels_plots_or_services(cli: Cli, tmp_path: Path) -> None:
    cli("init", "shop")
    cli("run", "-p", "shop")

    found = modules_after("from tocsin.cli.main import main; main(['run', '-p', 'shop'])", tmp_path)

    assert {"sqlite3", "duckdb", "numpy"} <= found
    assert not found & _HEAVY


def test_reading_the_rooms_loads_no_driver_and_no_kernel(tmp_path: Path) -> None:
    rooms = "model, abc, errors, detectors, sources, alerting, reporting, database"

    found = modules_after("; ".join(f"import tocsin.{room}" for room in rooms.split(", ")), tmp_path)

    assert "numpy" in found
    assert not found & (_DRIVERS | _HEAVY)


def test_without_the_driver_of_a_server_it_says_what_to_install(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['psycopg'] = None; from tocsin.cli.main import main; "
        "main(['events', 'count', '--store', 'postgresql://127.0.0.1:1/none'])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stderr == "error: PostgreSQL needs psycopg: pip install 'tocsin[postgres]'\n"
