"""Online template mining."""

from tocsin.sources.parsers.drain.miner import DRAIN_PARAMETERS, TemplateMiner

__all__ = ["DRAIN_PARAMETERS", "TemplateMiner"]
