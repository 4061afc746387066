"""Real files: interval, anchor, and every row accounted for."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tocsin.sources import LoadSpec, MetricLoader
from tocsin.sources.inspect_files import inspect_file

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.abc import ColumnSource

pytestmark = pytest.mark.data

# file, interval, anchor's time of day, rows merged into another
FILES = [
    ("realKnownCause/ambient_temperature_system_failure", "1h", "00:00:00", 0),
    ("realKnownCause/ec2_request_latency_system_failure", "5min", "00:01:00", 11),
    ("realKnownCause/nyc_taxi", "30min", "00:00:00", 0),
    ("realKnownCause/rogue_agent_key_updown", "5min", "00:00:00", 0),
    ("realTraffic/TravelTime_387", "10min", "00:09:00", 27),
    ("realTraffic/occupancy_6005", "5min", "00:01:00", 19),
    ("realTraffic/speed_6005", "5min", "00:01:00", 19),
    ("realTraffic/speed_t4013", "5min", "00:01:00", 20),
    ("realAdExchange/exchange-2_cpc_results", "1h", "00:00:01", 1),
    ("realAdExchange/exchange-4_cpc_results", "1h", "00:15:01", 0),
    ("realAWSCloudwatch/rds_cpu_utilization_e47b3b", "5min", "00:02:00", 0),
    ("realTweets/Twitter_volume_AAPL", "5min", "00:02:53", 0),
]


@pytest.mark.parametrize(("name", "interval", "anchor", "merged"), FILES)
def test_a_real_file_is_understood_and_fully_counted(
    data_dir: Path, duckdb_source: ColumnSource, name: str, interval: str, anchor: str, merged: int
) -> None:
    path = data_dir / "nab" / "data" / f"{name}.csv"
    with path.open() as file:
        rows = list(csv.DictReader(file))

    proposal = inspect_file(path, duckdb_source)
    (metric,) = proposal.metrics
    spec = LoadSpec(
        metric.name, metric.query, metric.interval,
        anchor=metric.anchor, align=metric.align, aggregate=metric.aggregate,
    )  # fmt: skip
    result = MetricLoader(duckdb_source, spec).read(None, None)

    assert (metric.name, str(metric.interval)) == (path.stem, interval)
    assert f"{metric.anchor:%H:%M:%S}" == anchor
    assert (proposal.rows, result.rows_read) == (len(rows), len(rows))
    assert (result.rows_stored, result.rows_merged) == (len(rows) - merged, merged)
    assert result.rows_rejected == result.rows_ignored == 0
    data = result.series[0].data
    step = np.timedelta64(metric.interval.seconds, "s")
    assert (np.diff(data["timestamp"]) == step).all()
    if not merged and metric.align == "floor":
        np.testing.assert_array_equal(
            data["value"][~np.isnan(data["value"])], [float(row["value"]) for row in rows]
        )
