"""Pictures and pages of what was found."""

from tocsin.reporting.log_view import LogView, ReportedLine
from tocsin.reporting.page import plot_html, report_html
from tocsin.reporting.plot import plot_png, plot_svg
from tocsin.reporting.view import Band, SeriesView, TrueLabel

__all__ = [
    "Band",
    "LogView",
    "ReportedLine",
    "SeriesView",
    "TrueLabel",
    "plot_html",
    "plot_png",
    "plot_svg",
    "report_html",
]
