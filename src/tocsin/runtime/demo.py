"""`make demo`: the commands a user would type, on the seeded example, with what they show."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["main"]

_COMMANDS = (
    ("init", "demo", "--example"),
    ("run", "-p", "demo"),
    ("run", "-p", "demo"),
    ("status", "-p", "demo"),
    ("state", "show", "auth", "-p", "demo"),
    ("report", "-p", "demo", "-o", "demo/report.html"),
    ("plot", "checkout_requests", "-p", "demo", "-o", "demo/checkout_requests.png"),
)
_SAID = (
    "a new project: six series and a log of a small shop; five of the series and the log have an incident",
    "the first run loads everything, judges it and shows what it found",
    "the second run finds nothing new to do",
    "how far everything is",
    "what the detectors of the log have learned",
    "one page with everything that was found",
    "one picture: series, band, anomalies, incidents",
)


def main() -> int:
    """Run the demo in the current folder; give the first exit code that is not 0."""
    folder = Path("demo")
    if (folder / "tocsin_project.yml").exists():
        shutil.rmtree(folder)
    elif folder.exists() and any(folder.iterdir()):
        sys.stderr.write("the folder demo/ holds something else: move it away first\n")
        return 2
    for command, said in zip(_COMMANDS, _SAID, strict=True):
        sys.stdout.write(f"\n== {said}\n$ tocsin {' '.join(command)}\n")
        sys.stdout.flush()
        done = subprocess.run([sys.executable, "-m", "tocsin", *command], check=False)  # noqa: S603  # our own command
        if done.returncode:
            return done.returncode
    sys.stdout.write(
        f"\nLook at {folder / 'report.html'} in a browser, and at {folder / 'checkout_requests.png'}.\n"
        f"What was really in them is in {folder / 'labels.json'}.\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
