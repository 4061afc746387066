"""How built-in backends write their state: Arrow IPC streams, one a table, and a digest.

A dump is, for each table, one Arrow IPC stream, and after the last one 16 bytes of BLAKE2b over all before
them. Each stream's schema has its table's name as metadata; that of the first also has the kind, the
version, the number of rows of every table, and the attributes, as JSON. Buffers are never compressed:
then every size that a dump claims can be held against the bytes that are there, before anything is
allocated.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.persistency.values import decode_key, encode_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import DTypeLike, NDArray

    from tocsin.persistency.values import Key

__all__ = [
    "Decoded",
    "blob_column",
    "decode",
    "encode",
    "key_columns",
    "number_column",
    "read_blob",
    "read_keys",
    "read_numbers",
    "text_column",
]

_DIGEST_BYTES = 16
_HEADER = b"tocsin"
_NAME = b"tocsin.table"
_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"
_NEEDS_EMPTY_TABLE = "header"
_MESSAGE_HEADER_FIELD = 2
_RECORD_BATCH_COMPRESSION_FIELD = 3


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a dump holds.

    Attributes:
        version: The version of the kind's layout.
        tables: The tables by name, in the order in which they were written.
        attributes: The JSON beside them.
    """

    version: int
    tables: dict[str, pa.Table]
    attributes: Any


def encode(kind: str, version: int, tables: Mapping[str, pa.Table], attributes: Any = None) -> bytes:
    """Write tables as a dump; the same tables give the same bytes.

    Args:
        kind: What kind of state it is; `decode` takes no other.
        version: The version of the kind's layout, from 1.
        tables: Tables by name, of flat columns: numbers, text, bytes, and dictionaries of them.
        attributes: What else there is to know, as JSON allows it.
    """
    import pyarrow as pa

    tables = tables or {_NEEDS_EMPTY_TABLE: pa.table({})}
    header = {
        "kind": kind,
        "version": version,
        "rows": {name: table.num_rows for name, table in tables.items()},
        "attributes": attributes,
    }
    metadata = {_HEADER: json.dumps(header, separators=(",", ":"), allow_nan=False).encode()}
    out = io.BytesIO()
    for name, table in tables.items():
        whole = table.unify_dictionaries().combine_chunks()
        schema = whole.schema.with_metadata({**metadata, _NAME: name.encode()})
        with pa.ipc.new_stream(out, schema) as stream:
            stream.write_table(whole.replace_schema_metadata(schema.metadata))
        metadata = {}
    content = out.getvalue()
    return content + _digest(content)


def decode(content: bytes, kind: str, newest_version: int) -> Decoded:
    """Read a dump that `encode` made.

    Args:
        content: The dump.
        kind: The only kind that is taken.
        newest_version: The newest version of the kind that the caller understands.

    Raises:
        ValueError: The content is not a whole dump, or it is of another kind or of a newer version.
    """
    body = memoryview(content)[:-_DIGEST_BYTES]
    if len(content) < _DIGEST_BYTES or _digest(body) != content[-_DIGEST_BYTES:]:
        message = f"this is not a whole {kind} state: {len(content)} bytes without a matching digest"
        raise ValueError(message)
    try:
        return _decode(body, kind, newest_version)
    except (
        OSError,
        ArithmeticError,
        LookupError,
        TypeError,
        NotImplementedError,
        struct.error,
        MemoryError,
    ) as error:
        # Arrow reports damage as OSError, ArrowInvalid (a ValueError) or KeyError.
        message = f"this is not a {kind} state: {error}"
        raise ValueError(message) from error


