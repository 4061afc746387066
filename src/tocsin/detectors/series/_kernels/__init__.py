"""Rolling summaries of float64 arrays, compiled where that pays."""

from tocsin.detectors.series._kernels.rolling import rolling_summary

__all__ = ["rolling_summary"]
