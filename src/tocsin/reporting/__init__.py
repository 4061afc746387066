"""Pictures and pages of what was found."""

from tocsin.reporting.page import plot_html, report_html
from tocsin.reporting.plot import plot_png, plot_svg
from tocsin.reporting.view import Band, SeriesView, TrueLabel

__all__ = ["Band", "SeriesView", "TrueLabel", "plot_html", "plot_png", "plot_svg", "report_html"]
