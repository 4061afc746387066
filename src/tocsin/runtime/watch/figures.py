"""What a watch counts, as OpenMetrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from tocsin.runtime.run_report import RunStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from prometheus_client.metrics_core import Metric

    from tocsin.alerting.outbox import DeliveryReport
    from tocsin.runtime.run_report import MonitorReport

__all__ = ["Figures", "Reading"]

Reading: TypeAlias = "tuple[str, str, Sequence[tuple[dict[str, str], float]]]"
"""A gauge that is read when the page is asked for: its name, what it means, and its values by labels."""

_MONITOR = ("kind", "monitor")
_BUCKETS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
_ITEMS = {
    "points": "points_loaded",
    "lines": "lines_read",
    "events": "events_new",
    "anomalies": "anomalies",
}


class Figures:
    """Counters and gauges in a registry of their own; may be used by many threads.

    Args:
        live: Gives what is read when somebody asks.
    """

    def __init__(self, live: Callable[[], Iterable[Reading]]) -> None:
        from prometheus_client import (
            CollectorRegistry,
            Counter,
            Gauge,
            Histogram,
            disable_created_metrics,
        )
        from prometheus_client.process_collector import ProcessCollector

        disable_created_metrics()  # type: ignore[no-untyped-call]  # when each counter began doubles the page and says little
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._runs = Counter(
            "tocsin_runs", "Runs of a monitor, by how they ended.", (*_MONITOR, "status"), registry=registry
        )
        self._seconds = Histogram(
            "tocsin_run_seconds", "How long runs took.", ("kind",), buckets=_BUCKETS, registry=registry
        )
        self._last_seconds = Gauge(
            "tocsin_last_run_seconds", "How long the last run of a monitor took.", _MONITOR, registry=registry
        )
        self._last_success = Gauge(
            "tocsin_last_success_timestamp_seconds",
            "When a monitor was last run without an error.",
            _MONITOR,
            registry=registry,
        )
        self._skipped = Counter(
            "tocsin_skipped_intervals",
            "Intervals without a run of their own, since the one before went on for too long.",
            _MONITOR,
            registry=registry,
        )
        self._items = {
            noun: Counter(f"tocsin_{noun}", f"New {noun} of a monitor.", _MONITOR, registry=registry)
            for noun in _ITEMS
        }
        self._decisions = Counter(
            "tocsin_decisions", "Decisions whether to tell, by kind.", ("kind",), registry=registry
        )
        self._messages = Counter(
            "tocsin_messages",
            "Messages: sent, failed (and tried again), dead (given up).",
            ("channel", "outcome"),
            registry=registry,
        )
        self._pruned = Counter(
            "tocsin_pruned_rows", "Rows that retention has deleted.", ("what",), registry=registry
        )
        self._errors = Counter(
            "tocsin_errors",
            "What failed besides runs of monitors: telling, sending, pruning, reloading.",
            ("part",),
            registry=registry,
        )
        registry.register(_Live(live))

    def ran(self, report: MonitorReport, seconds: float, wall: float) -> None:
        """Count a run."""
        labels = (report.kind, report.name)
        self._runs.labels(*labels, str(report.status)).inc()
        self._seconds.labels(report.kind).observe(seconds)
        self._last_seconds.labels(*labels).set(seconds)
        if report.status is RunStatus.COMPLETED:
            self._last_success.labels(*labels).set(wall)
        for noun, count in _ITEMS.items():
            if number := getattr(report, count):
                self._items[noun].labels(*labels).inc(number)

    def skipped(self, kind: str, monitor: str, number: int) -> None:
        """Count intervals without a run."""
        if number:
            self._skipped.labels(kind, monitor).inc(number)

    def forget(self, kind: str, monitor: str) -> None:
        """Show a monitor no longer."""
        for metric in (self._last_seconds, self._last_success, self._skipped, *self._items.values()):
            metric.remove_by_labels({"kind": kind, "monitor": monitor})
        self._runs.remove_by_labels({"kind": kind, "monitor": monitor})

    def decided(self, counts: Mapping[str, int]) -> None:
        """Count decisions."""
        for kind, number in counts.items():
            if number:
                self._decisions.labels(kind).inc(number)

    def delivered(self, channel: str, report: DeliveryReport) -> None:
        """Count messages."""
        for outcome in ("sent", "failed", "dead"):
            if number := getattr(report, outcome):
                self._messages.labels(channel, outcome).inc(number)

    def pruned(self, counts: Mapping[str, int]) -> None:
        """Count deleted rows."""
        for what, number in counts.items():
            if number:
                self._pruned.labels(what).inc(number)

    def failed(self, part: str) -> None:
        """Count an error."""
        self._errors.labels(part).inc()

    def page(self, accept: str) -> tuple[bytes, str]:
        """Give all as text, in the format that is asked for, and that format's name."""
        from prometheus_client.exposition import choose_encoder

        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class _Live:
    def __init__(self, live: Callable[[], Iterable[Reading]]) -> None:
        self._live = live

    def describe(self) -> list[Metric]:
        """Give nothing: it is not asked while it is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Give the gauges as they are now."""
        from prometheus_client.core import GaugeMetricFamily

        for name, help_, values in self._live():
            labels = tuple(values[0][0]) if values else ()
            family: Any = GaugeMetricFamily(name, help_, labels=labels)
            for of, value in values:
                family.add_metric(tuple(of.values()), value)
            yield family
