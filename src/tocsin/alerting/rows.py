"""What reading and writing rows by many keys needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tocsin.abc import Transaction

__all__ = ["chunks", "execute_for", "named", "storable"]

_T = TypeVar("_T")
_MOST_PARAMETERS = 500


def chunks(values: Iterable[_T], size: int = _MOST_PARAMETERS) -> Iterator[list[_T]]:
    """Cut values into lists of at most `size`, each value once.

    >>> list(chunks(["a", "b", "a", "c"], 2))
    [['a', 'b'], ['c']]
    """
    distinct = list(dict.fromkeys(values))
    for start in range(0, len(distinct), size):
        yield distinct[start : start + size]


def named(values: Sequence[_T], prefix: str = "p") -> tuple[str, dict[str, _T]]:
    """Give the placeholders of values for a list in SQL, and the parameters.

    >>> named(["a", "b"])
    ('%(p0)s, %(p1)s', {'p0': 'a', 'p1': 'b'})
    """
    params = {f"{prefix}{number}": value for number, value in enumerate(values)}
    return ", ".join(f"%({name})s" for name in params), params


def execute_for(
    tx: Transaction, statement: str, values: Iterable[object], params: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Run a statement for many values, a few hundred at a time, and give the rows of all.

    Args:
        tx: Where.
        statement: `{values}` in it stands for a list of values: `DELETE FROM t WHERE id IN ({values})`.
        values: Each counts once.
        params: Further parameters; none is called `p` and a number.
    """
    rows: list[dict[str, Any]] = []
    for chunk in chunks(values):
        names, of_chunk = named(chunk)
        rows += tx.execute_query(statement.replace("{values}", names), {**of_chunk, **(params or {})})
    return rows


def storable(text: str) -> str:
    r"""Give a text that every database can store: without NUL and lone surrogates.

    >>> storable("a\x00b\ud800")
    'ab?'
    """
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
