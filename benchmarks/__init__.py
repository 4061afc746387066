"""A program that measures Tocsin, paired with its peers: `python -m benchmarks --help`."""
