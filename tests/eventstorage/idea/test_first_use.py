"""The first messages of a process, by many threads at once."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys, threading
from tocsin.eventstorage.idea.rows import row_of
sys.setswitchinterval(1e-6)
gate = threading.Barrier(8)
message = (
    b'{"ID": "a", "Format": "IDEA0", "DetectTime": "2026-01-01T00:00:00Z", "Node": [{"Name": "n"}],'
    b' "Source": [{"IP4": ["10.0.0.1"]}], "_CESNET": {"EventClass": "x"}}'
)
def work():
    gate.wait()
    for _ in range(50):
        row_of(message, words=False)
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_threads_that_read_the_first_message_together_do_not_crash_the_process() -> None:
    for _ in range(3):  # without a mend half of such processes crash
        assert subprocess.run([sys.executable, "-c", PROGRAM], check=False, timeout=60).returncode == 0
