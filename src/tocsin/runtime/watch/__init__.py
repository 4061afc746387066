"""`tocsin watch`: one long-running process that runs, follows, takes, tells, sends and prunes."""

from tocsin.runtime.watch.options import WatchOptions
from tocsin.runtime.watch.watch import Watch

__all__ = ["Watch", "WatchOptions"]
