"""The real data set, where the command line keeps it."""

from __future__ import annotations

import pytest

from repro.data.dataset import Dataset, default_folder, load_cifar10
from repro.paths import home


@pytest.fixture(scope="session")
def cifar10() -> Dataset:
    return load_cifar10(default_folder(home()))
