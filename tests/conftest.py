"""Sets torch's environment before any test imports torch, as a worker process does."""

from __future__ import annotations

import os
import platform
import signal

import pytest
from hypothesis import HealthCheck, settings

from repro.data import layout
from repro.determinism import enter
from repro.kernels.build import this_target
from tests.kernels.on_cpu import OnCpu
from tests.tiny_cifar import COUNT, checksums, make_files

# A shell's background jobs ignore Ctrl-C and hand that on; who sends it here would wait in vain.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

enter()

# Tests read English, whatever the locale of whoever runs them: here and in every process that
# inherits this environment. A test of another language sets it itself.
os.environ["REPRO_LANG"] = "en"

settings.register_profile(
    "default", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("nightly", settings.get_profile("default"), max_examples=2_000)
settings.register_profile("mutation", settings.get_profile("default"), max_examples=25)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


if os.name == "nt":
    # They limit memory and time by fork and setrlimit.
    collect_ignore_glob = ["properties/test_hostile_*.py", "execution/test_durability.py"]


def pytest_collection_modifyitems(items):
    """Leave out on Windows what it cannot do."""
    if os.name == "nt":
        for item in items:
            if item.get_closest_marker("posix"):
                item.add_marker(pytest.mark.skip(reason="Windows has nothing of the kind"))


@pytest.fixture
def tiny_cifar(monkeypatch) -> dict[str, bytes]:
    """The six files of a tiny data set that counts as the official one during the test."""
    files = make_files()
    monkeypatch.setattr(layout, "CHECKSUMS", checksums(files))
    monkeypatch.setattr(layout, "IMAGES_PER_FILE", COUNT)
    return files


@pytest.fixture(scope="session")
def target():
    """This machine's."""
    found = this_target()
    if found is None:
        pytest.skip("the kernels are not built for this kind of machine")
    return found


@pytest.fixture(scope="session")
def build(target):
    """The build that every machine of this kind can run."""
    return "avx2" if "avx2" in target.builds else "neon"


@pytest.fixture(scope="session")
def on_cpu(target, build, tmp_path_factory):
    """A CPU that does what is asked of a GPU, thread after thread."""
    if platform.system() != "Linux":
        pytest.skip("the flags of this compilation are those of Linux")
    return OnCpu(tmp_path_factory.mktemp("cuda"), target.builds[build].cpu)
