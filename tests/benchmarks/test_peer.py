"""Where the peer's environment comes from; nothing is installed here."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from benchmarks.peer import PeerUnavailableError, find_peer, find_python

if TYPE_CHECKING:
    from pathlib import Path


def test_an_environment_that_is_there_is_used_again(tmp_path: Path) -> None:
    requirements = tmp_path / "peer.txt"
    requirements.write_text("# a comment\nother==1.0\nnumpy==2.0  # pinned\n", encoding="utf-8")
    environment = tmp_path / "home" / "other-1.0"
    environment.mkdir(parents=True)
    version = f"python {sys.version_info.major}.{sys.version_info.minor}"
    (environment / "installed.txt").write_text(f"other==1.0\nnumpy==2.0\n{version}", encoding="utf-8")

    peer = find_peer(requirements, tmp_path / "home")

    assert peer.name == "other-1.0"
    assert peer.python.is_relative_to(environment)


def test_an_environment_that_cannot_be_made_is_told_in_one_sentence(tmp_path: Path) -> None:
    requirements = tmp_path / "peer.txt"
    requirements.write_text("other==1.0\n", encoding="utf-8")
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(PeerUnavailableError, match=r"cannot be installed .* TOCSIN_BENCH_HOME"):
        find_peer(requirements, tmp_path / "file")


def test_the_interpreter_that_runs_serves_its_own_version() -> None:
    assert find_python((sys.version_info.major, sys.version_info.minor)) == sys.executable


def test_a_version_that_nobody_has_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = tmp_path / "python2.99"
    shim.write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))

    with pytest.raises(PeerUnavailableError, match=r"needs Python 2\.99, and there is none here"):
        find_python((2, 99))
