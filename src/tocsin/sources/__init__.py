"""Where series come from."""

from tocsin.sources.spec import LoadedSeries, LoadResult, LoadSpec, RejectedRow
from tocsin.sources.sql import MetricLoader
from tocsin.sources.template import render_query

__all__ = ["LoadResult", "LoadSpec", "LoadedSeries", "MetricLoader", "RejectedRow", "render_query"]
