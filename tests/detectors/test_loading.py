"""Small work does not pay for numba, and large work keeps its compiled code."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_RUN = """
import sys
from tocsin.detectors import MADDetector
from tocsin.testing.detectors import make_series

MADDetector(window_size={window}).detect_arrays(make_series({slots}))
print("numba" in sys.modules)
"""


def _numba_is_loaded(slots: int, environment: dict[str, str]) -> bool:
    program = [sys.executable, "-c", _RUN.format(slots=slots, window=slots // 4)]
    done = subprocess.run(program, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip() == "True"


def test_small_series_are_judged_without_numba(tmp_path: Path) -> None:
    assert not _numba_is_loaded(600, {"HOME": str(tmp_path)})


def test_compiled_code_is_kept_in_the_users_cache_folder(tmp_path: Path) -> None:
    assert _numba_is_loaded(20_000, {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")})

    assert list((tmp_path / "cache" / "tocsin" / "numba").rglob("*.nbi"))


def test_large_series_are_judged_where_nothing_can_be_kept(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")

    assert _numba_is_loaded(20_000, {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(blocked)})
