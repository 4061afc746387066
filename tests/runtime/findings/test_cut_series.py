"""However a series is cut into runs and batches, its findings are the same, byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.runtime.conftest import at, noisy
from tests.runtime.findings.conftest import IQR, MAD, FindingsWorkspace
from tocsin.runtime.findings import points as finding_points
from tocsin.runtime.metrics import detect_step

if TYPE_CHECKING:
    from tests.conftest import SteppingClock

_FIRST, _LAST = 30, 75
_FEW = settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
jumps = st.dictionaries(
    st.integers(_FIRST, _LAST - 1), st.sampled_from([80.0, 90.0, -80.0]), min_size=8, max_size=20
)
cuts = st.lists(st.integers(_FIRST, _LAST), max_size=4, unique=True).map(sorted)


@_FEW
@given(
    jumps=jumps,
    gaps=st.sets(st.integers(_FIRST, _LAST - 2), max_size=3),
    cuts=cuts,
    batch=st.sampled_from([3, 17, 100_000]),
    longest=st.sampled_from([4, 10_000]),
)
def test_findings_do_not_depend_on_where_runs_and_batches_end(
    tmp_path_factory: pytest.TempPathFactory,
    clock: SteppingClock,
    jumps: dict[int, float],
    gaps: set[int],
    cuts: list[int],
    batch: int,
    longest: int,
) -> None:
    rows = [row for slot, row in enumerate(noisy(_LAST, jumps=jumps)) if slot not in gaps]
    once, often = (FindingsWorkspace(tmp_path_factory.mktemp(name), clock) for name in ("once", "often"))
    for one in (once, often):
        one.metric("cpu", detectors=[MAD, IQR])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finding_points, "_LONGEST_RUN", longest)
        patch.setattr(finding_points, "_FEW", 2)
        once.csv("cpu", rows)
        once.run()
        patch.setattr(detect_step, "_BATCH_SLOTS", batch)
        for cut in (*cuts, _LAST):
            often.csv("cpu", [row for row in rows if row[0] < at(cut)])
            assert often.run_one().error is None

    assert once.anomalies() == len(once.messages()) > 0
    assert often.verdicts() == once.verdicts()
    assert often.messages() == once.messages()
