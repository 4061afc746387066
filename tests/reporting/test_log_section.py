"""Logs on the page of a report."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from tests.reporting.test_page import NOW, Page

from tocsin.reporting import LogView, ReportedLine, report_html

AT = datetime(2026, 3, 24, 2, 13, 5, tzinfo=UTC)
EXPECTED = ", ".join(f"'template {number} {'x' * 60}' ({number}×)" for number in range(9))


def page_of(reason: str) -> Page:
    line = ReportedLine(AT, "auth.log:1", "e1", 1.0, (("new_event", reason),), "a line")
    buffer = io.BytesIO()
    report_html([], buffer, project="shop", generated_at=NOW, logs=[LogView("auth", (line,), found=1)])
    return Page(buffer.getvalue().decode())


def test_a_reason_that_names_what_was_expected_is_whole() -> None:
    reason = f"event 'e1' was never seen in 2,300 events; expected one of {EXPECTED}"

    assert any(reason in words for words in page_of(reason).words)


@pytest.mark.parametrize("length", [2001, 100_000])
def test_a_reason_without_an_end_loses_its_end(length: int) -> None:
    reason = "y" * length

    (shown,) = [words for words in page_of(reason).words if "yyy" in words]

    assert shown.lstrip(": ") == "y" * 1999 + "…"
