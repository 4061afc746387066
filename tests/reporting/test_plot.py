from __future__ import annotations

import io
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tocsin.reporting import SeriesView, plot_html, plot_png, plot_svg, report_html
from tocsin.reporting.plot import summary_line, svg_text

if TYPE_CHECKING:
    from pathlib import Path

    from tests.reporting.conftest import MakeView

HOSTILE = "<script>alert(1)</script>&\"'$x^2$ \\frac \n\x00\x1b]]> --> 日本語 🔥 עברית \udc80"

ODD_VALUES: dict[str, list[float]] = {
    "empty": [],
    "one point": [10.0],
    "one anomaly": [99.0],
    "all missing": [np.nan] * 5,
    "constant": [10.0] * 50,
    "zero": [0.0] * 50,
    "two points": [1.0, 2.0],
    "every other missing": [10.0, np.nan] * 40,
    "only infinities": [np.inf, -np.inf],
    "largest floats": [1.7e308, -1.7e308, 0.0],
    "smallest floats": [5e-324, 0.0, 1e-320],
    "nearly constant": [1e9, 1e9 + 1e-6, 1e9],
    "one huge spike": [*([10.0, 10.1] * 200), 1e12, *([10.0, 10.2] * 200)],
}


def png_of(view: SeriesView) -> bytes:
    buffer = io.BytesIO()
    plot_png(view, buffer)
    return buffer.getvalue()


def texts_of(svg: str) -> list[str]:
    root = ET.fromstring(svg)  # noqa: S314 - our own document
    return [node.text or "" for node in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("values", ODD_VALUES.values(), ids=ODD_VALUES.keys())
def test_odd_series_give_a_picture_without_a_warning(
    new_view: MakeView, tmp_path: Path, values: list[float]
) -> None:
    view = new_view(values)
    assert png_of(view).startswith(b"\x89PNG")
    assert "time (UTC)" in texts_of(svg_text(view))
    plot_html(view, tmp_path / "page.html")


def test_an_empty_series_says_so(new_view: MakeView) -> None:
    assert "no points" in texts_of(svg_text(new_view([])))
    assert "no values: every slot is missing" in texts_of(svg_text(new_view([np.nan, np.nan])))


def test_what_is_known_to_have_happened_beside_the_series_is_not_drawn(full_view: SeriesView) -> None:
    before = replace(
        full_view, timestamp=full_view.timestamp[:50], value=full_view.value[:50], bands=(), incidents=()
    )

    assert not {"level shift", "known to have happened"} & set(texts_of(svg_text(before)))


def test_an_empty_series_has_no_incidents_and_labels_at_its_edges(full_view: SeriesView) -> None:
    empty = replace(full_view, timestamp=full_view.timestamp[:0], value=full_view.value[:0], bands=())

    assert set(texts_of(svg_text(empty))) == {
        "checkout_requests", "no points", "time (Europe/Berlin)", "requests in an hour", "value",
    }  # fmt: skip


def test_a_series_without_detectors_is_drawn(new_view: MakeView) -> None:
    view = new_view([1.0, 2.0, 3.0], bands=())
    assert png_of(view).startswith(b"\x89PNG")
    assert "not judged" in summary_line(view)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.floats() | st.floats(0, 1) | st.just(5.0), max_size=30))
def test_any_values_give_a_picture(new_view: MakeView, values: list[float]) -> None:
    ET.fromstring(svg_text(new_view(values)))  # noqa: S314 - our own document


def test_hostile_words_are_drawn_as_they_are(new_view: MakeView) -> None:
    view = new_view([1.0, 99.0], name=HOSTILE, unit=HOSTILE, description=HOSTILE)
    assert png_of(view).startswith(b"\x89PNG")
    svg = svg_text(view)
    assert "<script" not in svg
    assert any(text.startswith("<script>alert(1)</script>&\"'$x^2$") for text in texts_of(svg))


def test_a_very_long_name_is_cut_in_the_middle(new_view: MakeView) -> None:
    texts = texts_of(svg_text(new_view([1.0, 2.0], name="cpu{host=" + "x" * 5000 + "}")))
    assert any(text.startswith("cpu{host=") and "…" in text and text.endswith("x}") for text in texts)
    assert max(map(len, texts)) < 250


