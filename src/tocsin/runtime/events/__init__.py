"""Monitors of security events: import, reading on, rates, and the store of a project."""
