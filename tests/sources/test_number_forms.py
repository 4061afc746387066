"""Numbers and dates as spreadsheets export them: read where there is one way to, else left out."""

from __future__ import annotations

import re
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
    from tocsin.sources.inspect_files import FileProposal


def inspect(folder: Path, source: ColumnSource, **columns: list[str]) -> FileProposal:
    """Look at a file with an hour a row and these columns."""
    rows = [";".join(row) for row in zip(HOURS, *columns.values(), strict=True)]
    content = "\n".join([";".join(["time", *columns]), *rows])
    return inspect_file(write(folder, "m.csv", content + "\n"), source)


def cells(form: str) -> list[str]:
    """Write 24 numbers in a form."""
    return [form.format(1000.5 + 100 * place) for place in range(24)]


@pytest.mark.parametrize(
    ("written", "value", "reading"),
    [
        ("2,410.09", 2410.09, "'2,410.09' is read as 2410.09"),
        ("-1,234,567", -1234567, "'-1,234,567' is read as -1234567"),
        ("$12.50", 12.5, "'$12.50' is read as 12.50"),
        ("-$1,012.50", -1012.5, "'-$1,012.50' is read as -1012.50"),
        ("12.50 €", 12.5, "'12.50 €' is read as 12.50"),
        ("12,50\u00a0€", 12.5, "'12,50 €' is read as 12.50"),
        ("R$ 1.012,50", 1012.5, "'R$ 1.012,50' is read as 1012.50"),
        ("EUR 7.25", 7.25, "'EUR 7.25' is read as 7.25"),
        ("12.5 %", 12.5, "'12.5 %' is read as 12.5"),
        ("-12,5%", -12.5, "'-12,5%' is read as -12.5"),
        ("1.012,50", 1012.5, "'1.012,50' is read as 1012.50"),
        ("12\u202f345,5", 12345.5, "'12 345,5' is read as 12345.5"),
        ("12'345.50", 12345.5, '"12\'345.50" is read as 12345.50'),
    ],
)
def test_a_number_that_can_be_nothing_else_is_read_and_a_note_says_as_what(
    tmp_path: Path, duckdb_source: ColumnSource, written: str, value: float, reading: str
) -> None:
    proposal = inspect(tmp_path, duckdb_source, v=[written] * 23 + ["soon"])

    result = load(duckdb_source, the_metric(proposal))

    assert proposal.readings == (f"v: {reading}",)
    assert list(result.series[0].data["value"][:23]) == [value] * 23
    assert [row.value for row in result.rejected] == ["soon"]


@pytest.mark.parametrize(
    ("price", "sold", "readings"),
    [
        ("{}.50", "{},250", ("sold: '24,250' is read as 24250",)),
        ("{},50", "{}.250", ("price: '24,50' is read as 24.50; sold alike",)),
    ],
)
def test_columns_of_one_file_are_written_alike(
    tmp_path: Path, duckdb_source: ColumnSource, price: str, sold: str, readings: tuple[str, ...]
) -> None:
    columns = {
        name: [form.format(place) for place in range(1, 25)]
        for name, form in (("price", price), ("sold", sold))
    }

    proposal = inspect(tmp_path, duckdb_source, **columns)

    found = next(metric for metric in proposal.metrics if metric.column == "sold")
    assert load(duckdb_source, found).series[0].data["value"][3] == 4250
    assert proposal.readings == readings


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (["1,250"] * 24, "'1,250' may be 1250 or 1.250"),
        (
            ["1,250.50"] * 12 + ["1.250,50"] * 12,
            "in some cells the comma is a decimal mark, in others it is not",
        ),
        (["$1.50"] * 23 + ["1.50 €"], "its numbers are in $ and €"),
        (["0.5"] * 12 + ["50 %"] * 12, "some of its numbers are per cent and some are not"),
        (["7"] * 12 + ["off"] * 12, "12 of its 24 cells are numbers, others are as 'off'"),
        (["7"] * 12 + ["off"] * 6 + ["n/a"] * 6, "12 of its 18 cells are numbers, others are as 'off'"),
        (["12 ms"] * 24, "'12 ms' has a unit, which is not read"),
        (['{"cpu": 1}'] * 24, "it holds objects, whose values are not read"),
    ],
)
def test_a_column_with_numbers_that_cannot_be_read_is_left_out_and_a_note_says_why(
    tmp_path: Path, duckdb_source: ColumnSource, written: list[str], reason: str
) -> None:
    proposal = inspect(tmp_path, duckdb_source, odd=written, v=[str(place) for place in range(24)])

    assert the_metric(proposal).column == "v"
    assert proposal.readings == (f"odd is left out: {reason}",)

    with pytest.raises(
        LoadError, match=re.escape(f"no column of numbers, only time, odd; odd is left out: {reason}")
    ):
        inspect(tmp_path, duckdb_source, odd=written)


@pytest.mark.parametrize("form", ["{:g}", "{:.2f} €", "{:,.2f}"])
@pytest.mark.parametrize(
    "mark",
    [
        "n/a",
        "N/A",
        "NA",
        "-",
        "--",
        "null",
        "NULL",
        "None",
        "#N/A",
        "<NA>",
        "\\N",
        ".",
        "?",
        "n.a.",
        "\u2013",
    ],
)
def test_what_stands_for_a_missing_value_is_read_as_one_and_a_note_says_so(
    tmp_path: Path, duckdb_source: ColumnSource, mark: str, form: str
) -> None:
    written = [mark if place % 3 else form.format(1000.5 + place) for place in range(24)]

    proposal = inspect(tmp_path, duckdb_source, v=written)
    result = load(duckdb_source, the_metric(proposal))

    assert (result.rows_stored, result.rows_rejected) == (24, 0)
    expected = [np.nan if place % 3 else 1000.5 + place for place in range(24)]
    np.testing.assert_array_equal(result.series[0].data["value"], expected)
    assert proposal.readings[-1] == f"v: '{mark}' is read as a missing value"
    assert the_metric(proposal).reading.endswith(f"'{mark}' is read as a missing value")


