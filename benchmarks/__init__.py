"""A program that measures Tocsin, paired with its peer: `python -m benchmarks series|pipeline|crash`."""
