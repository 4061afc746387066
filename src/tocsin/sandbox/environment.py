"""Jinja's sandbox, with bounds."""

from __future__ import annotations

import re
from functools import lru_cache
from types import BuiltinMethodType
from typing import TYPE_CHECKING, Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes, pass_context
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from tocsin.errors import ConfigError, LoadError
from tocsin.sandbox.bounds import (
    MOST_CHARACTERS,
    MOST_SECONDS,
    MOST_STEPS,
    Budget,
    TooMuchError,
    bounded,
    budget,
    refuse_long_power,
    refuse_long_product,
)
from tocsin.sandbox.filters import COUNTED, JOINED, STEP, WIDEST, WRITTEN, filters, printf, tests

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jinja2.runtime import Context

__all__ = ["Sandbox"]

_FILE = "<template>"
_MOST_SAID = 300  # characters of an error, which may name a value
# What text and numbers may be asked for. Others pad, multiply or turn into bytes.
_OF_TEXT = frozenset(
    [
        "capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha",
        "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable",
        "isspace", "istitle", "isupper", "lower", "lstrip", "partition", "removeprefix",
        "removesuffix", "rfind", "rindex", "rpartition", "rsplit", "rstrip", "split", "splitlines",
        "startswith", "strip", "swapcase", "title", "upper",
    ]
)  # fmt: skip
_OF_NUMBERS = frozenset(["real", "imag", "numerator", "denominator", "is_integer", "bit_length"])


class Sandbox:
    """Renders templates of one kind.

    Args:
        what: What errors call them: "the query's template".
        own: Filters besides Jinja's.
    """

    def __init__(self, what: str, own: dict[str, Callable[..., Any]] | None = None) -> None:
        self._what = what
        self._environment = _Environment(own or {})
        self._compiled = lru_cache(maxsize=256)(self._compile)

    def render(self, text: str, values: Mapping[str, Any]) -> str:
        """Render a template with bounded work and size.

        Args:
            text: The template.
            values: What it may use.

        Raises:
            ConfigError: It has a syntax error.
            LoadError: It fails while it runs, or wants more than the bounds allow.
        """
        template = self._compiled(text)
        token = budget.set(Budget())
        try:
            return str(bounded("".join(template.generate(values))))
        except (TooMuchError, OverflowError, RecursionError, MemoryError) as error:
            message = f"{self._where(error)} wants too much"
            hint = (
                f"at most {MOST_STEPS:,} loop steps, {MOST_SECONDS:g} s, and {MOST_CHARACTERS:,} characters"
            )
            raise LoadError(message, hint=hint) from error
        except Exception as error:  # a template may raise whatever its expressions raise
            names = ", ".join(sorted(values))
            message = f"{self._where(error)} fails: {str(error)[:_MOST_SAID]}"
            raise LoadError(message, hint=f"it may use {names}") from error
        finally:
            budget.reset(token)

    def _compile(self, text: str) -> Template:
        environment = self._environment
        try:
            tree = _Counting().visit(environment.parse(text, filename=_FILE))
            code = environment.compile(tree, filename=_FILE)
        except TemplateSyntaxError as error:
            raise ConfigError(f"line {error.lineno} of {self._what}: {error.message}") from error
        except (RecursionError, SyntaxError, MemoryError) as error:
            raise ConfigError(f"{self._what} is nested too deeply") from error
        return Template.from_code(environment, code, environment.make_globals(None))

    def _where(self, error: BaseException) -> str:
        line, traceback = None, error.__traceback__
        while traceback is not None:
            if traceback.tb_frame.f_code.co_filename == _FILE:
                line = traceback.tb_lineno
            traceback = traceback.tb_next
        return self._what if line is None else f"line {line} of {self._what}"


class _Counting(NodeTransformer):
    """Puts the budget into a parsed template."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 (the name that Jinja calls)
        """Count every step, and every item that a loop's condition skips."""
        self.generic_visit(node)
        node.iter = _filtered(node.iter, COUNTED)
        node.body.insert(0, _step(node.lineno))
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:  # noqa: N802
        """Count every call."""
        self.generic_visit(node)
        node.body.insert(0, _step(node.lineno))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        """See how long the text becomes before it is made."""
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), JOINED)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802
        """See how large it is: one that holds another twice, many levels deep, cannot even be compared."""
        self.generic_visit(node)
        return node if node.ctx == "store" else _filtered(node, WRITTEN)

    def visit_List(self, node: nodes.Expr) -> nodes.Node:  # noqa: N802
        """See how large it is."""
        self.generic_visit(node)
        return _filtered(node, WRITTEN)

    visit_Dict = visit_List  # noqa: N815
    visit_Compare = visit_List  # noqa: N815 (of large values: it takes its time)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        """See how much a slice takes; Jinja takes it without asking the environment."""
        self.generic_visit(node)
        return _filtered(node, WRITTEN) if isinstance(node.arg, nodes.Slice) else node

    def visit_TemplateData(self, node: nodes.TemplateData) -> nodes.Node:  # noqa: N802
        """Count what is written as it stands."""
        return _filtered(nodes.Const(node.data, lineno=node.lineno), WRITTEN)


def _filtered(node: Any, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


def _step(line: int) -> nodes.Output:
    return nodes.Output([_filtered(nodes.Const("", lineno=line), STEP)], lineno=line)


@pass_context  # so that it is not called when the template is read
def _printed(context: Context, value: Any) -> Any:
    del context
    return budget.get().make(str(bounded(value)))


class _Namespace(Namespace):
    """Jinja's `namespace`, whose text does not show what it holds: that may be enormous."""

    def __repr__(self) -> str:
        return "<namespace>"


class _Formatter(SandboxedFormatter):
    """`"{:,.2f}".format(x)`, with widths of a line or two."""

    def format_field(self, value: Any, format_spec: str) -> Any:
        if any(int(width) > WIDEST for width in re.findall(r"\d+", format_spec)):
            raise TooMuchError
        return budget.get().make(super().format_field(bounded(value), format_spec))


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's immutable sandbox without what can make a long text out of a short one unseen."""

    intercepted_binops = frozenset({"*", "**", "+", "%"})

    def __init__(self, own: dict[str, Callable[..., Any]]) -> None:
        super().__init__(
            undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True, finalize=_printed
        )
        self.globals.pop("lipsum")
        self.globals["namespace"] = _Namespace
        self.filters = filters(own)
        self.tests = tests()

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Do arithmetic unless the result would be enormous."""
        if operator == "*":
            refuse_long_product(left, right)
        elif operator == "**":
            refuse_long_power(left, right)
        elif isinstance(left, str) and operator == "%":
            parts = right if isinstance(right, tuple) else (right,)
            return printf(left, **right) if isinstance(right, dict) else printf(left, *parts)
        return budget.get().make(super().call_binop(context, operator, left, right))

    def call(self, context: Context, obj: Any, /, *args: Any, **named: Any) -> Any:
        """Call a method or macro, and see how large its result is."""
        for value in (*args, *named.values()):
            bounded(value)
        return budget.get().make(super().call(context, obj, *args, **named))

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """Give `format` of a text with bounds."""
        text = value.__self__ if isinstance(value, BuiltinMethodType) else None
        if not isinstance(text, str) or value.__name__ != "format":
            return None
        return lambda *args, **named: _Formatter(self).vformat(text, args, named)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Refuse, besides what the sandbox refuses, what makes something long of text and numbers."""
        if isinstance(obj, str):
            return attr in _OF_TEXT
        if isinstance(obj, (int, float, complex, bytes)):
            return attr in _OF_NUMBERS
        return super().is_safe_attribute(obj, attr, value)
