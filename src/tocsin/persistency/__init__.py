"""Learned state that survives: per EventID, in memory and on disk."""