def _digest(content: bytes | memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()


def _decode(body: memoryview, kind: str, newest_version: int) -> Decoded:
    import pyarrow as pa

    _refuse_compression(body)
    reader = pa.BufferReader(body)
    tables: dict[str, pa.Table] = {}
    header: dict[str, Any] | None = None
    while reader.tell() < len(body):
        stream = pa.ipc.open_stream(reader)
        metadata = stream.schema.metadata or {}
        if header is None:
            header = _header(json.loads(metadata[_HEADER]), kind, newest_version)
        _check_types(stream.schema)
        table = stream.read_all()
        table.validate(full=True)
        name = metadata[_NAME].decode()
        if (
            name in tables
            or bytes(body[reader.tell() - len(_END_OF_STREAM) : reader.tell()]) != _END_OF_STREAM
        ):
            message = f"table {name!r} is there twice or is cut off"
            raise ValueError(message)
        tables[name] = table.replace_schema_metadata(None)
    if header is None or header["rows"] != {name: table.num_rows for name, table in tables.items()}:
        message = "its tables are not those that it announces"
        raise ValueError(message)
    tables.pop(_NEEDS_EMPTY_TABLE, None)
    return Decoded(header["version"], tables, header["attributes"])


def _header(header: Any, kind: str, newest_version: int) -> dict[str, Any]:
    """Check what a dump says about itself."""
    found, version = header["kind"], header["version"]
    if found != kind:
        message = f"this is a state of kind {found!r}, not {kind!r}"
        raise ValueError(message)
    if type(version) is not int or version < 1:
        message = f"{version!r} is not a version"
        raise ValueError(message)
    if version > newest_version:
        message = (
            f"{kind} state has version {version}, this tocsin reads up to {newest_version}: "
            "upgrade tocsin, or load an older generation"
        )
        raise ValueError(message)
    return {"rows": header["rows"], "attributes": header["attributes"], "version": version}


def _check_types(schema: pa.Schema) -> None:
    """Refuse types whose arrays can claim rows without bytes for them."""
    import pyarrow.types as kinds

    for field in schema:
        plain = field.type.value_type if kinds.is_dictionary(field.type) else field.type
        if not (
            kinds.is_integer(plain)
            or kinds.is_floating(plain)
            or kinds.is_boolean(plain)
            or kinds.is_string(plain)
            or kinds.is_large_string(plain)
            or kinds.is_binary(plain)
            or kinds.is_large_binary(plain)
        ):
            message = f"column {field.name!r} has type {field.type}, which no state uses"
            raise ValueError(message)


def _refuse_compression(body: memoryview) -> None:
    """Walk over the messages; a compressed buffer could claim any size for what it holds."""
    at = 0
    while at < len(body):
        mark, length = struct.unpack_from("<II", body, at)
        if mark != 0xFFFFFFFF:  # noqa: PLR2004 - the continuation mark of the Arrow format
            message = f"there is no message at byte {at}"
            raise ValueError(message)
        at += 8
        if length == 0:
            continue
        flat = body[at : at + length]
        root = struct.unpack_from("<I", flat)[0]
        at += length + _field(flat, root, 3, "<q", 0)
        kind, header = _field(flat, root, 1, "<B", 0), _table(flat, root, _MESSAGE_HEADER_FIELD)
        if kind == 2 and header is not None:  # noqa: PLR2004 - DictionaryBatch: the record batch is in it
            header = _table(flat, header, 1)
            kind = 3
        if kind == 3 and header and _slot(flat, header, _RECORD_BATCH_COMPRESSION_FIELD):  # noqa: PLR2004 - RecordBatch
            message = "its buffers are compressed"
            raise ValueError(message)


def _slot(flat: memoryview, table: int, number: int) -> int:
    """Give where a field of a flatbuffers table is, 0 when it is not set."""
    vtable = table - int(struct.unpack_from("<i", flat, table)[0])
    if vtable < 0 or 4 + 2 * number + 2 > struct.unpack_from("<H", flat, vtable)[0]:
        return 0
    offset = int(struct.unpack_from("<H", flat, vtable + 4 + 2 * number)[0])
    return table + offset if offset else 0


def _field(flat: memoryview, table: int, number: int, form: str, default: int) -> int:
    slot = _slot(flat, table, number)
    value = int(struct.unpack_from(form, flat, slot)[0]) if slot else default
    if value < 0:
        message = "a message has a negative length"
        raise ValueError(message)
    return value


def _table(flat: memoryview, table: int, number: int) -> int | None:
    slot = _slot(flat, table, number)
    return slot + int(struct.unpack_from("<I", flat, slot)[0]) if slot else None


def key_columns(keys: Sequence[Key], prefix: str = "") -> dict[str, pa.Array]:
    """Give keys as two columns: `tag` (dictionary-coded) and `text` (UTF-8; lone surrogates: binary).

    Args:
        keys: Keys of `tocsin.persistency.values`.
        prefix: Comes in front of the names of the columns.
    """
    import pyarrow as pa

    if set(map(type, keys)) <= {str}:
        kinds = {"str": 0} if keys else {}
        places: NDArray[np.int8] = np.zeros(len(keys), dtype=np.int8)
        texts: Sequence[str] = keys
    else:
        coded = [encode_key(key) for key in keys]
        kinds = {tag: place for place, tag in enumerate(dict.fromkeys(tag for tag, _ in coded))}
        places = np.fromiter((kinds[tag] for tag, _ in coded), dtype=np.int8, count=len(coded))
        texts = [text for _, text in coded]
    tags = pa.DictionaryArray.from_arrays(number_column(places), _packed(pa.string(), _encoded(kinds)))
    return {f"{prefix}tag": tags, f"{prefix}text": text_column(texts)}


# `pa.array` would import pandas, when it is installed, to see whether it was given some of that: a second
# of a short command's life. Columns made of buffers need nobody to look.


def number_column(numbers: NDArray[Any]) -> pa.Array:
    """Give numbers as a column of their own type."""
    import pyarrow as pa

    kind = pa.from_numpy_dtype(numbers.dtype)
    return pa.Array.from_buffers(kind, len(numbers), [None, pa.py_buffer(np.ascontiguousarray(numbers))])


def text_column(texts: Sequence[str]) -> pa.Array:
    """Give texts as a column (UTF-8; with lone surrogates: binary)."""
    import pyarrow as pa

    try:
        return _packed(pa.large_string(), _encoded(texts))
    except UnicodeEncodeError:
        return blob_column([text.encode("utf-8", "surrogatepass") for text in texts])


def blob_column(blobs: Sequence[bytes]) -> pa.Array:
    """Give bytes as a column."""
    import pyarrow as pa

    return _packed(pa.large_binary(), blobs)


def _encoded(texts: Iterable[str]) -> list[bytes]:
    return [text.encode() for text in texts]


def _packed(kind: pa.DataType, blobs: Sequence[bytes]) -> pa.Array:
    import pyarrow as pa

    width = np.int32 if kind == pa.string() else np.int64
    offsets = np.zeros(len(blobs) + 1, dtype=width)
    np.cumsum(np.fromiter(map(len, blobs), dtype=width, count=len(blobs)), out=offsets[1:])
    return pa.Array.from_buffers(
        kind, len(blobs), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(blobs))]
    )


