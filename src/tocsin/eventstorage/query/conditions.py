"""From search parameters to conditions on events, one for each filter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from tocsin.errors import DataError
from tocsin.eventstorage.addresses import Range, enclosing_beginnings
from tocsin.eventstorage.columns import ARRAY_COLUMNS
from tocsin.eventstorage.query.fragments import Fragment, all_of, any_of, opposite
from tocsin.eventstorage.row import ADDRESS_BITS, SOURCE, TARGET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tocsin.eventstorage.query.dialects import SQL
    from tocsin.eventstorage.query.parameters import ListFilter, SearchParameters
    from tocsin.eventstorage.query.places import HostName, Place
    from tocsin.eventstorage.query.words import WordFilter

__all__ = ["Condition", "conditions"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A filter, to be written in a dialect.

    Attributes:
        write: Writes it.
        can_lead: Whether an index can find the events for which it holds.
        time_column: The column whose ends it gives, or `None`.
    """

    write: Callable[[SQL], Fragment]
    can_lead: bool = False
    time_column: str | None = None


T = TypeVar("T")

_INDEXED = frozenset(("category", "resolvedabuses", "node_name", "eventclass"))
_SIDES = {SOURCE: "source", TARGET: "target"}
# SQLite takes 32,766 parameters (each bit of an address is about one), and 500 parts of a UNION.
_MOST_BITS, _MOST_TERMS = 15_000, 450


def conditions(parameters: SearchParameters, *, text_index: bool) -> list[Condition]:
    """Give a condition for each filter; an event is found when all of them hold.

    Raises:
        DataError: Full text without an index for it.
    """
    if parameters.text and not text_index:
        raise DataError(
            "text needs an index of words, and this storage has none",
            hint="make the storage with text_index=True and import the events again",
            parameter="text",
        )
    return list(_conditions(parameters))


def _conditions(parameters: SearchParameters) -> Iterator[Condition]:
    for column in dict.fromkeys(column for column, *_ in parameters.times):
        ends = [(lower, micros) for where, lower, micros in parameters.times if where == column]
        yield Condition(partial(_within, column, ends), can_lead=True, time_column=column)
    if (ids := parameters.ids) is not None:
        yield Condition(partial(_has_id, ids), _can_lead(ids))
    for columns, values in parameters.values:
        can_lead = _INDEXED.issuperset(columns) and _can_lead(values)
        yield Condition(partial(_has_value, columns, values), can_lead)
    for roles, places in parameters.addresses:
        yield Condition(partial(_is_at, roles, places), _can_lead(places))
    for roles, ports in parameters.ports:
        yield Condition(partial(_has_port, roles, ports), _can_lead(ports))
    if parameters.description is not None:
        yield Condition(partial(_is_description, parameters.description))
    if parameters.description_like is not None:
        yield Condition(partial(_like_description, parameters.description_like))
    if parameters.text:
        yield Condition(partial(_has_words, parameters.text), can_lead=True)


def _can_lead(values: ListFilter[Any]) -> bool:
    return not (values.negated or values.empty or values.some)


def _within(column: str, ends: Sequence[tuple[bool, int]], sql: SQL) -> Fragment:
    return all_of(
        Fragment(sql.since(column) if lower else f"{sql.column(column)} <= %s", (sql.time(micros),))
        for lower, micros in ends
    )


def _is_description(description: str, sql: SQL) -> Fragment:
    return Fragment(f"{sql.column('description')} = %s", (description,))


def _like_description(part: str, sql: SQL) -> Fragment:
    return sql.contains("description", part)


def _has_words(words: Sequence[WordFilter], sql: SQL) -> Fragment:
    return sql.has_words(words)


def _has_id(ids: ListFilter[str], sql: SQL) -> Fragment:
    found = sql.has_id(ids.items)
    return opposite(found) if ids.negated else found


def _has_value(columns: Sequence[str], values: ListFilter[str], sql: SQL) -> Fragment:
    def empty(column: str) -> Fragment:
        return sql.is_empty(column) if column in ARRAY_COLUMNS else Fragment(f"{sql.column(column)} IS NULL")

    def items(column: str) -> Fragment:
        if column in ARRAY_COLUMNS:
            return sql.has_any(column, values.items)
        return sql.among(sql.column(column), values.items)

    return _listed(
        values,
        items=[items(column) for column in columns] if values.items else [],
        empty=lambda: all_of(empty(column) for column in columns),
    )


