"""Reads a YAML file into a pydantic model; what is wrong is said with file, line and a suggestion."""

from __future__ import annotations

import difflib
import math
import os
import re
import typing
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from tocsin.errors import ConfigError
from tocsin.model.wrong_value import key_of_error, words_of_error

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable
    from datetime import date
    from pathlib import Path

__all__ = [
    "StrictModel",
    "error_at",
    "is_there",
    "line_of",
    "parse_yaml",
    "read_text",
    "substitute_environment",
    "suggest",
    "validate",
]

_DEEPEST = 50
_MOST_VALUES = 1_000_000  # with aliases written out: a few lines can stand for billions
_MOST_BITS = 1_000  # of an integer: beyond, Python neither writes it as text nor makes it a float
_LARGEST = 2_000_000  # bytes; a configuration file is written by hand
_CALL = re.compile(
    r"""\{\{\s*env_var\(\s*(['"])(?P<name>\w+)\1\s*(?:,\s*(['"])(?P<default>.*?)\3\s*)?\)\s*\}\}"""
)
_SHORT = re.compile(r"\$\{(?P<name>[A-Za-z_]\w*)\}")
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Model = TypeVar("_Model", bound=BaseModel)


class StrictModel(BaseModel):
    """A part of a configuration file.

    Unknown keys are refused; a key without a value is as if it was not there.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        hide_input_in_errors=True,
        coerce_numbers_to_str=True,  # `version: 1.0` and `password: 1234` need no quotes
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_keys_without_a_value(cls, data: Any) -> Any:
        if isinstance(data, dict):
            return {key: value for key, value in data.items() if value is not None or not _is_key(cls, key)}
        return data


def _is_key(model: type[BaseModel], key: object) -> bool:
    return any(key in (name, field.alias) for name, field in model.model_fields.items())


class _UniqueKeyLoader(_Loader):  # type: ignore[valid-type,misc]
    """Refuses a key that stands twice: YAML would silently take the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = getattr(key_node, "value", None)
            if isinstance(key, str) and key in seen and key != "<<":
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key!r} stands twice", problem_mark=key_node.start_mark
                )
            seen.add(key if isinstance(key, str) else None)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        number: int = super().construct_yaml_int(node)
        if number.bit_length() > _MOST_BITS:
            raise yaml.MarkedYAMLError(problem="the number is too large", problem_mark=node.start_mark)
        return number

    def construct_yaml_timestamp(self, node: yaml.ScalarNode) -> date:
        try:
            instant: date = super().construct_yaml_timestamp(node)
        except ValueError as error:
            raise yaml.MarkedYAMLError(
                problem=f"{node.value!r} is not a date or time: {error}", problem_mark=node.start_mark
            ) from error
        return instant


_UniqueKeyLoader.add_constructor("tag:yaml.org,2002:int", _UniqueKeyLoader.construct_yaml_int)
_UniqueKeyLoader.add_constructor("tag:yaml.org,2002:timestamp", _UniqueKeyLoader.construct_yaml_timestamp)


def parse_yaml(text: str, path: Path) -> dict[str, Any]:
    """Read a YAML document that is a mapping.

    Raises:
        ConfigError: It is not YAML, not a mapping, or has a key twice.
    """
    try:
        if _is_too_deep(text):
            raise ConfigError("the file is nested too deeply", path=str(path))
        data = _load(text, path)
    except yaml.MarkedYAMLError as error:
        line = None if error.problem_mark is None else error.problem_mark.line + 1
        raise ConfigError(f"not valid YAML: {error.problem}", path=str(path), line=line) from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"not valid YAML: {str(error).splitlines()[0]}", path=str(path)) from error
    except (LookupError, AttributeError, TypeError) as error:  # `!!int ""`, `!!bool maybe`, `!!set [a]`
        raise ConfigError("not valid YAML: a value is not what its tag says", path=str(path)) from error
    if not isinstance(data, dict):
        what = "empty" if data is None else f"a {type(data).__name__}"
        raise ConfigError(f"the file is {what}", path=str(path), line=1, hint="it must hold keys and values")
    return data


def _load(text: str, path: Path) -> Any:
    loader = _UniqueKeyLoader(text)
    try:
        node = loader.get_single_node()
        if _size_of(node, {}) > _MOST_VALUES:  # before it is built: merging (`<<`) writes aliases out
            raise ConfigError("the file's aliases make it too large", path=str(path))
        return None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


def _is_too_deep(text: str) -> bool:
    """Look at the depth before the document is built: building recurses, in C without a limit."""
    if sum(map(text.count, "[{-:?")) <= _DEEPEST:  # each level needs one of these
        return False
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                return True
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return False


def _size_of(node: yaml.Node | None, known: dict[int, float]) -> float:
    """Count the values of a document with its aliases written out; one that holds itself is infinite."""
    if not isinstance(node, yaml.CollectionNode):
        return 1
    if id(node) not in known:
        known[id(node)] = math.inf
        parts = [value for _, value in node.value] if isinstance(node, yaml.MappingNode) else node.value
        known[id(node)] = 1 + sum(_size_of(part, known) for part in parts)
    return known[id(node)]


