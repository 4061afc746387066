"""Backends that keep every row: as a pandas frame, or as a Polars frame that takes many more rows."""

from tocsin.persistency.frames.chunked_frame import ChunkedEventDataFrame
from tocsin.persistency.frames.pandas_frame import EventDataFrame

__all__ = ["ChunkedEventDataFrame", "EventDataFrame"]
