"""Where the public data is; it is read from there, and nothing of it is kept."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["AuditLog", "data_folder", "find_audit_log"]


@dataclass(frozen=True, slots=True)
class AuditLog:
    """The labelled audit log.

    Attributes:
        log: The log.
        templates: What the peer's parser matches it with.
        labels: The 1-based numbers of the lines of the attack.
        training_lines: How many lines of it come before anything else is looked at.
    """

    log: Path
    templates: Path
    labels: frozenset[int]
    training_lines: int = 1_800


def data_folder() -> Path | None:
    """Give the folder of the public data: `$TOCSIN_DATA`, else `../shared/data`; `None` without it."""
    default = Path(__file__).parent.parent.parent / "shared" / "data"
    folder = Path(os.environ.get("TOCSIN_DATA", default))
    return folder if folder.is_dir() else None


def find_audit_log() -> AuditLog | None:
    """Give the audit log, `None` when it is not there."""
    folder = data_folder()
    if folder is None or not (folder / "logs" / "audit" / "audit.log").is_file():
        return None
    audit = folder / "logs" / "audit"
    lines = (audit / "audit_anomaly_labels.log").read_text(encoding="utf-8").splitlines()
    labels = frozenset(int(json.loads(line)["line"]) for line in lines if line.strip())
    return AuditLog(audit / "audit.log", audit / "audit_templates.txt", labels)