def read_text(path: Path) -> str:
    """Read a configuration file.

    Raises:
        ConfigError: It is missing, too large, unreadable or not UTF-8.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise ConfigError(f"the file is larger than {_LARGEST:,} bytes", path=str(path))
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError("the file is not UTF-8 text", path=str(path)) from error
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})", path=str(path)) from error


def is_there(path: Path) -> bool:
    """Say whether a configuration file is there.

    Raises:
        ConfigError: Nobody lets us look into its folder.
    """
    try:
        return path.is_file()
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})", path=str(path)) from error


def substitute_environment(value: Any, *, keep: frozenset[str] = frozenset()) -> Any:
    """Put environment variables into every string of a parsed document.

    Args:
        value: What YAML gave.
        keep: Keys whose values are left as they are (queries and templates have a syntax of their own).

    Raises:
        KeyError: A variable without a default is not set; its name is the argument.
    """
    if isinstance(value, str):
        return _SHORT.sub(_from_environment, _CALL.sub(_from_environment, value)) if "{" in value else value
    if isinstance(value, list):
        return [substitute_environment(item, keep=keep) for item in value]
    if isinstance(value, dict):
        return {
            key: item if key in keep else substitute_environment(item, keep=keep)
            for key, item in value.items()
        }
    return value


def _from_environment(match: re.Match[str]) -> str:
    name = match["name"]
    found = os.environ.get(name, match.groupdict().get("default"))
    if found is None:
        raise KeyError(name)
    return found


def validate(model: type[_Model], text: str, path: Path, *, keep: frozenset[str] = frozenset()) -> _Model:
    """Read a YAML text into a model.

    Raises:
        ConfigError: With the line, and a suggestion for a misspelt key.
    """
    data = parse_yaml(text, path)
    try:
        data = substitute_environment(data, keep=keep)
    except KeyError as error:
        name = error.args[0]
        line = next((n for n, content in enumerate(text.splitlines(), 1) if name in content), None)
        raise ConfigError(
            f"the environment variable {name} is not set",
            path=str(path),
            line=line,
            hint=f"set it, or give a default: {{{{ env_var('{name}', 'default') }}}}",
        ) from None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        # A key that is missing is often there, misspelt.
        misspelt = [one for one in errors if one["type"] == "extra_forbidden"]
        raise _explain(model, text, path, (misspelt or errors)[0]) from None


def _explain(model: type[BaseModel], text: str, path: Path, error: Any) -> ConfigError:
    location = key_of_error(parse_yaml(text, path), error["loc"])
    where = ".".join(str(part) for part in location)
    line = line_of(text, location)
    if error["type"] == "extra_forbidden":
        known = _keys_at(model, location[:-1])
        hint = suggest(str(location[-1]), known) or f"known keys are {', '.join(sorted(known))}"
        return ConfigError(f"unknown key {where!r}", path=str(path), line=line, hint=hint)
    if error["type"] == "missing":
        return ConfigError(f"the key {where!r} is missing", path=str(path), line=line)
    if error["type"] == "string_pattern_mismatch" and location[-1:] == ("name",):
        hint = "write letters, digits and _ . : -, not too many, the first of them a letter, a digit or _"
        return ConfigError(f"{where}: this is no usable name", path=str(path), line=line, hint=hint)
    message = words_of_error(error["type"], error["msg"])
    return ConfigError(f"{where}: {message}" if where else message, path=str(path), line=line)


def error_at(
    message: str, text: str, path: Path, location: tuple[str | int, ...], hint: str | None = None
) -> ConfigError:
    """Make the error of a place in a document, for checks that come after its validation."""
    return ConfigError(message, path=str(path), line=line_of(text, location), hint=hint)


def suggest(word: str, known: Iterable[str]) -> str | None:
    """Find what was probably meant, as a question, or give `None`."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else None


def line_of(text: str, location: tuple[Any, ...]) -> int | None:
    """Find the 1-based line of a key (or list item) in a YAML text; the nearest parent if it is missing."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    line: int | None = 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            if isinstance(part, int):  # one item written without its list
                continue
            found = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if found is None:
                return line
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            return line
    return line


def _keys_at(model: type[BaseModel], location: tuple[Any, ...]) -> set[str]:
    """Collect the keys that are allowed at a place of a document."""
    models = {model}
    for part in location:
        if isinstance(part, int):
            continue
        annotations = [m.model_fields[part].annotation for m in models if part in m.model_fields]
        # A name that the user chose, such as a profile's, is no key of a model.
        models = {found for annotation in annotations for found in _models_in(annotation)} or models
    return {field.alias or name for m in models for name, field in m.model_fields.items()}


def _models_in(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {found for inner in typing.get_args(annotation) for found in _models_in(inner)}
