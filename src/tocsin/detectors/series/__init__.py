"""Detectors of anomalies in series."""