def test_axes_say_zone_and_unit_and_the_legend_what_is_there(full_view: SeriesView) -> None:
    texts = texts_of(svg_text(full_view))
    assert "time (Europe/Berlin)" in texts
    assert "requests in an hour" in texts
    assert "checkout_requests" in texts
    for word in (
        "value",
        "band (mad)",
        "anomaly, above the band",
        "anomaly, below the band",
        "missing",
        "incident (number, direction, severity)",
        "known to have happened",
        "level shift",
        "1 ▲ 3.2",
        "2 no data",
    ):
        assert word in texts, word


def test_times_are_those_of_the_zone(new_view: MakeView) -> None:
    view = new_view([1.0] * 24, timezone="Asia/Tokyo")
    assert summary_line(view).endswith("2026-03-02 09:00 to 2026-03-03 08:00")
    assert "15:00" in texts_of(svg_text(view))
    assert "03 Mar" in texts_of(svg_text(view))


def test_the_summary_counts_what_is_there(full_view: SeriesView) -> None:
    assert summary_line(full_view) == (
        "300 slots of 1h · 10 missing · 7 anomalies · 2 incidents · 2026-03-02 01:00 to 2026-03-14 12:00"
    )


def test_another_detectors_band_can_be_drawn(full_view: SeriesView) -> None:
    assert "band (iqr)" in texts_of(svg_text(full_view, band="iqr"))
    with pytest.raises(ValueError, match=r"no band 'sub_pca'.*'mad', 'iqr'"):
        svg_text(full_view, band="sub_pca")


def test_the_same_view_gives_the_same_bytes(full_view: SeriesView, tmp_path: Path) -> None:
    first, again = tmp_path / "first.svg", tmp_path / "again.svg"
    plot_svg(full_view, first)
    png = png_of(full_view)
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "lines.linewidth": 9}):
        plot_svg(full_view, again)
        assert png_of(full_view) == png
    assert first.read_bytes() == again.read_bytes()


def test_threads_draw_the_same_as_one(full_view: SeriesView, new_view: MakeView) -> None:
    views = [full_view, new_view([1.0, 2.0]), full_view, new_view([3.0])]
    expected = [png_of(view) for view in views]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(png_of, views)) == expected


def test_a_png_has_the_size_that_was_asked_for(full_view: SeriesView, tmp_path: Path) -> None:
    path = tmp_path / "small.png"
    plot_png(full_view, path, width=640, height=360, dpi=100)
    with Image.open(path) as image:
        assert image.size == (640, 360)


@pytest.mark.parametrize(("width", "height"), [(191, 400), (500, 143), (0, 0), (-5, 400)])
def test_a_picture_that_cannot_be_read_is_refused(full_view: SeriesView, width: int, height: int) -> None:
    with pytest.raises(ValueError, match="make it 192 by 144 at least"):
        plot_png(full_view, io.BytesIO(), width=width, height=height)


@pytest.mark.parametrize("size", [(192, 144), (320, 900), (3000, 240), (300, 200)])
def test_unusual_sizes_give_a_picture_without_a_warning(full_view: SeriesView, size: tuple[int, int]) -> None:
    plot_png(full_view, io.BytesIO(), width=size[0], height=size[1])


def test_no_anomaly_of_a_long_series_is_lost(new_view: MakeView) -> None:
    value = np.full(300_000, 10.0)
    at = [1234, 150_000, 299_000]
    value[at] = 20.0, 1.0, 20.0
    svg = svg_text(new_view(value))
    triangles = re.findall(
        r'<use xlink:href="#(m[0-9a-f]+)" x="([0-9.]+)"[^>]*style="fill: (#[0-9a-f]+)', svg
    )
    marks = [(float(x), colour) for _, x, colour in triangles if colour in {"#d55e01", "#8a3a8f"}]
    in_axes = [mark for mark in marks if marks.count(mark) == 1]
    assert sum(colour == "#d55e01" for _, colour in in_axes) == 3  # two anomalies, and the legend
    assert sum(colour == "#8a3a8f" for _, colour in in_axes) == 2
    assert len(svg) < 1_000_000


def test_drawing_starts_late_and_never_touches_a_screen() -> None:
    program = (
        "import sys, tocsin.reporting\n"
        "assert not {'matplotlib', 'jinja2'} & set(sys.modules)\n"
        "import io, numpy as np\n"
        "from tocsin.model import Interval\n"
        "times = np.arange(9).astype('datetime64[h]')\n"
        "view = tocsin.reporting.SeriesView('a', Interval(3600), times, np.arange(9.0))\n"
        "tocsin.reporting.plot_png(view, io.BytesIO())\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_all_is_what_can_be_imported() -> None:
    import tocsin.reporting as room

    assert all(hasattr(room, name) for name in room.__all__)
    assert report_html is room.report_html
