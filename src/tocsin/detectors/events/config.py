"""What every event detector can be told."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from tocsin.model import parse_duration

__all__ = ["Allowance", "CoreDetectorConfig", "Duration", "PersistConfig", "PositiveDuration", "Settings"]


class Settings(BaseModel):
    """Keys that are checked strictly; unknown ones are refused by their name."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _positive(length: timedelta) -> timedelta:
    if length <= timedelta(0):
        raise ValueError("this length of time must be more than 0")
    return length


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(timedelta.total_seconds, return_type=float, when_used="json"),
]
"""`30s`, `10min`, `1h`, `1d`, `1w`, seconds, or a timedelta."""

PositiveDuration = Annotated[Duration, BeforeValidator(lambda value: _positive(parse_duration(value)))]

Scalar = str | int | float | bool | None


class Allowance(Settings):
    """What never alerts again; a key that is left out means any."""

    event_id: int | str | None = None
    variable: str | None = None
    value: Scalar | list[Any] = None


class PersistConfig(Settings):
    """The `persist:` block: where a detector's state is kept, and when it is saved.

    Attributes:
        path: A folder or any fsspec URI; the first entry of `$STATE_DIRECTORY`, else `./state`.
        interval_seconds: Save after this time.
        events_until_save: Save after this many events as well.
        auto_load: Begin with what is saved; `if_present` begins empty when nothing is.
        storage_options: Credentials and options of the file system; never part of the state.
    """

    path: str | None = None
    interval_seconds: float = Field(default=300.0, gt=0)
    events_until_save: int | None = Field(default=None, ge=1)
    auto_load: bool | Literal["if_present"] = False
    storage_options: dict[str, Any] = Field(default_factory=dict, repr=False)


class CoreDetectorConfig(Settings):
    """The configuration of an event detector; subclass it for keys of your own.

    Training ends by the first of its rules that holds. Without any rule it lasts until
    `finish_training()`.

    Attributes:
        data_use_configure: How many events, before training, are used to choose variables.
        data_use_training: How many events are learned from; 0 judges from the first.
        training_duration: Training ends when events span this time.
        training_quiet: Training ends when nothing new was learned for this long (event time).
        learn: `always` learns from every event after it was judged; `training` never then.
        forget_after: With `learn: always`, what was not seen for this long is news again.
        max_events: How many EventIDs are remembered.
        allow: What never alerts.
        persist: Where the state is kept; `None` leaves that to others.
    """

    data_use_configure: int | None = Field(default=None, ge=0)
    data_use_training: int | None = Field(default=None, ge=0)
    training_duration: PositiveDuration | None = None
    training_quiet: PositiveDuration | None = None
    learn: Literal["training", "always"] = "training"
    forget_after: PositiveDuration | None = None
    max_events: int = Field(default=100_000, ge=1)
    allow: list[Allowance] = Field(default_factory=list)
    persist: PersistConfig | None = None

    @model_validator(mode="after")
    def _forgetting_needs_learning(self) -> CoreDetectorConfig:
        if self.forget_after is not None and self.learn != "always":
            raise ValueError(
                "forget_after needs learn: always; a model that no longer learns would forget everything"
            )
        return self
