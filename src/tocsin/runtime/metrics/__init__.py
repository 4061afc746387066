"""Monitors of metrics: loading and detecting."""
