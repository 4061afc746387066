"""A Jinja environment for text that is not trusted: no attributes of Python, bounded work, bounded size.

Jinja's sandbox keeps a template from Python's inside and from giant ranges. It does not stop nested
loops, recursive macros or doubling strings; here every loop step and macro call takes from a budget, and
every operation that makes something longer is checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from functools import lru_cache
from time import monotonic
from typing import TYPE_CHECKING, Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes, pass_context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from tocsin.errors import ConfigError, LoadError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from jinja2.runtime import Context

__all__ = ["MOST_CHARACTERS", "render_bounded"]

MOST_CHARACTERS = 1_000_000
_MOST_STEPS = 200_000
_MOST_SECONDS = 2.0
_MOST_BITS = 4096
_BUDGET = "tocsin budget"  # no template can name a variable with a space in it
_FILE = "<query>"
_WIDE_FILTERS = ("center", "format", "indent", "wordwrap", "urlize", "pprint", "batch", "slice")
_WIDE_METHODS = frozenset(
    [
        "center",
        "expandtabs",
        "format",
        "format_map",
        "join",
        "ljust",
        "replace",
        "rjust",
        "translate",
        "zfill",
    ]
)


class _TooMuchError(Exception):
    """The template wants more work or a longer text than any query needs."""


class _Budget:
    """What is left to one rendering."""

    def __init__(self) -> None:
        self._steps = _MOST_STEPS
        self._until = monotonic() + _MOST_SECONDS

    def take(self) -> None:
        self._steps -= 1
        if self._steps < 0 or monotonic() > self._until:
            raise _TooMuchError


@pass_context
def _counted(context: Context, items: Iterable[Any]) -> Iterator[Any]:
    budget: _Budget = context[_BUDGET]
    for item in items:
        budget.take()
        yield item


@pass_context
def _step(context: Context, text: str) -> str:
    context[_BUDGET].take()
    return text


def _bounded(value: Any) -> Any:
    if isinstance(value, Sized) and not isinstance(value, range):
        size = len(value)
        if size <= MOST_CHARACTERS and isinstance(value, (list, tuple)):
            size += sum(len(item) for item in value if isinstance(item, Sized))
        if size > MOST_CHARACTERS:
            raise _TooMuchError
    return value


def _joined(items: Iterable[Any], separator: str = "", attribute: None = None) -> str:
    del attribute
    texts = [str(item) for item in items]
    if sum(map(len, texts)) + len(separator) * len(texts) > MOST_CHARACTERS:
        raise _TooMuchError
    return separator.join(texts)


def _replaced(text: str, old: str, new: str) -> str:
    text = str(text)
    if len(text) + text.count(old) * len(new) > MOST_CHARACTERS:
        raise _TooMuchError
    return text.replace(old, new)


class _Counting(NodeTransformer):
    """Puts the budget into a parsed template."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 (the name that Jinja calls)
        """Count every step, and every item that a loop's condition skips."""
        self.generic_visit(node)
        node.iter = _filtered(node.iter, "counted")
        node.body.insert(0, _step_node(node.lineno))
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:  # noqa: N802
        """Count every call."""
        self.generic_visit(node)
        node.body.insert(0, _step_node(node.lineno))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        """Check how long the text becomes."""
        self.generic_visit(node)
        return _filtered(node, "bounded")


def _filtered(node: Any, name: str) -> nodes.Filter:
    return nodes.Filter(node, f"tocsin {name}", [], [], None, None, lineno=node.lineno)


def _step_node(line: int) -> nodes.Output:
    return nodes.Output([_filtered(nodes.Const("", lineno=line), "step")], lineno=line)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's immutable sandbox without what can make a long text out of a short one unseen."""

    intercepted_binops = frozenset({"*", "**", "+", "%"})

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True, finalize=_bounded
        )
        self.globals.pop("lipsum")
        for name in _WIDE_FILTERS:
            self.filters.pop(name)
        self.filters["join"] = _joined
        self.filters["replace"] = _replaced
        self.filters["tocsin counted"] = _counted
        self.filters["tocsin step"] = _step
        self.filters["tocsin bounded"] = _bounded

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Do arithmetic unless the result would be enormous."""
        if operator == "*":
            _refuse_long_product(left, right)
        elif operator == "**":
            _refuse_long_power(left, right)
        elif isinstance(left, str) and operator == "%":
            raise _TooMuchError
        return _bounded(super().call_binop(context, operator, left, right))

    def wrap_str_format(self, value: Any) -> None:
        """Leave `format` of text to `is_safe_attribute`, which refuses it: `{:1000000000}`."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Refuse, besides what the sandbox refuses, the methods of text that pad and multiply."""
        if isinstance(obj, str) and attr in _WIDE_METHODS:
            return False
        return super().is_safe_attribute(obj, attr, value)


def _refuse_long_power(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() * abs(right) > _MOST_BITS:
        raise _TooMuchError


def _refuse_long_product(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int):
        if left.bit_length() + right.bit_length() > _MOST_BITS:
            raise _TooMuchError
        return
    for one, other in ((left, right), (right, left)):
        too_long = isinstance(one, Sized) and isinstance(other, int) and len(one) * other > MOST_CHARACTERS
        if too_long or isinstance(one, (list, tuple)):
            raise _TooMuchError


@lru_cache(maxsize=256)
def _compiled(text: str) -> Template:
    environment = _Sandbox()
    tree = _Counting().visit(environment.parse(text, filename=_FILE))
    code = environment.compile(tree, filename=_FILE)
    return Template.from_code(environment, code, environment.make_globals(None))


def render_bounded(text: str, values: Mapping[str, Any]) -> str:
    """Render a template with bounded work and size.

    Raises:
        ConfigError: It has a syntax error.
        LoadError: It fails while it runs, or wants more than the bounds allow.
    """
    try:
        template = _compiled(text)
    except TemplateSyntaxError as error:
        message = f"line {error.lineno} of the query's template: {error.message}"
        raise ConfigError(message) from error
    except (RecursionError, SyntaxError, MemoryError) as error:
        message = "the query's template is nested too deeply"
        raise ConfigError(message) from error
    parts: list[str] = []
    size = 0
    try:
        for part in template.generate({**values, _BUDGET: _Budget()}):
            size += len(part)
            if size > MOST_CHARACTERS:
                raise _TooMuchError  # noqa: TRY301 (one way out for all that is too much)
            parts.append(part)
    except (_TooMuchError, OverflowError, RecursionError, MemoryError) as error:
        message = f"the query's template{_line(error.__traceback__)} wants too much"
        hint = f"at most {_MOST_STEPS:,} loop steps, {_MOST_SECONDS:g} s, and {MOST_CHARACTERS:,} characters"
        raise LoadError(message, hint=hint) from error
    except Exception as error:  # a template may raise whatever its expressions raise
        message = f"the query's template fails{_line(error.__traceback__)}: {error}"
        names = ", ".join(sorted(values))
        raise LoadError(message, hint=f"it may use {names}") from error
    return "".join(parts)


def _line(traceback: TracebackType | None) -> str:
    line = None
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == _FILE:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return "" if line is None else f" in line {line}"
