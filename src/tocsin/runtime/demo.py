"""`make demo`: the commands a user would type, on the seeded example, with what they show."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tocsin.runtime.receiver import Receiver

__all__ = ["main"]

_FOLDER = Path("demo")
_SCANNER, _INTRUDER = "198.51.100.23", "203.0.113.77"


def main() -> int:
    """Run the demo in the current folder; give the first exit code that is not 0."""
    if (_FOLDER / "tocsin_project.yml").exists():
        shutil.rmtree(_FOLDER)
    elif _FOLDER.exists() and any(_FOLDER.iterdir()):
        sys.stderr.write("the folder demo/ holds something else: move it away first\n")
        return 2
    if not sys.stdout.isatty():
        os.environ["COLUMNS"] = os.environ.get("COLUMNS", "160")
    try:
        with Receiver() as receiver:
            _show(receiver)
    except subprocess.CalledProcessError as error:
        return error.returncode
    sys.stdout.write(
        f"\nLook at {_FOLDER / 'report.html'} in a browser, and at {_FOLDER / 'checkout_requests.png'}.\n"
        f"What was really in them is in {_FOLDER / 'labels.json'}. docs/tutorial.md retraces this by hand.\n"
    )
    return 0


def _show(receiver: Receiver) -> None:
    _say("a new project: six series, a log and the events of a small shop; all but one have incidents")
    _tocsin("init", "demo", "--example")
    _say("security events are kept whole; the same file again would add nothing")
    _tocsin("events", "import", "demo/data/alerts.jsonl", "-p", "demo")
    _say("people are told through channels: here it is a receiver on this machine")
    _connect(receiver.url)
    _say("one run loads everything, judges it, decides what to tell, and tells it")
    _tocsin("run", "-p", "demo")
    _say("what the receiver got: each problem once, its end, and what relapsed")
    _messages(receiver)
    _say("the second run finds nothing new to do, and tells nothing")
    _tocsin("run", "-p", "demo")
    _say("what fires, and what is silent because it was told")
    _tocsin("alerts", "list", "-p", "demo")
    _say("why was this told? A metric ...")
    _tocsin("alerts", "why", "checkout_requests", "--at", "2026-03-19T12:00", "-p", "demo")
    _say("... a line of the log ...")
    _tocsin("alerts", "why", "auth", "-p", "demo")
    _say("... and one of hundreds of events, that was not told")
    _tocsin("alerts", "why", _last_event(_SCANNER), "-p", "demo")
    _say("what else is known of the address in the log? What was found is an event like those of others")
    _tocsin("events", "search", "--source", _INTRUDER, "--limit", "6", "-p", "demo")
    _say("what one of the detectors of the log has learned")
    _tocsin("state", "show", "auth", "--detector", "new_event", "-p", "demo")
    _say("one page with everything that was found, and one picture")
    _tocsin("report", "-p", "demo", "-o", "demo/report.html")
    _tocsin("plot", "checkout_requests", "-p", "demo", "-o", "demo/checkout_requests.png")


def _say(text: str) -> None:
    sys.stdout.write(f"\n== {text}\n")


def _tocsin(*words: str) -> None:
    sys.stdout.write(f"$ tocsin {' '.join(words)}\n")
    sys.stdout.flush()
    subprocess.run([sys.executable, "-m", "tocsin", *words], check=True)  # noqa: S603  # our own command


def _connect(url: str) -> None:
    """Name the receiver as a channel, and give it to the group."""
    profiles, groups = _FOLDER / "profiles.yml", _FOLDER / "groups.yml"
    channel = f"alert_channels:\n  receiver: {{type: webhook, url: {url}, allow_private: true}}\n"
    for path, before, after in (
        (profiles, "alert_channels: {}\n", channel),
        (groups, "channels: []", "channels: [receiver]"),
    ):
        path.write_text(path.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")
        sys.stdout.write(f"{path}: {after.strip()}\n")


def _messages(receiver: Receiver) -> None:
    for message in sorted(receiver.messages, key=lambda one: str(one.get("timestamp"))):
        at = str(message.get("timestamp"))[:16].replace("T", " ")
        sys.stdout.write(f"{at}  {message['kind']:<9}  {message['title']}\n")
    sys.stdout.write(f"{len(receiver.messages)} messages\n")


def _last_event(source: str) -> str:
    """Give the ID of the last event that names a source."""
    command = ["events", "search", "--source", source, "--limit", "1", "--json", "-p", "demo"]
    done = subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-m", "tocsin", *command], check=True, stdout=subprocess.PIPE, text=True
    )
    return str(json.loads(done.stdout)["events"][0]["ID"])


if __name__ == "__main__":
    sys.exit(main())
