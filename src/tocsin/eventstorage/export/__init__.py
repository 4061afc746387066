"""Events written to files: IDEA JSON lines, CSV, Parquet; however many, in constant memory."""

from tocsin.eventstorage.export.csv_table import write_csv
from tocsin.eventstorage.export.json_lines import write_jsonl
from tocsin.eventstorage.export.parquet_table import write_parquet

__all__ = ["write_csv", "write_jsonl", "write_parquet"]
