"""Tries detectors on a sample of a log, before a monitor with them is proposed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from tocsin.runtime.config.log import LogConfig
from tocsin.runtime.logs.parts import create_log_detector, create_log_parser

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tocsin.abc import LogParser
    from tocsin.detectors.events import CoreDetector
    from tocsin.model import LogAlert, ParsedLog, RawLines

__all__ = ["Trial", "try_detectors"]

_LEARNED_SHARE = 0.7
_NOISY_SHARE = 0.05
_NOISY_NEWS = 3  # different ones: one value that comes again and again may be an anomaly
_MOST_ALLOWED = 50


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it.

    Attributes:
        detectors: The detectors as they should stand in the configuration.
        words: For each a sentence about what it watched and how often it spoke.
        summary: What has to be known before the first run.
    """

    detectors: list[dict[str, Any]]
    words: list[str]
    summary: list[str]


def try_detectors(config: Mapping[str, Any], batches: Sequence[RawLines], learned: int) -> Trial:
    """Let the detectors learn from the first part of what they will learn from, and judge the rest.

    Variables that still bring news all the time when a detector has learned are left out.

    Args:
        config: The monitor with its detectors.
        batches: Its first lines.
        learned: From how many lines it will learn.
    """
    parser = create_log_parser(LogConfig.model_validate(config))
    events = list(islice(_events(parser, batches), learned))
    begin = max(1, int(len(events) * _LEARNED_SHARE))
    trial = Trial([], [], [])
    for entry in config["detectors"]:
        chosen = dict(entry)
        detector, alerts = _run(config, chosen, events, begin)
        left_out = _noisy_variables(alerts)
        if left_out:
            chosen["params"] = {"allow": left_out}
            detector, alerts = _run(config, chosen, events, begin)
        _describe(trial, chosen, detector, alerts, events, begin)
    return trial


def _run(
    config: Mapping[str, Any], entry: dict[str, Any], events: list[ParsedLog], begin: int
) -> tuple[CoreDetector, list[LogAlert]]:
    monitor = LogConfig.model_validate({**config, "detectors": [entry]})
    detector = create_log_detector(monitor, monitor.detectors[0])
    detector.process_batch(events[:begin])
    detector.finish_training()
    return detector, detector.process_batch(events[begin:])


def _is_noisy(alerts: Sequence[LogAlert], events: Sequence[ParsedLog], begin: int) -> bool:
    return len(alerts) > _NOISY_SHARE * (len(events) - begin)


def _noisy_variables(alerts: Sequence[LogAlert]) -> list[dict[str, Any]]:
    """Give the variables that brought one new value after the other, as what is allowed."""
    reasons = {
        (alert["EventID"], variable, reason)
        for alert in alerts
        for variable, reason in alert["alertsObtain"].items()
        if variable != "EventID"
    }
    news = Counter((event_id, variable) for event_id, variable, _ in reasons)
    return [
        {"event_id": event_id, "variable": variable}
        for (event_id, variable), count in news.most_common(_MOST_ALLOWED)
        if count >= _NOISY_NEWS
    ]


def _describe(
    trial: Trial,
    entry: dict[str, Any],
    detector: CoreDetector,
    alerts: Sequence[LogAlert],
    events: Sequence[ParsedLog],
    begin: int,
) -> None:
    trial.detectors.append(entry)
    rest = len(events) - begin
    words = [f"{detector.name}: "]
    if watched := _watched(detector):
        words.append(f"watches {watched:,} variables that are static or stable; ")
    if left_out := entry.get("params", {}).get("allow"):
        words.append(f"{len(left_out):,} that still brought news are left out (allow); ")
    words.append(
        f"tried on {rest:,} lines after {begin:,} to learn from, it called {len(alerts):,} of them anomalies"
    )
    trial.words.append("".join(words))
    if rest and _is_noisy(alerts, events, begin):
        trial.summary.append(
            f"{detector.name} called {len(alerts) / rest:.0%} of the lines that it was tried on anomalies: "
            "more lines to learn from (--train) should help"
        )


def _events(parser: LogParser, batches: Sequence[RawLines]) -> Iterator[ParsedLog]:
    for lines in batches:
        yield from parser.parse(lines).events


def _watched(detector: CoreDetector) -> int:
    return sum(len(event.get("watched", ())) for event in detector.describe().get("events", ()))