def _is_at(roles: Sequence[int], places: ListFilter[Place], sql: SQL) -> Fragment:
    role = _in_role(roles, sql)
    ranges = [one for one in places.items if isinstance(one, Range)]
    hosts = [one for one in places.items if not isinstance(one, Range)]
    tables = {"event_ip": list(_overlapping(ranges, role, sql)), "event_host": list(_named(hosts, role, sql))}
    weight = sum(ADDRESS_BITS[one.family] for one in ranges)
    if weight > _MOST_BITS or any(len(terms) > _MOST_TERMS for terms in tables.values()):
        raise _too_many(f"{_side(roles)}_addrs", len(places.items))
    return _listed(
        places,
        items=[sql.in_side_table(table, terms) for table, terms in tables.items() if terms],
        empty=lambda: all_of(
            sql.is_empty(f"{_SIDES[one]}_{kind}") for one in roles for kind in ("ip", "host")
        ),
    )


def _named(hosts: Sequence[HostName], role: str, sql: SQL) -> Iterator[Fragment]:
    name = sql.side_column("name")
    exact = [one.key for one in hosts if not one.below]
    if exact:
        among = sql.among(name, exact)
        yield Fragment(f"{role}{among.sql}", among.args)
    for one in hosts:
        if one.below:  # keys of what is below begin with this one's, which ends in a dot; "/" follows on "."
            yield Fragment(f"{role}{name} >= %s AND {name} < %s", (one.key, one.key[:-1] + "/"))


def _overlapping(ranges: Sequence[Range], role: str, sql: SQL) -> Iterator[Fragment]:
    """Give what overlaps: a CIDR block that begins in a range, or one that encloses the range's beginning."""
    low, high = sql.side_column("low"), sql.side_column("high")
    for one in ranges:
        first, last = (sql.address(one.family, number) for number in (one.low, one.high))
        beginnings = enclosing_beginnings(one.family, one.low, sql.sizes)
        if one.low < one.high:
            yield Fragment(f"{role}{low} BETWEEN {sql.an_address} AND {sql.an_address}", (first, last))
            beginnings = [number for number in beginnings if number != one.low]
        if beginnings:
            numbers = [sql.address(one.family, number) for number in beginnings]
            enclosing = sql.among_addresses(low, numbers)
            condition = f"{role}{enclosing.sql} AND {high} >= {sql.an_address}"
            yield Fragment(condition, (*enclosing.args, first))


def _has_port(roles: Sequence[int], ports: ListFilter[tuple[int, int]], sql: SQL) -> Fragment:
    within = list(_ports_within(_merged(ports.items), _in_role(roles, sql), sql))
    if len(within) > _MOST_TERMS:
        raise _too_many(f"{_side(roles)}_ports", len(ports.items))
    return _listed(
        ports,
        items=[sql.in_side_table("event_port", within)] if within else [],
        empty=lambda: all_of(sql.is_empty(f"{_SIDES[one]}_port") for one in roles),
    )


def _ports_within(ranges: Sequence[tuple[int, int]], role: str, sql: SQL) -> Iterator[Fragment]:
    port = sql.side_column("port")
    single = [first for first, last in ranges if first == last]
    if single:
        among = sql.among(port, single)
        yield Fragment(f"{role}{among.sql}", among.args)
    for first, last in ranges:
        if first < last:
            yield Fragment(f"{role}{port} BETWEEN %s AND %s", (first, last))


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Put together ranges that overlap or touch."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _side(roles: Sequence[int]) -> str:
    return _SIDES[roles[0]] if len(roles) == 1 else "host"


def _too_many(parameter: str, count: int) -> DataError:
    return DataError(
        f"{parameter} has {count} items, too many for one search", hint="ask in parts", parameter=parameter
    )


def _in_role(roles: Sequence[int], sql: SQL) -> str:
    return f"{sql.side_column('role')} = {roles[0]:d} AND " if len(roles) == 1 else ""


def _listed(values: ListFilter[T], *, items: Sequence[Fragment], empty: Callable[[], Fragment]) -> Fragment:
    """Put a list together: its items, events without a value or with some, or all of that turned round."""
    found = list(items)
    if values.empty:
        found.append(empty())
    if values.some:
        found.append(opposite(empty()))
    whole = any_of(found)
    return opposite(whole) if values.negated else whole
