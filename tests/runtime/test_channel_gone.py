"""A channel that is renamed while something is open, and while messages wait for it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tests.runtime.alert_scenes import NOWHERE, Scene

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SteppingClock

BEGUN, OVER = range(180, 186), 186


def test_after_a_renaming_the_end_goes_to_the_new_channel_and_what_waits_for_the_old_is_given_up(
    tmp_path: Path, clock: SteppingClock
) -> None:
    scene = Scene.new(tmp_path, clock)
    scene.metric("load", BEGUN, OVER)
    scene.run()
    scene.work.write("profiles.yml", {"alert_channels": {"hook2": NOWHERE}})
    scene.metric("load", BEGUN, alerting={"channels": ["hook2"]})

    report = scene.work.run()

    assert (
        "channel hook: no channel is called 'hook': add it to alert_channels in the profile;"
        " 1 message waits for it, and is given up after 32 hours"
    ) in report.notes
    old, new = scene.why("load").rules[0].answers
    assert [(one.channel, [row.kind.value for row in one.told]) for one in (old, new)] == [
        ("hook", ["first"]),
        ("hook2", ["recovered"]),
    ]
    assert "no channel is called 'hook'" in scene.words("load")

    clock.advance(timedelta(hours=32))
    report = scene.work.run()

    assert "messages that were given up: 1" in report.notes
    assert not [note for note in report.notes if "no channel is called" in note]
    assert "was given up after 1 attempt by hook: no channel is called 'hook'" in scene.words("load")


def test_a_channel_whose_configuration_is_wrong_keeps_its_messages(
    tmp_path: Path, clock: SteppingClock
) -> None:
    scene = Scene.new(tmp_path, clock)
    scene.metric("load", BEGUN, OVER)
    scene.run()
    scene.work.write("profiles.yml", {"alert_channels": {"hook": {"type": "webhook", "url": 5}}})
    clock.advance(timedelta(hours=40))

    report = scene.work.run()

    assert not [note for note in report.notes if "no channel is called" in note or "given up" in note]
    assert "messages that wait to be sent again by a later run: 1" in report.notes
    assert [note for note in report.notes if "hook" in note]
