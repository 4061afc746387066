"""Pictures and pages of what was found."""

from tocsin.reporting.events_view import EventsView, ReportedEvents
from tocsin.reporting.log_view import LogView, ReportedLine
from tocsin.reporting.page import plot_html, report_html
from tocsin.reporting.plot import plot_png, plot_svg
from tocsin.reporting.view import Band, SeriesView, TrueLabel

__all__ = [
    "Band",
    "EventsView",
    "LogView",
    "ReportedEvents",
    "ReportedLine",
    "SeriesView",
    "TrueLabel",
    "plot_html",
    "plot_png",
    "plot_svg",
    "report_html",
]