def read_keys(table: pa.Table, prefix: str = "") -> list[Key]:
    """Give the keys that `key_columns` wrote.

    Raises:
        ValueError: The columns are not there, or a text does not fit its tag.
    """
    tags, texts = _column(table, f"{prefix}tag"), _column(table, f"{prefix}text").to_pylist()
    if texts and type(texts[0]) is bytes:
        texts = [text.decode("utf-8", "surrogatepass") for text in texts]
    kinds = set(tags.unique().to_pylist())
    if kinds <= {"str"}:
        return list(texts)
    try:
        return list(map(decode_key, tags.to_pylist(), texts))
    except (TypeError, ArithmeticError, LookupError) as error:
        message = f"a value cannot be read: {error}"
        raise ValueError(message) from error


def read_numbers(table: pa.Table, name: str, dtype: DTypeLike = np.int64) -> NDArray[Any]:
    """Give a column of numbers as an array of exactly that type.

    Raises:
        ValueError: The column is not there, is of another type, or has nulls.
    """
    import pyarrow as pa

    column, wanted = _column(table, name), np.dtype(dtype)
    if column.type != pa.from_numpy_dtype(wanted):
        message = f"column {name!r} holds {column.type}, not {wanted}"
        raise ValueError(message)
    parts = [
        np.frombuffer(chunk.buffers()[1], wanted, len(chunk), chunk.offset * wanted.itemsize)
        for chunk in column.chunks
        if len(chunk)
    ]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=wanted)


def read_blob(table: pa.Table, name: str, row: int) -> bytes:
    """Give one value of a column of bytes.

    Raises:
        ValueError: The column or the row is not there, or it is not bytes.
    """
    column = _column(table, name)
    blob = column[row].as_py() if 0 <= row < len(column) else None
    if type(blob) is not bytes:
        message = f"column {name!r} has no bytes in row {row}"
        raise ValueError(message)
    return blob


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    if table.schema.names.count(name) != 1 or table.column(name).null_count:
        message = f"column {name!r} is missing, is there twice, or has gaps"
        raise ValueError(message)
    return table.column(name)
