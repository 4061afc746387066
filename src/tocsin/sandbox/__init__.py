"""Templates whose text is not trusted: no attributes of Python, bounded work, bounded size.

Jinja's sandbox keeps a template from Python's inside and from giant ranges. It does not stop nested loops,
recursive macros or doubling strings. Here every loop step, macro call and character written takes from a
budget, and every operation that makes something longer is checked.
"""

from tocsin.sandbox.environment import Sandbox

__all__ = ["Sandbox"]
