"""Events monitors on the page of a report."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.reporting.test_page import HOSTILE, NOW, Page

from tocsin.reporting import EventsView, ReportedEvents, report_html
from tocsin.reporting.words import ABSENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.reporting import SeriesView

LAST = datetime(2026, 3, 29, 22, 15, tzinfo=UTC)
IDS = ReportedEvents(
    "ids",
    description="What the probes say",
    last=LAST,
    waiting=1_200,
    found=25_000,
    told=31,
    held=24_900,
)


def page_of(view: EventsView, views: Sequence[SeriesView] = ()) -> Page:
    return Page(html_of(views, events=view))


def html_of(views: Sequence[SeriesView] = (), **more: Any) -> str:
    buffer = io.BytesIO()
    report_html(views, buffer, project="shop", generated_at=NOW, **more)
    return buffer.getvalue().decode()


def counted(start: datetime | None, end: datetime | None) -> str:
    (said,) = [word for word in page_of(EventsView((IDS,), start, end)).words if " counted " in word]
    return said.partition(" counted ")[2].partition(",")[0]


def test_an_events_monitor_is_a_row_among_the_monitors(full_view: SeriesView) -> None:
    words = page_of(EventsView((IDS,), LAST - timedelta(days=7)), [full_view]).words

    row = words[words.index("ids") :]
    assert row[:8] == [
        "ids",
        "What the probes say",
        "ok",
        "1,200",
        "25,000",
        "31",
        "24,900",
        "2026-03-29 22:15",
    ]
    places = words.index("Monitors"), words.index("ids"), len(words) - words[::-1].index("Incidents")
    assert list(places) == sorted(places)
    assert words[words.index("Events") + 1] == "25,000"
    assert "7 anomalies" in words


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (None, None, "as far as is remembered"),
        (LAST, None, "from 2026-03-29 22:15 UTC on"),
        (None, LAST, "before 2026-03-29 22:15 UTC"),
        (LAST, NOW, "from 2026-03-29 22:15 to 2026-03-30 06:30 UTC"),
    ],
)
def test_it_says_of_which_time_events_are_counted(
    start: datetime | None, end: datetime | None, said: str
) -> None:
    assert counted(start, end) == said


def test_a_project_of_events_only_has_no_empty_parts_about_series() -> None:
    words = page_of(EventsView((IDS,))).words

    assert "There is nothing to show yet." not in words
    assert "Series" not in words
    assert "Slots" not in words


def test_a_broken_one_shows_its_error_and_counts_as_failed() -> None:
    broken = ReportedEvents("mail", status="broken", error="the folder is not there")
    words = page_of(EventsView((IDS, broken))).words

    assert words[words.index("Failed") + 1] == "1"
    assert words[words.index("mail is broken:") + 1] == "the folder is not there"
    assert ABSENT in words[words.index("mail") :]  # nothing was looked at


def test_without_events_nothing_changes(full_view: SeriesView) -> None:
    assert html_of([full_view], events=EventsView()) == html_of([full_view])
    assert "vents" not in " ".join(Page(html_of([full_view])).words)


def test_hostile_words_about_events_stay_words() -> None:
    hostile = ReportedEvents(HOSTILE, description=HOSTILE, status=HOSTILE, error=HOSTILE)
    page = page_of(EventsView((hostile,)))

    assert not {"script", "img"} & set(page.tags)
    assert HOSTILE in page.words
