"""Wires the rooms together and runs them."""
