"""Compiled loops over float64 arrays."""
