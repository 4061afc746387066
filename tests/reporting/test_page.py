from __future__ import annotations

import io
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import numpy as np

from tocsin.model import IncidentState
from tocsin.reporting import plot_html, report_html

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.reporting.conftest import MakeView

    from tocsin.reporting import SeriesView

NOW = datetime(2026, 3, 30, 6, 30, tzinfo=UTC)
HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{ 7*7 }}"
VOID = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """Reads a page: its tags, attributes, ids, links and text; fails on tags that do not match."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.feed(content)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style" and data.strip():
            self.words.append(" ".join(data.split()))

    def values(self, attribute: str) -> list[str]:
        return [value for name, value in self.attributes if name == attribute]


def report_of(views: Sequence[SeriesView], project: str = "shop") -> Page:
    buffer = io.BytesIO()
    report_html(views, buffer, project=project, generated_at=NOW, timezone="Europe/Berlin")
    return Page(buffer.getvalue().decode())


def test_a_report_shows_totals_monitors_incidents_and_anomalies(full_view: SeriesView) -> None:
    page = report_of([full_view])
    words = page.words
    assert "Tocsin report, made 2026-03-30 08:30 (Europe/Berlin)" in words
    assert words[words.index("Slots") + 1] == "300"
    assert words[words.index("Anomalies") + 1] == "7"
    assert words[words.index("Not resolved") + 1] == "0"
    assert "2026-03-14 12:00" in words  # the last slot, by the clocks of Berlin
    assert "7 anomalies" in words
    assert "8 to 12" in words
    assert "mad, iqr" in words
    assert "6h" in words  # the first incident
    assert "10h" in words  # the missing data
    assert "no data" in words
    assert "2026-03-06 04:00 to 2026-03-06 12:00: level shift, a release" in words


def test_a_page_needs_no_other_file_and_no_script(full_view: SeriesView) -> None:
    page = report_of([full_view])
    assert not {"script", "link", "img", "iframe", "base"} & set(page.tags)
    assert not page.values("src")
    assert all(link.startswith("#") for link in page.values("href") + page.values("xlink:href"))
    assert not [name for name, _ in page.attributes if name.startswith("on")]


def test_every_id_is_there_once_and_every_link_leads_to_one(
    full_view: SeriesView, new_view: MakeView
) -> None:
    page = report_of([full_view, full_view, new_view([])])
    ids = page.values("id")
    charts = [name for name in ids if not name.startswith("series-") or name.count("-") == 1]
    assert len(set(charts)) == len(charts)
    targets = page.values("href") + page.values("xlink:href") + page.values("aria-labelledby")
    assert {target.removeprefix("#") for target in targets} <= set(ids)


def test_hostile_words_stay_words(new_view: MakeView) -> None:
    view = new_view(
        [1.0, 99.0], name=HOSTILE, description=HOSTILE, status=HOSTILE, error=HOSTILE, unit=HOSTILE
    )
    page = report_of([view], project=HOSTILE)
    assert not {"script", "img"} & set(page.tags)
    assert HOSTILE in page.words
    assert not [name for name, _ in page.attributes if name == "onerror"]


def test_a_broken_monitor_shows_its_error(new_view: MakeView) -> None:
    page = report_of([new_view([], status="failed", error="shop.yml:3: no such column 'valeu'")])
    assert page.words.count("failed") == 1
    assert "failed:" in page.words
    assert "shop.yml:3: no such column 'valeu'" in page.words
    assert page.words[page.words.index("Failed") + 1] == "1"


def test_a_project_without_series_has_a_report() -> None:
    page = report_of([])
    assert "There is nothing to show yet." in page.words
    assert "None." in page.words


def test_incidents_that_go_on_are_counted(full_view: SeriesView, new_view: MakeView) -> None:
    from dataclasses import replace

    open_one = replace(full_view.incidents[0], state=IncidentState.FIRING)
    page = report_of([new_view([10.0] * 300, incidents=(open_one,))])
    assert page.words[page.words.index("Not resolved") + 1] == "1"
    assert "firing" in page.words


def test_only_the_most_severe_of_very_many_anomalies_are_listed(new_view: MakeView) -> None:
    value = np.full(5000, 20.0)
    value[4000] = 500.0
    page = report_of([new_view(value)])
    assert "5,000 anomalies, the 200 most severe" in page.words
    assert "500" in page.words
    assert page.tags.count("tr") < 250


def test_a_short_list_of_anomalies_is_open_and_a_long_one_closed(new_view: MakeView) -> None:
    short = report_of([new_view([10.0, 20.0])])
    long = report_of([new_view([10.0, *[20.0] * 30])])
    assert ("open", "") in short.attributes
    assert ("open", "") not in long.attributes


def test_one_series_has_a_page_of_its_own(full_view: SeriesView) -> None:
    buffer = io.BytesIO()
    plot_html(full_view, buffer)
    page = Page(buffer.getvalue().decode())
    assert "Chart of checkout_requests" in page.values("aria-label")
    assert "7 anomalies" in page.words


def test_the_same_views_give_the_same_page(full_view: SeriesView) -> None:
    pages = [io.BytesIO(), io.BytesIO()]
    for page in pages:
        report_html([full_view], page, project="shop", generated_at=NOW)
    assert pages[0].getvalue() == pages[1].getvalue()


def test_charts_use_the_colours_of_the_page(full_view: SeriesView) -> None:
    buffer = io.BytesIO()
    plot_html(full_view, buffer)
    chart = buffer.getvalue().decode().partition("<svg")[2]
    assert "var(--line)" in chart
    assert "#1f5a8c" not in chart
