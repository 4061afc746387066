"""The house rules that tools do not check: public names, the size of modules, where the clock is read."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path

import pytest

import tocsin

SOURCE = Path(tocsin.__file__).parent
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages([str(SOURCE)], "tocsin.")
    if not module.name.rpartition(".")[2].startswith("_")
)
LONGEST_MODULE = 400

# What the specs name, and users import.
PROMISED = {
    "tocsin": {"__version__"},
    "tocsin.database": {
        "INTERNAL_TABLES", "TABLE_DATAPOINTS", "TABLE_DETECTIONS", "TABLE_TASKS", "BaseDatabaseManager",
        "ColumnDefinition", "TableModel", "get_datapoints_table_model", "get_detections_table_model",
        "get_tasks_table_model",
    },
    "tocsin.database.sqlite": {"SQLiteManager"},
    "tocsin.database.duckdb": {"DuckDBManager"},
    "tocsin.detectors": {
        "BaseDetector", "DetectionResult", "IQRDetector", "MADDetector", "ManualBoundsDetector",
        "ZScoreDetector", "CoreDetector", "CoreDetectorConfig",
    },
    "tocsin.persistency": {
        "ChunkedEventDataFrame", "EventDataFrame", "EventDataStructure", "EventPersistency",
        "EventStabilityTracker", "PersistencyLoadError", "PersistencySaver", "PersistencySaverConfig",
        "init_persistency", "load", "save",
    },
    "tocsin.eventstorage": {
        "DataError", "EventStorageCursor", "EventStorageException", "EventStorageService",
        "EventStorageServiceManager", "IPBaseAdapter", "IPListAdapter", "Idea", "IdeaGhost",
        "QueryCanceledException", "StorageConnectionException", "StorageContentionError", "StorageFullError",
        "StorageIntegrityError", "Thresholder", "Verdict", "build_query", "close", "handle_db_exceptions",
        "init", "manager", "record_to_idea", "record_to_idea_ghost", "service", "set_manager",
    },
    "tocsin.database.postgres": {"PostgresManager"},
    "tocsin.sources": {"MetricLoader"},
    "tocsin.model": {"AlertDecision", "ColumnDefinition", "DecisionKind", "DetectionResult", "TableModel"},
    "tocsin.errors": {"ConfigError", "DatabaseError", "TocsinError"},
}  # fmt: skip


def source_of(module: str) -> ast.Module:
    path = SOURCE.parent.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", ["tocsin", *MODULES])
def test_every_public_name_can_be_imported(module: str) -> None:
    loaded = importlib.import_module(module)

    names = getattr(loaded, "__all__", [])  # an empty package has none

    assert (loaded.__doc__ or "").strip(), "it does not say what it is"
    assert len(set(names)) == len(names)
    assert not [name for name in names if not hasattr(loaded, name)]


@pytest.mark.parametrize("module", MODULES)
def test_what_a_module_defines_is_public_or_begins_with_an_underscore(module: str) -> None:
    assert not definitions(module) - set(getattr(importlib.import_module(module), "__all__", []))


def definitions(module: str) -> set[str]:
    kinds = (ast.FunctionDef, ast.ClassDef)
    return {
        node.name
        for node in source_of(module).body
        if isinstance(node, kinds) and not node.name.startswith("_")
    }


@pytest.mark.parametrize("package", PROMISED)
def test_a_public_package_has_the_names_of_the_specs(package: str) -> None:
    assert not PROMISED[package] - set(importlib.import_module(package).__all__)


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_is_a_comfortable_room(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


def test_packages_only_hand_names_on() -> None:
    # A class may be put together of its parts, as the contract suites are.
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Expr, ast.If, ast.ClassDef)
    for path in SOURCE.rglob("__init__.py"):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        assert all(isinstance(node, allowed) for node in body), path
        assert all(len(node.body) == 1 for node in body if isinstance(node, ast.ClassDef)), path


def test_the_package_is_typed() -> None:
    assert (SOURCE / "py.typed").is_file()
