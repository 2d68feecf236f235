from __future__ import annotations

import pytest


@pytest.fixture
def home(tmp_path):
    """Where runs and data would be; nothing is there."""
    return tmp_path / "home"
