"""Parameters as people write them, `%(name)s`, in the notation of a database."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tocsin.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["bind", "translate"]

# What may hide a parameter comes first, so that text, quoted names and comments stay as they are.
# A doubled quote inside a literal reads as two literals side by side, which is the same text.
_TOKENS = re.compile(
    r"""
      \b[eE]'(?:[^'\\]|\\.)*(?:'|\Z)  # a string literal with escapes, PostgreSQL
    | '[^']*(?:'|\Z)            # a string literal
    | "[^"]*(?:"|\Z)            # a quoted name
    | `[^`]*(?:`|\Z)            # a quoted name, MySQL
    | --[^\n]*                  # a comment to the end of the line
    | /\*.*?(?:\*/|\Z)          # a comment
    | \$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)  # a dollar-quoted string
    | %%
    | %\((?P<name>[^()\s]+)\)s
    """,
    re.VERBOSE | re.DOTALL,
)


@lru_cache(maxsize=512)
def translate(query: str, form: str) -> tuple[str, tuple[str, ...]]:
    """Write a query with the placeholders of a database.

    Args:
        query: A query with `%(name)s` for parameters and `%%` for a percent sign.
        form: How a parameter is written, with `{}` for its name or `{number}` for its place among the
            names: `:{}`, `${}` or `${number}`.

    Returns:
        The query, and the names of its parameters in the order of their first use.

    Raises:
        DatabaseError: A parameter's name is not an identifier.

    >>> translate("SELECT '%(a)s', %(b)s LIKE 'x%%'", ":{}")
    ("SELECT '%(a)s', :b LIKE 'x%'", ('b',))
    """
    names: dict[str, int] = {}

    def replace(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return match[0].replace("%%", "%")
        if not (name.isascii() and name.isidentifier()):
            raise DatabaseError(
                f"the parameter %({name})s has no valid name", hint="use letters, digits and _ only"
            )
        number = names.setdefault(name, len(names) + 1)
        return form.format(name, number=number)

    return _TOKENS.sub(replace, query), tuple(names)


def bind(query: str, params: Mapping[str, Any] | None, form: str) -> tuple[str, dict[str, Any]]:
    """Give a query in a database's notation, and those of the parameters that it uses.

    Raises:
        DatabaseError: The query uses a parameter that was not given.
    """
    if params is None:
        return query, {}
    text, names = translate(query, form)
    try:
        return text, {name: params[name] for name in names}
    except KeyError as error:
        raise DatabaseError(f"the query uses %({error.args[0]})s, but no such parameter was given") from None
