"""The receiver for trying things out."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.runtime.receiver import Receiver, main

if TYPE_CHECKING:
    from pathlib import Path


def post(url: str, body: bytes) -> int:
    request = urllib.request.Request(url, data=body, method="POST")  # noqa: S310 - our own receiver
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)


def message(name: str, **more: Any) -> bytes:
    return json.dumps({"id": name, "kind": "first", "title": "it\nbroke", **more}).encode()


def test_a_message_is_a_line_and_one_that_comes_again_is_none() -> None:
    out = io.StringIO()
    with Receiver(out=out) as receiver:
        for name in ("a", "b", "a"):
            assert post(receiver.url, message(name, timestamp="2026-03-01T12:00:30Z")) == 200

        assert [one["id"] for one in receiver.messages] == ["a", "b"]
        assert receiver.repeated == 1
    assert out.getvalue() == "2026-03-01 12:00  first      it broke\n" * 2


@pytest.mark.parametrize("body", [b"", b"x", b"[1]", b"{}", b'"id"'])
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with Receiver() as receiver:
        assert post(receiver.url, body) == 400
        assert not receiver.messages


def test_a_port_that_is_taken_and_a_file_that_cannot_be_written_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Receiver() as receiver:
        port = receiver.url.rpartition(":")[2]
        for arguments, said in (
            (["--port", port], f"nothing can listen on port {port} ("),
            (["--port", "70000"], "nothing can listen on port 70000 ("),
            (["--port", port, "--out", str(tmp_path / "no" / "x")], "cannot be written (No such file"),
        ):
            with pytest.raises(SystemExit) as ended:
                main(arguments)
            assert ended.value.code == 2
            assert said in capsys.readouterr().err
