"""Sets the portable profile before any test imports torch, as a worker process does."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from repro.profiles import environment

os.environ.update(environment("portable"))

settings.register_profile(
    "default", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("nightly", settings.get_profile("default"), max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
