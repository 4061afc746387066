"""The configuration of a project: YAML in, checked values out."""

from tocsin.runtime.config.metric import MetricConfig
from tocsin.runtime.config.project import ProfileConfig, ProfilesConfig, ProjectConfig

__all__ = ["MetricConfig", "ProfileConfig", "ProfilesConfig", "ProjectConfig"]
