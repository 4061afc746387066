"""Every key of a metric: what it may be, what it means by default, and what is said of wrong ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import ConfigError
from tocsin.model import AlertRule, DirectionRule, Interval, parse_duration
from tocsin.runtime.config.metric import MetricConfig
from tocsin.runtime.config.yaml_file import validate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.config.conftest import Files


NOBODY: dict[str, tuple[str, ...]] = {"ip": (), "host": (), "port": (), "user": ()}


def test_the_smallest_metric_has_the_documented_defaults(files: Files) -> None:
    config = files.metric("").config

    assert config.model_dump() == {
        "name": "m", "description": "", "unit": "", "tags": (), "enabled": True, "profile": None,
        "source": "sql", "events": {}, "query": "SELECT 1", "query_file": None,
        "query_columns": {"timestamp": "timestamp", "metric": "value", "seasonality": ()},
        "variables": {}, "dimension": None, "interval": "1h", "anchor": "1970-01-01T00:00:00+00:00",
        "align": "floor", "aggregate": "last", "loading_start_time": None, "loading_end": None,
        "loading_delay": timedelta(0), "lookback": timedelta(0), "loading_batch_size": 100_000,
        "seasonality_columns": (), "holidays": None, "timezone": "UTC", "detectors": (),
        "findings": {
            "enabled": True, "category": "Anomaly.Behaviour", "class_": None, "severity": "medium",
            "source": NOBODY, "target": NOBODY,
        },
        "alerting": (),
    }  # fmt: skip


def test_every_key_is_read(files: Files) -> None:
    files.write("profiles.yml", "profiles: {lake: {type: duckdb}}\nalert_channels: {ops: {type: slack, "
                "webhook_url: 'https://hooks.example.org/x'}}\n")  # fmt: skip
    monitor = files.metric(
        """\
        name: m
        description: What it is
        unit: ms
        tags: [a, b]
        enabled: false
        profile: lake
        query: SELECT {{ wanted }}
        query_columns: {timestamp: t, metric: v, seasonality: [promo]}
        variables: {wanted: 5}
        dimension: host
        interval: 90min
        anchor: 2026-01-01 00:05:00
        align: nearest
        aggregate: mean
        loading_start_time: 2025-01-01
        loading_end: now
        loading_delay: 5min
        lookback: 2d
        loading_batch_size: 500
        seasonality_columns: [hour, is_holiday]
        holidays: DE-BY
        timezone: Europe/Berlin
        detectors:
          - type: mad
          - type: zscore
            params: {threshold: 4, seasonality_components: [[hour, promo]]}
        alerting:
          - name: fast
            channels: [ops]
            timezone: UTC
            min_detectors: 2
            direction: up
            consecutive_anomalies: 1
            keep_firing_for: 1h
            renotify_every: 1d
            recovery: false
            no_data: {for: 3h}
            template_single: "{{ series }}"
            template_consecutive: "{{ series }} again"
          - {anomaly_window: 10, min_anomaly_share: 0.5}
          - {enabled: false}
        """
    )

    config = monitor.config
    assert config.interval == Interval(5400)
    assert config.anchor == datetime(2026, 1, 1, 0, 5, tzinfo=UTC)
    assert config.loading_start_time == datetime(2025, 1, 1, tzinfo=UTC)
    assert (config.loading_delay, config.lookback) == (timedelta(minutes=5), timedelta(days=2))
    assert [detector.get_detector_params() for detector in monitor.detectors] == [
        "{}", '{"seasonality_components": [["hour", "promo"]], "threshold": 4.0}',
    ]  # fmt: skip
    fast, second = config.rules()
    assert fast == AlertRule(
        name="fast", channels=("ops",), timezone="UTC", min_detectors=2, direction=DirectionRule.UP,
        consecutive_anomalies=1, keep_firing_for=timedelta(hours=1), renotify_every=timedelta(days=1),
        recovery=False, no_data_for=timedelta(hours=3), template_single="{{ series }}",
        template_consecutive="{{ series }} again",
    )  # fmt: skip
    assert second == AlertRule(
        name="rule-2", timezone="Europe/Berlin", anomaly_window=10, min_anomaly_share=0.5
    )


@pytest.mark.parametrize(
    ("text", "message", "line", "hint"),
    [
        ("intervall: 1h\n", "unknown key 'intervall'", 1, "did you mean 'interval'?"),
        ("name: m\nquery: x\nintervl: 1h\n", "unknown key 'intervl'", 3, "did you mean 'interval'?"),
        ("name: m\ntable: x\n", "unknown key 'table'", 2, None),
        ("query_columns:\n  time: t\n", "unknown key 'query_columns.time'", 2, "did you mean 'timestamp'?"),
        ("detectors:\n- type: mad\n- params: {}\n", "the key 'detectors.1.type' is missing", 3, None),
        (
            "detectors:\n- type: mad\n  parms: {}\n",
            "unknown key 'detectors.0.parms'",
            3,
            "did you mean 'params'?",
        ),
        (
            "detectors:\n- type: mad\n  params: {treshold: 3}\n",
            "MADDetector has no parameter treshold",
            2,
            "did you mean threshold?",
        ),
        (
            "detectors:\n- {type: mda}\n",
            "there is no detector 'mda'",
            2,
            "known are iqr, mad, manual_bounds, zscore",
        ),
        ("alerting:\n  chanels: []\n", "unknown key 'alerting.chanels'", 2, "did you mean 'channels'?"),
        (
            "alerting:\n- {}\n- direction: up\n  chanels: []\n",
            "unknown key 'alerting.1.chanels'",
            4,
            "did you mean 'channels'?",
        ),
        (
            "alerting:\n  no_data:\n    four: 1h\n",
            "unknown key 'alerting.no_data.four'",
            3,
            "did you mean 'for'?",
        ),
        ("alerting:\n  no_data: {}\n", "the key 'alerting.no_data.for' is missing", 2, None),
        ("alerting:\n  channels: [opps]\n", "there is no alert channel 'opps'", 2, "did you mean 'ops'?"),
        ("profile: fils\n", "there is no profile 'fils'", 1, "did you mean 'files'?"),
    ],
)
def test_a_wrong_key_is_said_with_its_line_and_a_suggestion(
    files: Files, text: str, message: str, line: int, hint: str | None
) -> None:
    files.write(
        "profiles.yml", "alert_channels: {ops: {type: slack, webhook_url: 'https://hooks.example.org/x'}}\n"
    )

    error = files.metric_error(text)

    assert (error.message, error.line) == (message, line)
    assert hint is None or error.hint == hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("interval: soon", "interval: 'soon' is not a length of time: write 30s, 10min, 1h, 1d, 1w"),
        ("interval: 1M", "interval: '1M' could be minutes or months: write 1min, or 30d"),
        ("interval: 0", "interval: an interval is 1 to 2147483647 whole seconds, not 0"),
        ("interval: 1.5s", "interval: '1.5s' is not a whole number of seconds"),
        ("interval: true", "is not a length of time"),
        ("interval: [1h]", "is not a length of time"),
        ("lookback: -1h", "is not a length of time"),
        ("lookback: 99999999999999999999d", "is out of range"),
        ("anchor: noon", "anchor: 'noon' is not a date or time"),
        ("anchor: 5", "is not a date or time"),
        ("anchor: 0001-01-01T00:00:00+14:00", "is not a date or time"),
        ("timezone: Europe/Berln", "timezone: 'Europe/Berln' is not a time zone"),
        ("timezone: ../../etc/passwd", "is not a time zone"),
        ("timezone: 5", "timezone: 5 is not a time zone"),
        ("align: ceil", "align: input should be 'floor', 'nearest' or 'error'"),
        ("aggregate: median", "aggregate: input should be 'last', 'mean'"),
        ("loading_end: tomorrow", "loading_end: input should be 'data' or 'now'"),
        ("loading_batch_size: 0", "loading_batch_size: input should be greater than or equal to 1"),
        ("seasonality_columns: [year]", "seasonality_columns.0: input should be 'minute', 'hour'"),
        ("seasonality_columns: hour", "seasonality_columns: this must be a list"),
        ("seasonality_columns: [is_holiday]", "is_holiday and holidays (a country such as DE"),
        ("holidays: DE", "go together"),
        ("name: a{b}", "name: this is no usable name: write letters, digits and _ . : -, not too many"),
        ("name: ''", "name: this is no usable name"),
        ("tags: [a b]", "must be one word"),
        ("tags: x", "tags: this must be a list"),
        ("enabled: perhaps", "enabled: this must be true or false"),
        ("query_columns: t", "query_columns: this must hold keys and values"),
        ("detectors: mad", "detectors: this must be a list"),
        ("detectors: [mad]", "detectors.0: this must hold keys and values"),
        ("detectors: [{type: mad}, {type: mad, params: {threshold: 3.0}}]", "the same detector stands twice"),
        ("detectors: [{type: manual_bounds}]", "lower_bound"),
        ("query_file: q.sql\nquery: x", "give either query or query_file"),
        ("alerting: {anomaly_window: 5}", "anomaly_window and min_anomaly_share go together"),
        (
            "alerting: {anomaly_window: 5, min_anomaly_share: 0.5, consecutive_anomalies: 2}",
            "exclude each other",
        ),
        ("alerting: {min_anomaly_share: 2}", "less than or equal to 1"),
        ("alerting: {min_detectors: 0}", "greater than or equal to 1"),
        ("alerting: {direction: sideways}", "'same', 'any', 'up' or 'down'"),
        ("alerting: {timezone: Mars/Base}", "alerting.timezone: 'Mars/Base' is not a time zone"),
        ("alerting: [{name: a}, {name: a}]", "two alerting rules have the same name"),
        ("alerting: [{}, {name: default}]", "two alerting rules have the same name"),
        ("alerting: soon", "alerting: this must be a list"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_said_in_one_sentence(files: Files, text: str, said: str) -> None:
    error = files.metric_error(text + "\n")

    assert said in str(error)
    assert "\n" not in str(error)
    assert error.line is not None


def test_a_key_without_a_value_is_as_if_it_was_not_there(files: Files) -> None:
    plain = files.metric("").config
    empty = files.metric("tags:\nalerting:\ndescription:\nlookback:\ndetectors:\n").config

    assert empty == plain
    assert files.metric("detectors:\n- type: mad\n  params:\n").config.detectors[0].params == {}
    assert files.metric_error("name:\n").message == "the key 'name' is missing"
    assert "unknown key 'lookbak'" in files.metric_error("lookbak:\n").message


def test_alerting_may_be_one_rule_or_a_list(files: Files) -> None:
    assert [rule.name for rule in files.metric("alerting: {}\n").config.rules()] == ["default"]
    assert [rule.name for rule in files.metric("alerting: [{}, {}]\n").config.rules()] == [
        "default",
        "rule-2",
    ]
    assert files.metric("alerting: [{enabled: false}]\n").config.rules() == ()


def test_a_rule_has_the_time_zone_of_its_metric(files: Files) -> None:
    (rule,) = files.metric("timezone: Asia/Tokyo\nalerting: {}\n").config.rules()

    assert rule.timezone == "Asia/Tokyo"


def test_a_rule_says_the_defaults_of_the_model(files: Files) -> None:
    assert files.metric("alerting: {}\n").config.rules() == (AlertRule(),)


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-01-05", datetime(2026, 1, 5, tzinfo=UTC)),
        ("2026-01-05 06:30:00", datetime(2026, 1, 5, 6, 30, tzinfo=UTC)),
        ("2026-01-05T06:30:00+02:00", datetime(2026, 1, 5, 4, 30, tzinfo=UTC)),
        ("'2026-01-05T06:30Z'", datetime(2026, 1, 5, 6, 30, tzinfo=UTC)),
    ],
)
def test_an_anchor_is_utc_unless_it_says_otherwise(files: Files, written: str, instant: datetime) -> None:
    assert files.metric(f"anchor: {written}\n").config.anchor == instant


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("30s", 30),
        ("10min", 600),
        ("1h", 3600),
        ("1d", 86_400),
        ("1w", 604_800),
        ("90", 90),
        ("2 hours", 7200),
    ],
)
def test_an_interval_is_read_as_people_write_it(files: Files, written: str, seconds: int) -> None:
    assert files.metric(f"interval: {written}\n").config.interval == Interval(seconds)


@given(st.integers(1, 2**31 - 1))
def test_an_interval_reads_what_it_writes(seconds: int) -> None:
    assert Interval.parse(str(Interval(seconds))) == Interval(seconds)
    assert parse_duration(seconds) == timedelta(seconds=seconds)


def test_norway_is_a_country(files: Files) -> None:
    assert files.metric("holidays: NO\nseasonality_columns: [is_holiday]\n").config.holidays == "NO"


@pytest.mark.parametrize("key", ["template_single", "template_consecutive"])
@pytest.mark.parametrize(
    "template", ["{{ series", "{{ serie }}", "{% for %}", "{{ series.__class__.__mro__ }}"]
)
def test_a_template_that_cannot_be_used_is_found_at_once(files: Files, key: str, template: str) -> None:
    error = files.metric_error(f"alerting:\n  direction: up\n  {key}: '{template}'\n")

    assert error.message.startswith(f"{key} cannot be used: ")
    assert error.line == 3


@pytest.mark.parametrize(
    ("keys", "fits"),
    [
        ("seasonality_columns: [hour]", True),
        ("query_columns: {seasonality: [hour]}", True),
        ("seasonality_columns: [day_of_week]", False),
        ("", False),
    ],
)
def test_detectors_group_by_columns_that_are_there(files: Files, keys: str, fits: bool) -> None:  # noqa: FBT001
    text = f"detectors:\n- type: mad\n- type: iqr\n  params: {{seasonality_components: [hour]}}\n{keys}\n"

    if fits:
        assert len(files.metric(text).detectors) == 2
    else:
        error = files.metric_error(text)
        assert error.message == "detector iqr groups by 'hour', which the series lack"
        assert error.line == 3


def test_a_channel_that_is_configured_wrong_breaks_the_metrics_that_use_it(files: Files) -> None:
    files.write("profiles.yml", "alert_channels: {ops: {type: slak}}\n")

    error = files.metric_error("alerting:\n  channels: [ops]\n")

    assert str(error).endswith("m.yml:2: channel ops: there is no channel type 'slak': did you mean slack?")
    assert files.metric("alerting: {enabled: false, channels: [ops]}\n").config.rules() == ()
    assert files.metric("").name == "m"


def test_a_query_file_is_looked_for_in_three_places(files: Files) -> None:
    error = files.metric_error("query_file: q.sql\n")
    assert error.message == "the query file 'q.sql' is not there"
    assert "in sql/, beside the metric, or in the project folder" in (error.hint or "")

    for folder in (".", "metrics", "sql"):
        files.write(f"{folder}/q.sql", f"SELECT '{folder}'")
        assert files.metric("query_file: q.sql\n").query == f"SELECT '{folder}'"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"- a\n", "the file is a list"),
        (b"name: [", "not valid YAML"),
        (b"name: m\nname: n\n", "the key 'name' stands twice"),
        (b"name: m\nalerting: {direction: up, direction: down}\n", "the key 'direction' stands twice"),
        (b"name: \xff\n", "the file is not UTF-8 text"),
        (b"name: !!python/object:os.system x\n", "not valid YAML"),
        (b"a: &a [x, x]\nb: &b [*a, *a]\nname: m\n", "unknown key 'a'"),
        (b"#" * 2_000_001, "the file is larger than 2,000,000 bytes"),
        (b"name: m\x00\n", "not valid YAML"),
        (b"name: " + b"[" * 3000 + b"]" * 3000, "the file is nested too deeply"),
        (b"name: m\nquery: x\ninterval: 1h\n1: x\n", "1: keys should be strings"),
        (
            b"name: m\nanchor: 2026-02-30\n",
            "bad.yml:2: not valid YAML: '2026-02-30' is not a date or time: day",
        ),
    ],
)
def test_a_file_that_is_no_metric_breaks_only_itself(files: Files, content: bytes, said: str) -> None:
    path = files.write("metrics/bad.yml", "")
    path.write_bytes(content)
    files.write("metrics/good.yml", "name: good\nquery: SELECT 1\ninterval: 1h\n")

    bad, good = files.load().monitors

    assert (bad.name, good.name) == ("bad", "good")
    assert said in str(bad.error)  # type: ignore[union-attr]
    assert "\n" not in str(bad.error)  # type: ignore[union-attr]


def test_two_metrics_of_one_name_are_refused(files: Files) -> None:
    for name in ("a", "b"):
        files.write(f"metrics/{name}.yml", "name: same\nquery: SELECT 1\ninterval: 1h\n")

    first, second = files.load().monitors

    assert first.name == "same"
    assert "the name 'same' is taken by a.yml" in str(second.error)  # type: ignore[union-attr]


def test_metrics_are_found_in_folders_and_with_both_endings(files: Files) -> None:
    for path in ("a.yml", "b.yaml", "deep/er/c.yml", "notes.txt"):
        files.write(f"metrics/{path}", f"name: {path[-5]}\nquery: SELECT 1\ninterval: 1h\n")

    assert [monitor.path.name for monitor in files.load().monitors] == ["a.yml", "b.yaml", "c.yml"]


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(content=st.dictionaries(st.sampled_from(sorted(MetricConfig.model_fields)), values, max_size=6))
def test_whatever_stands_in_a_file_is_read_or_refused_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]
) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "metric.yml"
    text = yaml.safe_dump({"name": "m", "query": "SELECT 1", "interval": "1h"} | content, allow_unicode=True)
    try:
        validate(MetricConfig, text, path)
    except ConfigError as error:
        assert "\n" not in str(error)  # noqa: PT017  # both outcomes are right


def test_a_metric_that_counts_events_needs_no_query(files: Files) -> None:
    monitor = files.metric("source: events\nevents: {categories: [Recon.Scanning]}\ndimension: groups\n")

    assert monitor.config.events == {"categories": ["Recon.Scanning"]}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("source: events\nquery: SELECT 1\n", None, "takes no query"),
        ("source: events\naggregate: max\nvariables: {a: 1}\n", None, "takes no aggregate or variables"),
        ("events: {categories: [a]}\n", None, "go with source: events"),
        ("source: events\nevents:\n  colour: red\n", 3, "no search parameter 'colour'"),
        ("source: events\nevents:\n  source_ports: [http]\n", 3, "source_ports"),
        ("source: events\nevents:\n  limit: 7\n", 3, "takes no limit"),
        ("source: events\ndimension: colour\n", 2, "dimension cannot be 'colour'"),
    ],
)
def test_what_makes_no_sense_for_a_count_of_events_is_refused(
    files: Files, text: str, line: int | None, message: str
) -> None:
    error = files.metric_error(text)

    assert message in str(error)
    assert line is None or error.line == line
