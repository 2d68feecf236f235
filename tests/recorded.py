"""The recorded runs and what they say, read and judged once a process."""

from __future__ import annotations

import functools

from repro.commands.context import evidence
from repro.runs.locations import recorded_store
from repro.runs.records import RunRecord
from repro.verdicts.evidence import Evidence


@functools.cache
def recorded_runs() -> tuple[RunRecord, ...]:
    """Of `results/runs`, in the order of their names."""
    return tuple(recorded_store().records())


@functools.cache
def recorded_evidence() -> Evidence:
    """Of the recorded runs, as the commands see it with --recorded. Not to be changed."""
    return evidence(True)
