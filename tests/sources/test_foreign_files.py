"""Files as people in other places and other programs write them: what `tocsin init --from` makes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.sources.proposed import HOURS, load, the_metric, write

from tocsin.errors import LoadError
from tocsin.sources.inspect_files import inspect_file

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.abc import ColumnSource


def test_a_line_break_within_quotes_does_not_stop_the_query(
    tmp_path: Path, duckdb_source: ColumnSource
) -> None:
    lines = [f'{time};{place};"first ""line""\r\nsecond; line"\r\n' for place, time in enumerate(HOURS)]
    proposal = inspect_file(
        write(tmp_path, "notes.csv", "time;value;note\r\n" + "".join(lines)), duckdb_source
    )
    result = load(duckdb_source, the_metric(proposal))
    assert (result.rows_stored, result.rows_rejected) == (24, 0)
    assert list(result.series[0].data["value"]) == list(range(24))


def test_numbers_with_a_decimal_comma_are_read(tmp_path: Path, duckdb_source: ColumnSource) -> None:
    written = ["1.234.567,5", "1.234,567", "0,125", "-12,5", "7", "lost", "1.000", "0,5", *["20,25"] * 16]
    rows = "".join(f"{time};{value}\n" for time, value in zip(HOURS, written, strict=True))
    proposal = inspect_file(write(tmp_path, "umsatz.csv", "Zeit;Umsatz\n" + rows), duckdb_source)
    result = load(duckdb_source, the_metric(proposal))
    expected = [1234567.5, 1234.567, 0.125, -12.5, 7, np.nan, 1000, 0.5, *[20.25] * 16]
    np.testing.assert_array_equal(result.series[0].data["value"], expected)
    assert [row.value for row in result.rejected] == ["lost"]


@pytest.mark.parametrize(
    "front",
    [
        "sep=;\r\n",
        "SEP=;\r\n\r\n",
        "Sales of 2026\r\n\r\nall shops\r\n",
        "# made by hand\r\nSales, and others\r\n",
    ],
)
def test_what_stands_in_front_of_the_header_is_passed_over(
    tmp_path: Path, duckdb_source: ColumnSource, front: str
) -> None:
    rows = "".join(f"{time};{place},5\r\n" for place, time in enumerate(HOURS))

    proposal = inspect_file(write(tmp_path, "m.csv", f"{front}Zeit;Wert\r\n{rows}"), duckdb_source)

    metric = the_metric(proposal)
    assert (metric.column, proposal.rows, proposal.notes) == ("Wert", 24, ())
    assert load(duckdb_source, metric).series[0].data["value"][3] == 3.5


def test_a_header_with_a_line_break_is_no_title(tmp_path: Path, duckdb_source: ColumnSource) -> None:
    rows = "".join(f"{place};{time}\n" for place, time in enumerate(HOURS))

    metric = the_metric(inspect_file(write(tmp_path, "m.csv", '"Value\n(kW)";time\n' + rows), duckdb_source))

    assert metric.column.startswith("Value")
    assert load(duckdb_source, metric).series[0].data["value"][3] == 3


def test_a_decimal_comma_parts_no_cells_without_a_header(tmp_path: Path, duckdb_source: ColumnSource) -> None:
    rows = "".join(f"{time};{place},5\n" for place, time in enumerate(HOURS))

    metric = the_metric(inspect_file(write(tmp_path, "m.csv", rows), duckdb_source))

    assert load(duckdb_source, metric).series[0].data["value"][3] == 3.5


@pytest.mark.parametrize("form", ["%b %Y", "%B %Y"])
def test_months_may_have_names(tmp_path: Path, duckdb_source: ColumnSource, form: str) -> None:
    months = [datetime(year, month, 1, tzinfo=UTC) for year in range(2020, 2026) for month in range(1, 13)]
    rows = "".join(f"{month.strftime(form)};{place}\n" for place, month in enumerate(months))

    proposal = inspect_file(write(tmp_path, "m.csv", "Month;v\n" + rows), duckdb_source)

    assert (proposal.first, proposal.last, proposal.rhythm.calendar) == (months[0], months[-1], "month")


@pytest.mark.parametrize(
    "form",
    ["%Y-%m-%d %I:%M:%S %p", "%Y/%m/%d %I:%M %p", "%d.%m.%y %H:%M", "%m/%d/%y %H:%M:%S", "%Y%m%dT%H%M%S"],
)
def test_times_are_never_read_as_others(tmp_path: Path, duckdb_source: ColumnSource, form: str) -> None:
    times = [datetime(2026, 11, 29, tzinfo=UTC) + timedelta(hours=place) for place in range(50)]
    rows = "".join(f"{time:{form}};{place}\n" for place, time in enumerate(times))

    proposal = inspect_file(write(tmp_path, "m.csv", "Datum;Wert\n" + rows), duckdb_source)

    assert (proposal.first, proposal.last, proposal.rows_without_time) == (times[0], times[-1], 0)
    assert list(load(duckdb_source, the_metric(proposal)).series[0].data["value"]) == list(range(50))


def test_the_name_of_a_zone_is_heeded_and_its_abbreviation_not_guessed(
    tmp_path: Path, duckdb_source: ColumnSource
) -> None:
    local = "".join(f"2026-07-01 {hour:02d}:00:00 {{zone}},{hour}\n" for hour in range(24))
    named = write(tmp_path, "named.csv", "time,v\n" + local.format(zone="Europe/Berlin"))
    short = write(tmp_path, "short.csv", "time,v\n" + local.format(zone="BST"))

    assert inspect_file(named, duckdb_source).first == datetime(2026, 6, 30, 22, tzinfo=UTC)
    with pytest.raises(LoadError, match="no column of times"):
        inspect_file(short, duckdb_source)


@pytest.mark.parametrize(
    ("date", "clock"),
    [("%Y-%m-%d", "%H:%M:%S"), ("%d.%m.%Y", "%H:%M"), ("%m/%d/%Y", "%I:%M %p")],
    ids=["iso", "german", "american"],
)
def test_date_and_time_of_day_may_stand_in_two_columns(
    tmp_path: Path, duckdb_source: ColumnSource, date: str, clock: str
) -> None:
    times = [datetime(2026, 11, 29, tzinfo=UTC) + timedelta(hours=place) for place in range(50)]
    rows = "".join(f"{time:{date}};{time:{clock}};{place}\n" for place, time in enumerate(times))
    proposal = inspect_file(
        write(tmp_path, "m.csv", "Datum;Uhrzeit;Wert\n" + rows + f"{times[0]:{date}};soon;1\n"), duckdb_source
    )
    metric = the_metric(proposal)
    assert (str(metric.interval), metric.dimension, proposal.first) == ("1h", None, times[0])
    result = load(duckdb_source, metric)
    assert list(result.series[0].data["value"]) == list(range(50))
    assert result.rows_rejected == 1


def test_a_time_of_day_of_something_else_is_no_part_of_the_time(
    tmp_path: Path, duckdb_source: ColumnSource
) -> None:
    days = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=place) for place in range(50)]
    rows = "".join(
        f"{day:%Y-%m-%d},{shop},0{8 + place % 2}:30,{place}\n"
        for shop in "ab"
        for place, day in enumerate(days)
    )
    path = write(tmp_path, "m.csv", "day,shop,opens,sales\n" + rows)
    metric = the_metric(inspect_file(path, duckdb_source))
    assert (str(metric.interval), metric.dimension, metric.anchor.timestamp()) == ("1d", "shop", 0)


def test_numbers_whose_comma_could_mean_thousands_are_not_guessed(
    tmp_path: Path, duckdb_source: ColumnSource
) -> None:
    rows = "".join(f"{time};{place + 1},{place:03d}\n" for place, time in enumerate(HOURS))
    with pytest.raises(LoadError, match="no column of numbers"):
        inspect_file(write(tmp_path, "sales.csv", "time;sales\n" + rows), duckdb_source)


@pytest.mark.parametrize(
    ("dates", "unit"),
    [
        ([f"{year}-{month:02d}-01" for year in range(1990, 2026) for month in range(1, 13)], "month"),
        ([f"{year}-{month:02d}" for year in range(1990, 2026) for month in range(1, 13)], "month"),
        (
            [
                str(np.datetime64(month, "M").astype("M8[D]") - np.timedelta64(1, "D"))
                for month in range(1, 99)
            ],
            "month",
        ),
        ([f"{year}-{month:02d}-01" for year in range(1970, 2026) for month in (1, 4, 7, 10)], "quarter"),
        ([f"{year}-07-01" for year in range(1980, 2026)], "year"),
    ],
    ids=["beginnings", "months", "ends", "quarters", "years"],
)
def test_what_follows_the_calendar_has_a_slot_for_each_point(
    tmp_path: Path, duckdb_source: ColumnSource, dates: list[str], unit: str
) -> None:
    rows = "".join(f"{date},{place}\n" for place, date in enumerate(dates))

    proposal = inspect_file(write(tmp_path, "m.csv", "date,v\n" + rows), duckdb_source)

    assert proposal.rhythm.calendar == unit
    assert f"a point for each {unit}" in proposal.notes[0]
    data = load(duckdb_source, the_metric(proposal)).series[0].data
    assert list(data["value"]) == list(range(len(dates)))
    begins = np.array(dates, dtype="M8[ms]")
    assert (np.abs(data["timestamp"] - begins) <= np.timedelta64(4, "D")).all()
    if unit == "month":  # what a slot's clock says of the month is true of the point
        assert (data["timestamp"].astype("M8[M]") == begins.astype("M8[M]")).all()


def test_rows_of_one_time_are_not_made_one_without_a_word(
    tmp_path: Path, duckdb_source: ColumnSource
) -> None:
    rows = "".join(f"2026-01-{day:02d},{hour},{day}\n" for day in range(1, 30) for hour in range(1, 25))

    proposal = inspect_file(write(tmp_path, "m.csv", "date,hour,load\n" + rows), duckdb_source)

    assert proposal.metrics[0].aggregate == "mean"
    assert "several rows fall into one slot" in proposal.notes[0]
