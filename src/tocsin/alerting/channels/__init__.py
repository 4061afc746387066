"""Ways to reach people and programs: one module a channel, with its configuration and its sender."""

from tocsin.alerting.channels.build import CHANNEL_CONFIGS, build_channel
from tocsin.alerting.message import test_message

__all__ = ["CHANNEL_CONFIGS", "build_channel", "test_message"]
