"""What can be searched for: the names of the parameters, and reading them into typed filters."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tocsin.errors import DataError
from tocsin.eventstorage.query.places import Place, read_place
from tocsin.eventstorage.query.values import (
    LARGEST,
    read_flag,
    read_part,
    read_ports,
    read_text,
    read_time,
    read_whole_number,
    refused,
)
from tocsin.eventstorage.query.words import WordFilter, read_words
from tocsin.eventstorage.row import SOURCE, TARGET

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ANY",
    "EMPTY",
    "PARAMETERS",
    "VALUE_PARAMETERS",
    "ListFilter",
    "Order",
    "SearchParameters",
    "read_filters",
    "read_parameters",
]

T = TypeVar("T")

EMPTY, ANY = "__EMPTY__", "__ANY__"

VALUE_PARAMETERS = {
    "source_types": ("source_type",),
    "target_types": ("target_type",),
    "host_types": ("source_type", "target_type"),
    "protocols": ("protocol",),
    "categories": ("category",),
    "classes": ("eventclass",),
    "severities": ("eventseverity",),
    "detectors": ("node_name",),
    "detector_types": ("node_type",),
    "groups": ("resolvedabuses",),
    "inspection_errs": ("inspectionerrors",),
}
"""Parameter → the columns that have its values."""

_ROLES = {"source": (SOURCE,), "target": (TARGET,), "host": (SOURCE, TARGET)}
_ADDRESSES = {f"{side}_addrs": roles for side, roles in _ROLES.items()}
_PORTS = {f"{side}_ports": roles for side, roles in _ROLES.items()}
_LISTS = (*VALUE_PARAMETERS, *_ADDRESSES, *_PORTS, "ids")
_TIMES = {"dt_from": "detecttime", "dt_to": "detecttime", "st_from": "storagetime", "st_to": "storagetime"}
_SORT_COLUMNS = ("detecttime", "storagetime")

_NOT = {name: f"not_{name}" for name in _LISTS}
_ORDER = ("limit", "page", "sortby", "after")
PARAMETERS = (
    *_TIMES,
    *_LISTS,
    *_NOT.values(),
    "description",
    "description_like",
    "text",
    *_ORDER,
)
"""All names of search parameters."""
_KNOWN = frozenset(PARAMETERS)
_LIST_OF = {name: name for name in _LISTS} | {negation: name for name, negation in _NOT.items()}


@dataclass(frozen=True, slots=True)
class ListFilter(Generic[T]):
    """One list of values, of which an event has any.

    Attributes:
        items: What is looked for.
        empty: Also events without a value.
        some: Also events with some value.
        negated: All of that turned round.
    """

    items: tuple[T, ...]
    empty: bool = False
    some: bool = False
    negated: bool = False

    @property
    def narrows(self) -> bool:
        """Whether there can be events that it leaves out: all have none of no values."""
        return bool(self.items or self.empty or self.some or not self.negated)


@dataclass(frozen=True, slots=True)
class Order:
    """How results are sorted, and which part of them is wanted.

    Attributes:
        column: `detecttime` or `storagetime`; the id breaks ties.
        descending: The direction of both.
        limit: How many at most, `None` for all.
        offset: How many are left out in front.
        after: Microseconds and id of the last event that is left out.
    """

    column: str = "detecttime"
    descending: bool = True
    limit: int | None = None
    offset: int = 0
    after: tuple[int, str] | None = None


_USUAL_ORDER = Order()


@dataclass(frozen=True, slots=True)
class SearchParameters:
    """Search parameters, read and checked.

    Attributes:
        times: (column, is it the lower end, microseconds), both ends included.
        values: (columns, filter) for lists of texts.
        addresses: (roles, filter) for addresses and hosts.
        ports: (roles, filter) for ranges of ports.
        ids: Ids of events.
        description: The whole description.
        description_like: A part of it, in small or capital letters.
        text: Words of the message.
        order: Sorting and paging.
    """

    times: tuple[tuple[str, bool, int], ...] = ()
    values: tuple[tuple[tuple[str, ...], ListFilter[str]], ...] = ()
    addresses: tuple[tuple[tuple[int, ...], ListFilter[Place]], ...] = ()
    ports: tuple[tuple[tuple[int, ...], ListFilter[tuple[int, int]]], ...] = ()
    ids: ListFilter[str] | None = None
    description: str | None = None
    description_like: str | None = None
    text: tuple[WordFilter, ...] = ()
    order: Order = _USUAL_ORDER

    @property
    def selects(self) -> bool:
        """Whether anything narrows what is found; sorting and paging do not, nor does "none of nothing"."""
        lists: list[ListFilter[Any]] = [] if self.ids is None else [self.ids]
        for filters in (self.values, self.addresses, self.ports):
            lists += [one for _, one in filters]
        rest = replace(self, values=(), addresses=(), ports=(), ids=None)
        return any(one.narrows for one in lists) or rest != SearchParameters(order=self.order)


def read_parameters(parameters: Mapping[str, Any] | None) -> SearchParameters:
    """Read search parameters; one that is `None` is as if it were not there.

    Raises:
        DataError: A name is unknown, or a value is not of its form; `parameter` names it.
    """
    given = _given(parameters)
    lists = {_LIST_OF[name] for name in given if name in _LIST_OF}
    return SearchParameters(
        times=tuple(
            (where, name.endswith("_from"), read_time(name, given[name]))
            for name, where in _TIMES.items()
            if name in given
        ),
        values=_lists(given, lists, VALUE_PARAMETERS, read_text, "types"),
        addresses=_lists(given, lists, _ADDRESSES, read_place, "addrs"),
        ports=_lists(given, lists, _PORTS, read_ports, "ports"),
        ids=_read_list(given, "ids", read_text, special=False),
        description=_optional(given, "description", read_text),
        description_like=_optional(given, "description_like", read_part),
        text=_optional(given, "text", read_words) or (),
        order=_read_order(given),
    )


def read_filters(parameters: Mapping[str, Any] | None) -> SearchParameters:
    """Read search parameters where the order is not for the caller to choose.

    Raises:
        DataError: As `read_parameters`; or one of them is about sorting or paging.
    """
    for name in _ORDER:
        if name in _given(parameters):
            raise DataError(
                f"{name} plays no part here: events come in the order in which they were stored",
                hint="leave it out of the parameters",
                parameter=name,
            )
    return read_parameters(parameters)


def _given(parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    if parameters is None:
        return {}
    if not isinstance(parameters, Mapping):
        raise DataError(
            f"search parameters are a mapping of names to values, not {type(parameters).__name__}"
        )
    for name in parameters:
        if name not in _KNOWN:
            close = get_close_matches(str(name), PARAMETERS, n=1)
            meant = f"did you mean {close[0]}? " if close else ""
            hint = f"{meant}there are {', '.join(PARAMETERS)}"
            raise DataError(f"there is no search parameter {name!r}", hint=hint, parameter=str(name))
    return {name: value for name, value in parameters.items() if value is not None}


def _optional(given: Mapping[str, Any], name: str, read: Callable[[str, Any], T]) -> T | None:
    return read(name, given[name]) if name in given else None


def _lists(
    given: Mapping[str, Any],
    lists: AbstractSet[str],
    names: Mapping[str, tuple[Any, ...]],
    read: Callable[[str, Any], T],
    kind: str,
) -> tuple[tuple[tuple[Any, ...], ListFilter[T]], ...]:
    """Read the lists of a kind; `host_…` takes the place of the other two, which are checked still."""
    if lists.isdisjoint(names):
        return ()
    found = {name: _read_list(given, name, read) for name in names if name in lists}
    if found.get(f"host_{kind}") is not None:
        found[f"source_{kind}"] = found[f"target_{kind}"] = None
    return tuple((names[name], one) for name, one in found.items() if one is not None)


def _read_list(
    given: Mapping[str, Any], name: str, read: Callable[[str, Any], T], *, special: bool = True
) -> ListFilter[T] | None:
    negated = read_flag(_NOT[name], given.get(_NOT[name]))
    if name not in given:
        return None
    value = given[name]
    if isinstance(value, bytes | bytearray | Mapping):
        raise refused(name, value, "a list")
    items = list(value) if isinstance(value, list | tuple | AbstractSet) else [value]
    marks = [one for one in items if special and isinstance(one, str) and one in (EMPTY, ANY)]
    rest = [one for one in items if not (isinstance(one, str) and one in marks)]
    return ListFilter(
        items=tuple(dict.fromkeys(read(name, one) for one in rest)),
        empty=EMPTY in marks,
        some=ANY in marks,
        negated=negated,
    )


def _read_sortby(value: object) -> tuple[str, bool]:
    if value is None:
        return "detecttime", True
    column, _, direction = value.partition(".") if isinstance(value, str) else ("", "", "")
    if column not in _SORT_COLUMNS or direction not in ("asc", "desc"):
        known = ", ".join(f"{column}.{way}" for column in _SORT_COLUMNS for way in ("asc", "desc"))
        raise refused("sortby", value, f"one of {known}")
    return column, direction == "desc"


def _read_order(given: Mapping[str, Any]) -> Order:
    if given.keys().isdisjoint(_ORDER):
        return _USUAL_ORDER
    column, descending = _read_sortby(given.get("sortby"))
    limit = _optional(given, "limit", read_whole_number)
    page = _optional(given, "page", read_whole_number) or 1
    if page > 1 and limit is None:
        raise DataError("page needs a limit, the size of a page", parameter="page")
    offset = (page - 1) * (limit or 0)
    if offset > LARGEST:
        raise refused("page", page, f"a page within the first {LARGEST:,} events")
    after = given.get("after")
    if after is not None:
        if not isinstance(after, list | tuple) or len(after) != 2:  # noqa: PLR2004 - a pair
            raise refused("after", after, f"a pair: the {column} and the id of the last event seen")
        after = (read_time("after", after[0]), read_text("after", after[1]))
    return Order(column=column, descending=descending, limit=limit, offset=offset, after=after)
