"""The recorded runs, read once a process."""

from __future__ import annotations

import functools

from repro.runs.locations import recorded_store
from repro.runs.records import RunRecord


@functools.cache
def recorded_runs() -> tuple[RunRecord, ...]:
    """Of `results/runs`, in the order of their names."""
    return tuple(recorded_store().records())
