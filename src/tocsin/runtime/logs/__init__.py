"""Monitors of logs: one step from new lines to detections, and the state between runs."""
