"""Databases: the project's memory, and the sources of series."""

from tocsin.database.manager import BaseDatabaseManager, Capabilities
from tocsin.database.tables import (
    INTERNAL_TABLES,
    TABLE_DATAPOINTS,
    TABLE_DETECTIONS,
    TABLE_TASKS,
    get_datapoints_table_model,
    get_detections_table_model,
    get_tasks_table_model,
)
from tocsin.model import ColumnDefinition, TableModel

__all__ = [
    "INTERNAL_TABLES",
    "TABLE_DATAPOINTS",
    "TABLE_DETECTIONS",
    "TABLE_TASKS",
    "BaseDatabaseManager",
    "Capabilities",
    "ColumnDefinition",
    "TableModel",
    "get_datapoints_table_model",
    "get_detections_table_model",
    "get_tasks_table_model",
]
