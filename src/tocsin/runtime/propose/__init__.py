"""Proposals of monitors for data that was found: `tocsin init --from`."""