def test_what_is_missing_is_said_of_columns_alike_together(
    tmp_path: Path, duckdb_source: ColumnSource
) -> None:
    first = ["-", "n/a", "NA", *map(str, range(21))]
    proposal = inspect(
        tmp_path, duckdb_source, a=first, b=first, c=["-", *map(str, range(23))], d=["", *["7"] * 23]
    )

    assert proposal.readings == (
        "a: '-', 'NA' and 'n/a' are read as missing values; b alike",
        "c: '-' is read as a missing value",
    )
    assert [load(duckdb_source, metric).rows_rejected for metric in proposal.metrics] == [0] * 4


def test_what_comes_later_and_was_not_seen_is_rejected(tmp_path: Path, duckdb_source: ColumnSource) -> None:
    proposal = inspect(tmp_path, duckdb_source, v=["n/a", *map(str, range(23))])
    with (tmp_path / "m.csv").open("a") as file:
        file.write("2026-12-01 00:00:00;lost\n")

    result = load(duckdb_source, the_metric(proposal))

    assert [row.value for row in result.rejected] == ["lost"]


def test_what_tells_series_apart_is_never_missing(tmp_path: Path, duckdb_source: ColumnSource) -> None:
    rows = "".join(
        f"{time},{country},{place}\n" for place, time in enumerate(HOURS) for country in ("NA", "DE")
    )

    proposal = inspect_file(write(tmp_path, "m.csv", "time,country,v\n" + rows), duckdb_source)
    result = load(duckdb_source, the_metric(proposal))

    assert [one.name for one in result.series] == ["m{country=DE}", "m{country=NA}"]


def test_text_is_left_out_without_a_word(tmp_path: Path, duckdb_source: ColumnSource) -> None:
    texts = {
        "host": [f"10.0.0.{place}" for place in range(24)],
        "day": ["2026-11-30"] * 24,
        "note": ["paid 12.50 €", "7", *["all is well"] * 22],
    }

    proposal = inspect(tmp_path, duckdb_source, v=[str(place) for place in range(24)], **texts)

    assert (the_metric(proposal).column, proposal.readings) == ("v", ())


def test_the_notes_of_a_wide_file_are_few(tmp_path: Path, duckdb_source: ColumnSource) -> None:
    prices = {f"price{place}": cells("{:,.2f} €") for place in range(9)}
    odd = {f"odd{place}": ["1", "!"] * 12 for place in range(9)}

    proposal = inspect(tmp_path, duckdb_source, **prices, **odd)

    first, *left_out, last = proposal.readings
    also = "price1, price2, price3, price4, price5 and 3 more alike"
    assert first == f"price0: '3,300.50 €' is read as 3300.50; {also}"
    assert len(left_out) == 5
    assert last == "odd5, odd6, odd7, odd8 are left out, too"


def test_a_number_that_cannot_be_read_tells_no_series_apart(
    tmp_path: Path, duckdb_source: ColumnSource
) -> None:
    rows = "".join(f'{time},"{1 + place % 5},000",{place}\n' for time in HOURS for place in range(5))

    proposal = inspect_file(write(tmp_path, "m.csv", "time,sold,v\n" + rows), duckdb_source)

    assert the_metric(proposal).dimension is None


@pytest.mark.parametrize(
    ("form", "example"),
    [
        ("%b %-d, %Y", "Aug 3, 2026"),
        ("%-d %b %Y", "3 Aug 2026"),
        ("%d-%b-%Y", "03-Aug-2026"),
        ("%d-%b-%y", "03-Aug-26"),
        ("%B %-d, %Y", "August 3, 2026"),
        ("%-d %B %Y", "3 August 2026"),
        ("%b %-d, %Y %H:%M", "Aug 3, 2026 00:00"),
        ("%b %-d, %Y, %I:%M:%S %p", "Aug 3, 2026, 12:00:00 AM"),
        ("%a, %d %b %Y %H:%M:%S GMT", "Mon, 03 Aug 2026 00:00:00 GMT"),
    ],
)
def test_dates_with_the_name_of_a_month_are_read(
    tmp_path: Path, duckdb_source: ColumnSource, form: str, example: str
) -> None:
    days = [datetime(2026, 8, 3, tzinfo=UTC) + timedelta(days=place) for place in range(40)]
    rows = "".join(f"{day.strftime(form)};{place}\n" for place, day in enumerate(days))

    proposal = inspect_file(write(tmp_path, "m.csv", "Date;v\n" + rows), duckdb_source)

    assert (proposal.first, proposal.last, proposal.rows_without_time) == (days[0], days[-1], 0)
    assert (proposal.notes, proposal.readings) == ((), (f"Date: '{example}' is read as 2026-08-03",))
    np.testing.assert_array_equal(
        load(duckdb_source, the_metric(proposal)).series[0].data["value"], range(40)
    )


def test_may_has_one_name_and_is_not_ambiguous(tmp_path: Path, duckdb_source: ColumnSource) -> None:
    rows = "".join(f"{day} May 2026;{day}\n" for day in range(1, 13))

    proposal = inspect_file(write(tmp_path, "m.csv", "Date;v\n" + rows), duckdb_source)

    assert proposal.notes == ()
